import type { KeyObject } from 'node:crypto';

/**
 * Keeps the key-encryption keys, one an epoch, apart from what they protect. Whoever has a copy of the key store from an
 * epoch whose key was destroyed has noise: that is what makes an erasure reach backups.
 */
export interface KeyProvider {
  /** The key of an epoch, 256 random bits; made when there is none yet, and durable when this resolves. */
  create(epoch: number): Promise<KeyObject>;
  /** The key of an epoch, or undefined when it was never made or was destroyed. */
  read(epoch: number): Promise<KeyObject | undefined>;
  /** Nobody can read the key any more when this resolves, also after a power cut. Safe to repeat. */
  destroy(epoch: number): Promise<void>;
  /** The epochs that have a key, in ascending order. */
  epochs(): Promise<readonly number[]>;
}
