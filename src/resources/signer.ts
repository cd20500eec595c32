import { z } from 'zod';

/** DER of an Ed25519 public key (RFC 8410): always these twelve bytes, then the key. */
const ED25519_PREFIX = '302a300506032b6570032100';
const KEY_BYTES = 44;

/** An Ed25519 public key in one line: the base64 of its DER, which is what stands inside of a PEM. */
export const signerKeySchema = z.string().refine(isEd25519, {
  message: 'must be an Ed25519 public key in one line, as `kintsugi record key FILE` prints it',
});

function isEd25519(text: string): boolean {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== KEY_BYTES || bytes.toString('base64') !== text) return false;
  return bytes.subarray(0, 12).toString('hex') === ED25519_PREFIX;
}

/** The same key as PEM, as libraries take it. */
export function pemOf(publicKey: string): string {
  return `-----BEGIN PUBLIC KEY-----\n${publicKey}\n-----END PUBLIC KEY-----\n`;
}

/** The one line of a PEM, as manifests hold it. */
export function lineOf(pem: string): string {
  return pem.replace(/-----[A-Z ]+-----|\s/g, '');
}
