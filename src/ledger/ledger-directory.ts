import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { makeFolderDurably, writeDurably } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';
import { Coverage } from './coverage.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import type { EntryStore } from './entry-store.ts';
import { tamperedFile } from './ledger-fault.ts';
import { openPostgresqlStorage } from './postgresql-storage.ts';
import { growFrom, prunedLeaf, readPruned, writePruned } from './pruned-prefix.ts';
import { RECENT_IDS, RecentIds } from './recent-ids.ts';
import { listSegments } from './segment-file.ts';
import { SegmentStore, type SegmentStoreOptions, superseded } from './segment-store.ts';
import type { LedgerStorage, StorageChoice } from './ledger-storage.ts';
import type { OpenLedger } from './open-ledger.ts';
import { Sequencer } from './sequencer.ts';
import {
  createSigningKey,
  hasSigningKey,
  QUANTUM_KEY_FILE,
  QUANTUM_VKEY_FILE,
  quantumVkeyOf,
  readSigningKey,
  type SigningKey,
  VKEY_FILE,
} from './signing-key.ts';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from './tlog/checkpoint.ts';
import { TenantChains } from './tenant-chains.ts';
import { emptyRoot, leafHash } from './tlog/merkle-tree.ts';
import { TILE_HEIGHT, TILE_WIDTH } from './tlog/tile.ts';
import type { NoteKey } from './tlog/note-key.ts';
import { openNote, signNote } from './tlog/signed-note.ts';
import { TreeNodes } from './tree-nodes.ts';

export const CHECKPOINT_FILE = 'checkpoint';
/** There when the entries are not in the folder. */
const STORAGE_FILE = 'storage';
/** Written last at birth: where it is, a key and a checkpoint must be. */
export const VERSION_FILE = 'version';
/** 2 has frames with payloads, 3 has packed segments; what is older is read as it is. */
const LEDGER_VERSION = 3;

const ENTRIES_PER_READ = 4096;

/** A ledger that this thread writes. */
export interface LedgerDirectory extends OpenLedger {
  readonly sequencer: Sequencer;
  readonly store: EntryStore;
  readonly nodes: TreeNodes;
}

export interface SignedCheckpoint {
  readonly note: string;
  readonly checkpoint: Checkpoint;
  /** When it was signed, in seconds since 1970; the first ledgers told it in another way. */
  readonly timeS?: number;
}

export interface LedgerDirectoryOptions extends Pick<SegmentStoreOptions, 'segmentBytes' | 'openFile'> {
  readonly clock: Clock;
  /** Where entries and checkpoints are kept; in the folder when it is not given. The keys are in the folder always. */
  readonly storage?: StorageChoice | undefined;
}

/**
 * Opens a ledger for writing, creating it when there is none. Every frame is checked and the tree must contain what was
 * signed last; otherwise throws `ledger.tampered` and changes nothing. Throws `ledger.newer`, `state.in-use`,
 * `state.unwritable` or `request.invalid` (its entries are kept elsewhere) as well.
 */
export async function openLedgerDirectory(dir: string, options: LedgerDirectoryOptions): Promise<LedgerDirectory> {
  makeFolderDurably(dir);
  refuseNewer(dir);
  const lock = lockDirectory(dir);
  try {
    sweep(dir);
    const key = existsSync(join(dir, VERSION_FILE)) ? ownKey(dir) : giveBirth(dir, options.clock);
    requireStorage(dir, options.storage);
    writeVersion(dir);
    const storage = await openStorage(dir, options, { key, lock });
    return await openWith(storage, options.clock, { key, lock }).catch(async (error: unknown) => {
      await storage.close();
      throw error;
    });
  } catch (error) {
    lock.release();
    throw error;
  }
}

interface Opening {
  readonly key: SigningKey;
  readonly lock: DirectoryLock;
}

