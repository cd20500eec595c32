import { HASH_BYTES } from './merkle-tree.ts';

/** Bytes of standard base64 (RFC 4648, section 4), or undefined when it is not the one encoding of them. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** A hash in base64, or undefined for anything else. */
export function decodeHash(text: string): Buffer | undefined {
  const bytes = decodeBase64(text);
  return bytes?.length === HASH_BYTES ? bytes : undefined;
}
