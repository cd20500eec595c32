import { randomBytes } from 'node:crypto';

/** A source of randomness. Production draws from the operating system; simulations draw from a printed seed. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `length` characters of [0-9a-z] without the look-alikes i, l, o and u (Crockford's alphabet, lower case). */
  token(length: number): string;
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

export const systemRandom: Random = {
  next: () => randomBytes(4).readUInt32LE() / 2 ** 32,
  token: (length) => Array.from(randomBytes(length), (byte) => ALPHABET[byte % 32]).join(''),
};

/** Deterministic randomness (mulberry32). Equal seeds give equal worlds. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    token: (length) => Array.from({ length }, () => ALPHABET[Math.floor(next() * 32)]).join(''),
  };
}

/** A duration spread by up to `share` to either side, so that periodic work of many subjects does not beat in step. */
export function jittered(ms: number, random: Random, share = 0.1): number {
  return ms * (1 + share * (2 * random.next() - 1));
}