async function openStorage(
  dir: string,
  options: LedgerDirectoryOptions,
  { key, lock }: Opening,
): Promise<LedgerStorage> {
  const birthNote = renewed(dir, key, options.clock).note;
  if (!options.storage) return folderStorage(dir, options, { note: birthNote, lock });
  const storage = await openPostgresqlStorage({
    connection: options.storage.connection,
    vkey: key.vkey,
    birthNote,
    segmentBytes: options.segmentBytes,
  });
  writeDurably(join(dir, STORAGE_FILE), `${options.storage.kind}\n`);
  return storage;
}

function folderStorage(
  dir: string,
  options: LedgerDirectoryOptions,
  { note, lock }: { readonly note: string; readonly lock: DirectoryLock },
): LedgerStorage {
  const path = join(dir, CHECKPOINT_FILE);
  const isWriter = () => lock.isHeld();
  let pruned = readPruned(dir);
  let store: SegmentStore | undefined;
  return {
    note,
    pruned: () => pruned,
    async openStore(opening) {
      const { first } = pruned;
      store = await SegmentStore.open(dir, { ...options, ...opening, first, isWriter });
      // A pruning that was cut off after its decision was on the disk is finished.
      await store.dropBefore(first);
      return store;
    },
    async prune(prefix) {
      assert(
        listSegments(dir).some(({ first }) => first === prefix.first),
        'whole segments are pruned',
      );
      if (!isWriter()) throw superseded(dir);
      writePruned(dir, prefix);
      pruned = prefix;
      await store?.dropBefore(prefix.first);
    },
    async replaceNote(before, after) {
      if (!isWriter() || readFileSync(path, 'utf8') !== before) throw superseded(dir);
      writeDurably(path, after);
    },
    close: async () => undefined,
  };
}

async function openWith(storage: LedgerStorage, clock: Clock, { key, lock }: Opening): Promise<LedgerDirectory> {
  const keys = key.signers.map((signer) => signer.key);
  let signed = checkedNote(storage.note, keys);
  const { store, nodes, chains } = await openTree(storage, signed.checkpoint);
  const sequencer = new Sequencer(store, nodes, await readRecentIds(store, storage.pruned().first), chains);
  const coverage = new Coverage(signed.checkpoint.size);
  let signing: Promise<void> = Promise.resolve();
  const signNow = async () => {
    if (nodes.size === signed.checkpoint.size) return;
    const next = signedHead(key, { size: nodes.size, root: nodes.tree.root() }, clock);
    await storage.replaceNote(signed.note, next.note);
    signed = next;
    coverage.reach(signed.checkpoint.size);
  };
  // One after the other: each continues the one before.
  const sign = () => {
    signing = signing.catch(() => undefined).then(signNow);
    return signing;
  };
  return {
    sequencer,
    store,
    nodes,
    key: key.key,
    vkey: key.vkey,
    signed: () => signed,
    sign,
    first: () => storage.pruned().first,
    prunedMs: () => storage.pruned().latestMs,
    prune: (first, latestMs) => prune(storage, { store, nodes }, { first, latestMs }),
    covers: (index, signal) => coverage.covers(index, signal),
    async close() {
      await sequencer.drain();
      try {
        await sign();
      } finally {
        await store.close();
        await storage.close();
        lock.release();
      }
    },
  };
}

/** Reads the whole log into a tree, which must pass through the signed root on its way. */
async function openTree(
  storage: LedgerStorage,
  { size, root }: Checkpoint,
): Promise<{ store: EntryStore; nodes: TreeNodes; chains: TenantChains }> {
  const chains = new TenantChains();
  const nodes: TreeNodes = new TreeNodes((from, limit) => store.read(from, limit));
  const check = () => {
    if (nodes.tree.size !== size || nodes.tree.root().equals(root)) return;
    throw tamperedFile(CHECKPOINT_FILE, `the first ${size} entries are not the ones that were signed`);
  };
  check();
  growFrom(storage.pruned(), nodes.tree, check);
  chains.resume(storage.pruned().chains);
  const onEntry = (entry: Buffer) => {
    const leaf = leafHash(entry);
    nodes.tree.add(leaf);
    chains.follow(entry, leaf);
    check();
  };
  const store: EntryStore = await storage.openStore({ signedSize: size, onEntry });
  return { store, nodes, chains };
}

