import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(argon2);

/** What OWASP recommends for Argon2id: 19 MiB, two passes. */
const COST = { parallelism: 1, memory: 19_456, passes: 2, tagLength: 32 } as const;
const SALT_BYTES = 16;

/** A digest from which nobody gets the password back, `argon2id$salt$tag`. */
export async function digestOf(password: string): Promise<string> {
  const nonce = randomBytes(SALT_BYTES);
  const tag = await derive('argon2id', { ...COST, message: password, nonce });
  return ['argon2id', nonce.toString('base64url'), tag.toString('base64url')].join('$');
}

/** Takes as long for a wrong password as for the right one. */
export async function isPasswordOf(digest: string, password: string): Promise<boolean> {
  const [, salt = '', expected = ''] = digest.split('$');
  const tag = await derive('argon2id', { ...COST, message: password, nonce: Buffer.from(salt, 'base64url') });
  const wanted = Buffer.from(expected, 'base64url');
  return tag.length === wanted.length && timingSafeEqual(tag, wanted);
}

/** Whether it is the password of any of these digests. */
export async function isPasswordOfAny(digests: readonly string[], password: string): Promise<boolean> {
  for (const digest of digests) if (await isPasswordOf(digest, password)) return true;
  return false;
}
