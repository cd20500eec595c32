import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { Redacted } from '../../base/redacted.ts';

/** What PostgreSQL itself uses unless told otherwise (`scram_iterations`). */
const ITERATIONS = 4096;
const KEY_BYTES = 32;
const SALT_BYTES = 16;

/**
 * What PostgreSQL keeps of a password, made on this side (RFC 5802 section 3, RFC 7677): a statement that sets it holds no
 * password, so none is in the server's log, in `pg_stat_statements` or on the wire. The password cannot be had from it.
 */
export function scramVerifier(password: Redacted<string>, salt: Buffer = randomBytes(SALT_BYTES)): string {
  const salted = pbkdf2Sync(password.reveal().normalize('NFKC'), salt, ITERATIONS, KEY_BYTES, 'sha256');
  const keyOf = (name: string) => createHmac('sha256', salted).update(name).digest();
  const storedKey = createHash('sha256').update(keyOf('Client Key')).digest('base64');
  const serverKey = keyOf('Server Key').toString('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