/** The hashes of what goes are on the disk before anything goes. */
async function prune(
  storage: LedgerStorage,
  { store, nodes }: { readonly store: EntryStore; readonly nodes: TreeNodes },
  { first, latestMs }: { readonly first: number; readonly latestMs: number },
): Promise<void> {
  const before = storage.pruned();
  assert(first <= store.size && first >= before.first, 'what is pruned is a beginning of what is there');
  const chains = new TenantChains();
  chains.resume(before.chains);
  const tiles = Math.floor(first / TILE_WIDTH);
  const hashes = [tiles > 0 ? await nodes.kept(TILE_HEIGHT, 0, tiles) : Buffer.alloc(0)];
  // Of a tile that is not complete yet, some hashes may be left from the pruning before.
  for (let index = tiles * TILE_WIDTH; index < before.first; index += 1) hashes.push(prunedLeaf(before, index));
  for (let index = before.first; index < first; ) {
    for (const entry of await store.read(index, Math.min(first - index, ENTRIES_PER_READ))) {
      const leaf = leafHash(entry);
      chains.follow(entry, leaf);
      if (index >= tiles * TILE_WIDTH) hashes.push(leaf);
      index += 1;
    }
  }
  await storage.prune({ first, latestMs, chains: chains.heads(), hashes: Buffer.concat(hashes) });
}

async function readRecentIds(store: EntryStore, first: number): Promise<RecentIds> {
  const recent = new RecentIds();
  for (let index = Math.max(first, store.size - RECENT_IDS); index < store.size; ) {
    for (const bytes of await store.read(index, ENTRIES_PER_READ)) {
      recent.add((JSON.parse(bytes.toString('utf8')) as { id: string }).id, index);
      index += 1;
    }
  }
  return recent;
}

/** Removes what a write that was cut off left beside its file; not those of others who try for the lock. */
function sweep(dir: string): void {
  const left = readdirSync(dir).filter((name) => name.endsWith('.tmp') && !name.startsWith('lock.'));
  for (const name of left) rmSync(join(dir, name), { force: true });
}

/** Throws `ledger.newer`, or `ledger.tampered` for a version that no Kintsugi wrote and for entries without one. */
export function refuseNewer(dir: string): void {
  const path = join(dir, VERSION_FILE);
  if (!existsSync(path)) {
    if (listSegments(dir).length === 0) return;
    throw tamperedFile(VERSION_FILE, 'it is missing beside entries');
  }
  const text = readFileSync(path, 'utf8');
  const version = /^[1-9]\d*\n$/.test(text) ? Number(text) : Number.NaN;
  if (version <= LEDGER_VERSION) return;
  if (version > LEDGER_VERSION) {
    throw new KinError('ledger.newer', `version ${text.trim()} of ${dir} is not known`, { details: { path } });
  }
  throw tamperedFile(VERSION_FILE, 'it is not a version');
}

function giveBirth(dir: string, clock: Clock): SigningKey {
  const key = createSigningKey(dir);
  writeCheckpoint(dir, key, { size: 0, root: emptyRoot() }, clock);
  writeVersion(dir);
  return key;
}

/** What is written from here on is for this version or a later one. */
function writeVersion(dir: string): void {
  const path = join(dir, VERSION_FILE);
  const text = `${LEDGER_VERSION}\n`;
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeDurably(path, text);
}

