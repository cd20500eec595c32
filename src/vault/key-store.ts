import { createSecretKey, hash, type KeyObject } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { readJsonFile, writeDurably } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';
import { createKeyFile, type KeyFile, keyFilePath, listKeyFiles, openKeyFile } from './key-file.ts';
import type { KeyProvider } from './key-provider.ts';
import { type DataKey, newDataKey, SLOT_BYTES, unwrapKey, wrapKey } from './key-slot.ts';
import { wipeFile } from './wiped-file.ts';

/** Told until it is on the record. */
const ROTATION_FILE = 'rotation.json';
/** Slots that are wrapped anew before others may go on. */
const CHUNK_SLOTS = 500;
/** Keys in the clear in memory. */
const OPEN_KEYS_MAX = 10_000;

/** Whose key it is: SHA-256 of tenant and name, 32 bytes as a latin1 string. Never leaves memory but wrapped. */
export type Subject = string;

/** A person or whatever else an erasure is asked for, as one tenant knows it. */
export function subjectOf(tenant: string, name: string): Subject {
  return hash('sha256', JSON.stringify([tenant, name]), 'latin1');
}

/** A data key that can be used. */
export interface UsableKey {
  readonly kid: string;
  readonly key: KeyObject;
}

/** The end of an epoch: its key-encryption key is gone, and with it every copy of the store from before. */
export interface Rotation {
  readonly from: number;
  readonly to: number;
  /** Data keys that went on, wrapped anew. */
  readonly keys: number;
}

export interface KeyStoreOptions {
  readonly dir: string;
  readonly provider: KeyProvider;
  readonly clock: Clock;
}

interface Held {
  readonly subject: Subject;
  readonly slot: number;
}

/**
 * The data keys, one a subject, random and wrapped under the key-encryption key of an epoch. What this promises when it
 * has resolved survives kill -9. One process at a time may have the folder open.
 */
