import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { writeDurably } from '../base/durable-file.ts';
import type { KeyProvider } from './key-provider.ts';
import { KeyStore, type Rotation, type Subject, subjectOf } from './key-store.ts';
import { letterBoxAddress, letterBoxKey, openLetter } from './letter-box.ts';
import { openPayload, payloadAad } from './payload.ts';
import { SealPool } from './seal-pool.ts';

/** The address of the letter box, for the gateways. */
export const LETTER_BOX_FILE = 'letter-box';
const SEALING_THREADS = 2;

/** Personal data of one subject in one entry. */
export interface Personal {
  readonly entryId: string;
  readonly tenant: string;
  readonly role: string;
  /** Who it is about, as the tenant knows them. */
  readonly subject: string;
  readonly text: string;
}

/** A payload and what an entry says about it. */
export interface SealedPayload {
  readonly kid: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

export interface VaultOptions {
  readonly dir: string;
  readonly provider: KeyProvider;
  readonly clock: Clock;
}

/**
 * Keeps personal data apart from the record: seals them under a random key for each subject, and forgets a subject by
 * destroying its key. Opens with what `KeyStore.open` throws.
 */
export class Vault {
  readonly #keys: KeyStore;
  readonly #pool = new SealPool(SEALING_THREADS);
  readonly #dir: string;
  #boxes: readonly KeyObject[] = [];

  private constructor(keys: KeyStore, dir: string) {
    this.#keys = keys;
    this.#dir = dir;
  }

  static async open(options: VaultOptions): Promise<Vault> {
    const vault = new Vault(await KeyStore.open(options), options.dir);
    await vault.#openBoxes();
    return vault;
  }

  get epoch(): number {
    return this.#keys.epoch;
  }

  /** When the epoch began, in milliseconds since 1970. */
  get epochStartedAt(): number {
    return this.#keys.epochStartedAt;
  }

  /** Keys, that of the letter box included. */
  get size(): number {
    return this.#keys.size;
  }

  /** Keys that are lost, because their bytes are not what was written. */
  get damaged(): number {
    return this.#keys.damaged;
  }

  /** A rotation that is not on the record yet. */
  get owed(): Rotation | undefined {
    return this.#keys.owed;
  }

  /** Seals in threads, in the order given. Keys are made where there is none, and are durable before anything is sealed. */
  async seal(all: readonly Personal[]): Promise<readonly SealedPayload[]> {
    const keys = await this.#keys.keysOf(all.map(({ tenant, subject }) => subjectOf(tenant, subject)));
    const jobs = all.map(({ entryId, role, text }, at) => ({ key: keys[at]!, aad: payloadAad(entryId, role), text }));
    const sealed = await this.#pool.seal(jobs);
    return sealed.map(({ bytes, sha256 }, at) => ({ kid: keys[at]!.kid, bytes, sha256 }));
  }

  /** What a payload says; undefined when its key was destroyed or it is not of this place. */
  async open(kid: string, entryId: string, role: string, payload: Uint8Array): Promise<string | undefined> {
    const key = await this.#keys.keyOf(kid);
    return key && openPayload(key, payloadAad(entryId, role), payload);
  }

  /** The text of a letter that somebody put into the box in this epoch or the one before. */
  openLetter(aad: string, letter: string): string | undefined {
    return openLetter(this.#boxes, aad, letter);
  }

  /** The id of the key of a subject, if anything was ever sealed for it and is not erased. */
  kidOf(tenant: string, subject: string): string | undefined {
    return this.#keys.kidOf(subjectOf(tenant, subject));
  }

  /** The id of the key of a subject; one is made when there is none. */
  async kidFor(tenant: string, subject: string): Promise<string> {
    return (await this.#keys.keysOf([subjectOf(tenant, subject)]))[0]!.kid;
  }

  has(kid: string): boolean {
    return this.#keys.subjectOfKid(kid) !== undefined;
  }

  /** Destroys keys, on the disk and in every thread. Safe to repeat. */
  async destroy(kids: readonly string[]): Promise<void> {
    await this.#keys.destroy(kids);
    await this.#pool.forget(kids);
  }

  /** Begins the next epoch: a backup of the keys from before is noise from now on. */
  async rotate(): Promise<Rotation> {
    const old = boxOf(this.epoch - 1);
    const rotation = await this.#keys.rotate((subject) => subject !== old);
    await this.#openBoxes();
    return rotation;
  }

  /** Forgets a rotation, once it is on the record. */
  settleRotation(): void {
    this.#keys.settleRotation();
  }

  async close(): Promise<void> {
    await this.#pool.close();
    await this.#keys.close();
  }

  /** Letters may be on their way for long, so that the box of the last epoch is still emptied. */
  async #openBoxes(): Promise<void> {
    const before = boxOf(this.epoch - 1);
    const subjects = [boxOf(this.epoch), ...(this.#keys.kidOf(before) === undefined ? [] : [before])];
    this.#boxes = (await this.#keys.keysOf(subjects)).map(({ key }) => letterBoxKey(key.export()));
    writeDurably(join(this.#dir, LETTER_BOX_FILE), `${letterBoxAddress(this.#boxes[0]!)}\n`);
  }
}

/** No tenant has an empty name. */
function boxOf(epoch: number): Subject {
  return subjectOf('', `letter box of epoch ${epoch}`);
}