function ownKey(dir: string): SigningKey {
  if (!hasSigningKey(dir)) throw tamperedFile(VKEY_FILE, 'the key is missing');
  // A ledger has both or none: with one alone it would go on without a signature that its readers ask for.
  const quantum = [QUANTUM_KEY_FILE, QUANTUM_VKEY_FILE].filter((file) => existsSync(join(dir, file)));
  if (quantum.length === 1) throw tamperedFile(quantum[0]!, 'the other half of the key is missing');
  const key = readSigningKey(dir);
  if (!key) throw tamperedFile(VKEY_FILE, 'the key is not the one that was created');
  requireVkey(dir, VKEY_FILE, key.vkey);
  const quantumVkey = quantumVkeyOf(key);
  if (quantumVkey !== undefined) requireVkey(dir, QUANTUM_VKEY_FILE, quantumVkey);
  return key;
}

function requireVkey(dir: string, file: string, vkey: string): void {
  if (readFileSync(join(dir, file), 'utf8') === `${vkey}\n`) return;
  throw tamperedFile(file, 'the key is not the one that was created');
}

type TreeHead = Pick<Checkpoint, 'size' | 'root'>;

function writeCheckpoint(dir: string, signer: SigningKey, head: TreeHead, clock: Clock): SignedCheckpoint {
  const signed = signedHead(signer, head, clock);
  writeDurably(join(dir, CHECKPOINT_FILE), signed.note);
  return signed;
}

function signedHead(signer: SigningKey, head: TreeHead, clock: Clock): SignedCheckpoint {
  const checkpoint = { origin: signer.key.name, ...head, extensions: [] };
  const timeS = Math.floor(clock.now() / 1000);
  return { note: signNote(formatCheckpoint(checkpoint), signer.signers, timeS), checkpoint, timeS };
}

/**
 * Throws `request.invalid` when the entries of the ledger in a folder are kept elsewhere than `storage` says: it would
 * begin a second history.
 */
export function requireStorage(dir: string, storage: StorageChoice | undefined): void {
  const isElsewhere = existsSync(join(dir, STORAGE_FILE));
  if (isElsewhere && !storage) {
    throw new KinError('request.invalid', `the entries of the ledger in ${dir} are in PostgreSQL`, {
      details: { path: dir },
    });
  }
  if (!isElsewhere && storage && listSegments(dir).length > 0) {
    throw new KinError('request.invalid', `the entries of the ledger in ${dir} are in its files`, {
      details: { path: dir },
    });
  }
}

/** The checkpoint in the folder; one of the first form is signed again in today's, for the same tree. */
function renewed(dir: string, key: SigningKey, clock: Clock): SignedCheckpoint {
  const keys = key.signers.map((signer) => signer.key);
  const signed = readSigned(dir, keys);
  return signed.checkpoint.extensions.length > 0 ? writeCheckpoint(dir, key, signed.checkpoint, clock) : signed;
}

/**
 * The checkpoint in a ledger's folder. Throws `ledger.tampered` when it is missing or not signed by all of `keys`, of
 * which the first names the ledger. The first ledgers told the time in a line of the text and signed with that key alone.
 */
export function readSigned(dir: string, keys: readonly NoteKey[]): SignedCheckpoint {
  const path = join(dir, CHECKPOINT_FILE);
  if (!existsSync(path)) throw tamperedFile(CHECKPOINT_FILE, 'it is missing');
  return checkedNote(readFileSync(path, 'utf8'), keys);
}

function checkedNote(note: string, keys: readonly NoteKey[]): SignedCheckpoint {
  const opened = openNote(note, keys);
  if (opened.kind === 'rejected') throw tamperedFile(CHECKPOINT_FILE, opened.reason);
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint?.origin !== keys[0]?.name || !checkpoint) {
    throw tamperedFile(CHECKPOINT_FILE, 'it is not a checkpoint of this ledger');
  }
  const needed = checkpoint.extensions.length > 0 ? keys.slice(0, 1) : keys;
  if (!needed.every((key) => opened.signatures.some((signature) => signature.key === key))) {
    throw tamperedFile(CHECKPOINT_FILE, 'a signature of this ledger is missing');
  }
  const timeS = opened.signatures.find(({ key }) => key.kind === 'cosignature')?.timeS;
  return { note, checkpoint, ...(timeS === undefined ? {} : { timeS }) };
}