export class KeyStore {
  /** A rotation that is not on the record yet. */
  owed: Rotation | undefined;
  /** Slots that cannot be read: their keys are lost. */
  damaged = 0;
  readonly #options: KeyStoreOptions;
  readonly #kids = new Map<Subject, string>();
  readonly #held = new Map<string, Held>();
  readonly #open = new Map<string, KeyObject>();
  #file: KeyFile;
  #kek: KeyObject;
  /** Changes wait for each other. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: KeyStoreOptions, file: KeyFile, kek: KeyObject) {
    this.#options = options;
    this.#file = file;
    this.#kek = kek;
  }

  /**
   * Opens the store, makes it when there is none, and ends a rotation that was cut off. Rejects with `vault.unreadable`
   * when the keys are there and their key-encryption key is not, or with `state.unwritable`.
   */
  static async open(options: KeyStoreOptions): Promise<KeyStore> {
    const { dir, provider, clock } = options;
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new KinError('state.unwritable', `cannot create ${dir}`, { cause, details: { path: dir } });
    }
    for (const name of readdirSync(dir)) if (name.endsWith('.tmp')) await wipeFile(join(dir, name));
    const epoch = listKeyFiles(dir).at(-1);
    const { file, kek } = epoch === undefined ? await begin(dir, provider, clock) : await enter(dir, provider, epoch);
    const store = new KeyStore(options, file, kek);
    await store.#load();
    await store.#leaveOthers();
    return store;
  }

  get epoch(): number {
    return this.#file.epoch;
  }

  /** When the epoch began, in milliseconds since 1970. */
  get epochStartedAt(): number {
    return this.#file.startedAt;
  }

  /** Data keys that there are. */
  get size(): number {
    return this.#held.size;
  }

  /** The id of a subject's key, if it has one. */
  kidOf(subject: Subject): string | undefined {
    return this.#kids.get(subject);
  }

  /** Whose key it is. */
  subjectOfKid(kid: string): Subject | undefined {
    return this.#held.get(kid)?.subject;
  }

  /** The keys of subjects, in the order given; new ones are made, and are durable before they are given out. */
  async keysOf(subjects: readonly Subject[]): Promise<readonly UsableKey[]> {
    const missing = new Set(subjects.filter((subject) => !this.#kids.has(subject)));
    if (missing.size > 0) await this.#inTurn(() => this.#make([...missing]));
    const kids = subjects.map((subject) => this.#kids.get(subject) ?? '');
    const keys = await this.#openAll(kids);
    return kids.map((kid) => {
      const key = keys.get(kid);
      if (key) return { kid, key };
      throw new KinError('ledger.overloaded', 'a key was destroyed while it was asked for');
    });
  }

  /** A key by its id; undefined when it was destroyed or never was. */
  async keyOf(kid: string): Promise<KeyObject | undefined> {
    return (await this.#openAll([kid])).get(kid);
  }

  /** Destroys keys: when it resolves nobody can use them or read them from the disk. Safe to repeat. */
  async destroy(kids: readonly string[]): Promise<void> {
    await this.#inTurn(async () => {
      await this.#file.erase(kids.flatMap((kid) => this.#held.get(kid)?.slot ?? []));
      for (const kid of kids) this.#forget(kid);
    });
  }

  /**
   * Begins the next epoch: all keys are wrapped under a new key-encryption key, and the one before is destroyed. `keep`
   * leaves out the keys of which it says no. `owed` tells of it until `settleRotation`.
   */
  async rotate(keep: (subject: Subject) => boolean = () => true): Promise<Rotation> {
    return await this.#inTurn(async () => {
      const { dir, provider, clock } = this.#options;
      const from = this.epoch;
      const to = from + 1;
      const kek = await provider.create(to);
      const kept = await this.#unwrapAll(({ subject }) => keep(subject.toString('latin1')));
      const slots = await this.#inChunks(kept, (key) => wrapKey(key, kek, to));
      const rotation: Rotation = { from, to, keys: kept.length };
      writeDurably(join(dir, ROTATION_FILE), JSON.stringify(rotation));
      const next = await createKeyFile(dir, { epoch: to, startedAt: clock.now(), slots: Buffer.concat(slots) });
      await this.#file.close();
      this.#file = next;
      this.#kek = kek;
      this.#index(kept.map((key, slot) => ({ key, slot })));
      this.owed = rotation;
      await this.#leaveOthers();
      return rotation;
    });
  }

  /** Forgets a rotation, once it is on the record. */
  settleRotation(): void {
    rmSync(join(this.#options.dir, ROTATION_FILE), { force: true });
    this.owed = undefined;
  }

  async close(): Promise<void> {
    await this.#inTurn(() => this.#file.close());
    this.#open.clear();
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act, act);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #load(): Promise<void> {
    const slots = await this.#file.slots();
    const found: { key: DataKey; slot: number }[] = [];
    for (let slot = 0; slot * SLOT_BYTES < slots.length; slot += 1) {
      const key = unwrapKey(slotAt(slots, slot), this.#kek, this.epoch);
      if (key === 'damaged') this.damaged += 1;
      else if (key !== 'empty') found.push({ key, slot });
    }
    this.#index(found);
    const noted = readJsonFile(join(this.#options.dir, ROTATION_FILE)) as Rotation | undefined;
    // One that did not come as far as its file did not happen.
    if (noted?.to === this.epoch) this.owed = noted;
    else this.settleRotation();
  }

  #index(found: readonly { readonly key: DataKey; readonly slot: number }[]): void {
    this.#kids.clear();
    this.#held.clear();
    for (const { key, slot } of found) {
      const subject: Subject = key.subject.toString('latin1');
      this.#kids.set(subject, key.kid);
      this.#held.set(key.kid, { subject, slot });
    }
    for (const kid of this.#open.keys()) if (!this.#held.has(kid)) this.#open.delete(kid);
  }

  /** What a rotation leaves behind: the key-encryption keys of all other epochs first, then what they had wrapped. */
  async #leaveOthers(): Promise<void> {
    const { dir, provider } = this.#options;
    for (const epoch of await provider.epochs()) if (epoch !== this.epoch) await provider.destroy(epoch);
    for (const epoch of listKeyFiles(dir)) if (epoch !== this.epoch) await wipeFile(keyFilePath(dir, epoch));
  }

  async #make(subjects: readonly Subject[]): Promise<void> {
    const keys = subjects
      .filter((subject) => !this.#kids.has(subject))
      .map((subject) => newDataKey(Buffer.from(subject, 'latin1')));
    if (keys.length === 0) return;
    const first = await this.#file.append(keys.map((key) => wrapKey(key, this.#kek, this.epoch)));
    for (const [position, { kid, key, subject }] of keys.entries()) {
      const name: Subject = subject.toString('latin1');
      this.#kids.set(name, kid);
      this.#held.set(kid, { subject: name, slot: first + position });
      this.#remember(kid, key);
    }
  }

  #forget(kid: string): void {
    const held = this.#held.get(kid);
    if (!held) return;
    this.#held.delete(kid);
    this.#kids.delete(held.subject);
    this.#open.delete(kid);
  }

  #remember(kid: string, bytes: Buffer): KeyObject {
    if (this.#open.size >= OPEN_KEYS_MAX) this.#open.clear();
    const key = createSecretKey(bytes);
    bytes.fill(0);
    this.#open.set(kid, key);
    return key;
  }

  /** Those that there are, by their ids. */
  async #openAll(kids: readonly string[]): Promise<ReadonlyMap<string, KeyObject>> {
    const found = new Map<string, KeyObject>();
    for (const kid of kids) {
      const key = this.#open.get(kid);
      if (key) found.set(kid, key);
    }
    const closed = kids.filter((kid) => !found.has(kid));
    if (closed.length > 0) await this.#inTurn(() => this.#unwrapInto(found, closed));
    return found;
  }

  async #unwrapInto(found: Map<string, KeyObject>, kids: readonly string[]): Promise<void> {
    for (const kid of kids) {
      const held = this.#held.get(kid);
      if (!held || found.has(kid)) continue;
      const key = unwrapKey(await this.#file.slot(held.slot), this.#kek, this.epoch);
      assert(typeof key === 'object', 'a slot that could be read once can be read again');
      found.set(kid, this.#remember(kid, key.key));
    }
  }

  async #unwrapAll(isKept: (key: DataKey) => boolean): Promise<DataKey[]> {
    const slots = await this.#file.slots();
    const keys = await this.#inChunks([...this.#held.values()], ({ slot }) => {
      return unwrapKey(slotAt(slots, slot), this.#kek, this.epoch);
    });
    return keys.filter((key): key is DataKey => typeof key === 'object').filter(isKept);
  }

  /** Others come between: a rotation may take seconds, requests do not wait so long. */
  async #inChunks<From, To>(all: readonly From[], act: (one: From) => To): Promise<To[]> {
    const done: To[] = [];
    for (let at = 0; at < all.length; at += CHUNK_SLOTS) {
      for (const one of all.slice(at, at + CHUNK_SLOTS)) done.push(act(one));
      await this.#options.clock.sleep(0);
    }
    return done;
  }
}

function slotAt(slots: Buffer, slot: number): Buffer {
  return slots.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES);
}

async function begin(dir: string, provider: KeyProvider, clock: Clock) {
  const kek = await provider.create(1);
  return { kek, file: await createKeyFile(dir, { epoch: 1, startedAt: clock.now(), slots: Buffer.alloc(0) }) };
}

async function enter(dir: string, provider: KeyProvider, epoch: number) {
  const kek = await provider.read(epoch);
  if (kek) return { kek, file: await openKeyFile(dir, epoch) };
  throw new KinError('vault.unreadable', `the key-encryption key of epoch ${epoch} is not there`, {
    details: { path: dir, epoch },
  });
}
