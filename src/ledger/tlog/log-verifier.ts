import type { Checkpoint } from './checkpoint.ts';
import { encodeBundle } from './entry-bundle.ts';
import {
  CHECKPOINT_PATH,
  LogFault,
  type LogSource,
  MINIMUM_INDEX_PATH,
  readBundle,
  readCheckpointNote,
  readMinimumIndex,
  readTile,
} from './log-source.ts';
import { HASH_BYTES, leafHash, MerkleTree } from './merkle-tree.ts';
import { type CheckpointVerdict, judgeCheckpoint, type Policy } from './policy.ts';
import { TILE_HEIGHT, TILE_WIDTH, type Tile, tilePath, widthIn } from './tile.ts';

/** Bundles that are on their way while one is hashed. */
const BUNDLES_AHEAD = 8;

export interface LogVerification {
  readonly source: LogSource;
  readonly policy: Policy;
  /** A head of the same log that was noted earlier: the log must still begin with it. */
  readonly previous?: Pick<Checkpoint, 'size' | 'root'>;
  /** Called with each entry in order; the bytes are lent for the call only. */
  readonly onEntry?: (entry: Uint8Array, index: number) => void;
  /** Called with each public file once it is known to be right, `checkpoint` last. */
  readonly onFile?: (path: string, bytes: Uint8Array) => void | Promise<void>;
}

/** A log that is what was signed. `unwitnessed` tells that the policy asks for more witnesses. */
export type VerifiedLog = Exclude<CheckpointVerdict, { kind: 'rejected' }> & {
  readonly note: string;
  /** The first entry that was read: those before it are known by their hashes alone, whoever pruned them. */
  readonly minimumIndex: number;
};

/**
 * Reads a whole log and checks every byte of it: the signatures, each entry against its hash, each tile against those
 * below it, and the root. Rejects with `LogFault` for the first thing that is not right.
 */
export async function verifyLog(options: LogVerification): Promise<VerifiedLog> {
  const { source, policy } = options;
  const note = await readCheckpointNote(source);
  const verdict = judgeCheckpoint(note, policy);
  if (verdict.kind === 'rejected') throw new LogFault('mismatch', CHECKPOINT_PATH, verdict.reason);
  const minimumIndex = await beginningOf(source, verdict.checkpoint.size);
  await new Walk(options, verdict.checkpoint).run(minimumIndex);
  if (minimumIndex > 0) await options.onFile?.(MINIMUM_INDEX_PATH, Buffer.from(`${minimumIndex}\n`));
  await options.onFile?.(CHECKPOINT_PATH, Buffer.from(note));
  return { ...verdict, note, minimumIndex };
}

/** A log that shows its first entries is not asked what it pruned. */
async function beginningOf(source: LogSource, size: number): Promise<number> {
  if (size === 0) return 0;
  try {
    await readBundle(source, 0, widthIn('entries', 0, size));
    return 0;
  } catch (error) {
    if (error instanceof LogFault && error.kind === 'missing') return await readMinimumIndex(source, size);
    throw error;
  }
}

/** The hashes of one level of tiles, as they are computed from the entries. */
interface Column {
  readonly hashes: Buffer;
  count: number;
}

class Walk {
  readonly #options: LogVerification;
  readonly #signed: Checkpoint;
  readonly #columns: Column[] = [];
  readonly #complete: { readonly tile: Tile & { level: number }; readonly hashes: Buffer }[] = [];
  readonly #tree: MerkleTree;

  constructor(options: LogVerification, signed: Checkpoint) {
    this.#options = options;
    this.#signed = signed;
    this.#tree = new MerkleTree((level, index, hash) => {
      if (level % TILE_HEIGHT === 0) this.#collect(level / TILE_HEIGHT, index, hash);
    });
  }

  async run(minimum: number): Promise<void> {
    const { previous } = this.#options;
    if (previous && previous.size > this.#signed.size) {
      throw mismatch(CHECKPOINT_PATH, `${previous.size} entries were signed earlier, now ${this.#signed.size}`);
    }
    if (previous && previous.size < minimum && previous.size % TILE_WIDTH > 0) {
      throw new LogFault(
        'unreachable',
        CHECKPOINT_PATH,
        `the ${previous.size} entries signed earlier were pruned since`,
      );
    }
    this.#comparePrevious();
    await this.#passOver(minimum);
    const bundles = Math.ceil(this.#signed.size / TILE_WIDTH);
    const ahead: Promise<readonly Uint8Array[]>[] = [];
    for (let index = minimum / TILE_WIDTH; index < bundles; index += 1) {
      while (ahead.length < Math.min(BUNDLES_AHEAD, bundles - index)) ahead.push(this.#fetch(index + ahead.length));
      await this.#take(index, await ahead.shift()!);
    }
    await this.#checkPartialTiles();
    if (!this.#tree.root().equals(this.#signed.root)) {
      throw mismatch(CHECKPOINT_PATH, `the ${this.#signed.size} entries are not the ones that were signed`);
    }
  }

  /** Takes the hashes of what was pruned as the log tells them: the root proves them with all that follows. */
  async #passOver(minimum: number): Promise<void> {
    const tiles = minimum / TILE_WIDTH;
    for (let at = 0; at < tiles; ) {
      const index = at / TILE_WIDTH;
      const width = Math.min(TILE_WIDTH, widthIn(1, index, this.#signed.size));
      const hashes = await readTile(this.#options.source, { level: 1, index, width });
      for (const end = Math.min(tiles, at + width); at < end; at += 1) {
        this.#tree.addSubtree(TILE_HEIGHT, hashes, (at % TILE_WIDTH) * HASH_BYTES);
        this.#comparePrevious();
      }
      for (const { tile, hashes } of this.#complete.splice(0)) await this.#compare(tile, hashes);
    }
  }

  #fetch(index: number): Promise<readonly Uint8Array[]> {
    const bundle = readBundle(this.#options.source, index, widthIn('entries', index, this.#signed.size));
    // It is awaited in its turn; a fault before it ends the walk, and then nobody looks at this one.
    bundle.catch(() => undefined);
    return bundle;
  }

  async #take(index: number, entries: readonly Uint8Array[]): Promise<void> {
    for (const entry of entries) {
      this.#options.onEntry?.(entry, this.#tree.size);
      this.#tree.add(leafHash(entry));
      this.#comparePrevious();
    }
    const tile: Tile = { level: 'entries', index, width: entries.length };
    for (const { tile, hashes } of this.#complete.splice(0)) await this.#compare(tile, hashes);
    await this.#options.onFile?.(tilePath(tile), encodeBundle(entries));
  }

  #collect(level: number, index: number, hash: Buffer): void {
    const column = this.#columns[level] ?? { hashes: Buffer.alloc(TILE_WIDTH * HASH_BYTES), count: 0 };
    this.#columns[level] = column;
    hash.copy(column.hashes, column.count * HASH_BYTES);
    column.count += 1;
    if (column.count < TILE_WIDTH) return;
    const tile = { level, index: Math.floor(index / TILE_WIDTH), width: TILE_WIDTH };
    this.#complete.push({ tile, hashes: Buffer.from(column.hashes) });
    column.count = 0;
  }

  async #checkPartialTiles(): Promise<void> {
    for (const [level, { hashes, count }] of this.#columns.entries()) {
      if (count === 0) continue;
      const index = Math.floor(this.#tree.size / TILE_WIDTH ** (level + 1));
      await this.#compare({ level, index, width: count }, hashes.subarray(0, count * HASH_BYTES));
    }
  }

  async #compare(tile: Tile & { level: number }, computed: Buffer): Promise<void> {
    const served = await readTile(this.#options.source, tile);
    if (!served.equals(computed)) {
      const same = (at: number) => served.subarray(at, at + HASH_BYTES).equals(computed.subarray(at, at + HASH_BYTES));
      let place = 0;
      while (same(place * HASH_BYTES)) place += 1;
      const first = (tile.index * TILE_WIDTH + place) * TILE_WIDTH ** tile.level;
      throw mismatch(tilePath(tile), `entry ${first} and the tree do not agree`, first);
    }
    await this.#options.onFile?.(tilePath(tile), computed);
  }

  #comparePrevious(): void {
    const { previous } = this.#options;
    if (previous?.size !== this.#tree.size || this.#tree.root().equals(previous.root)) return;
    throw mismatch(CHECKPOINT_PATH, `the first ${previous.size} entries are not the ones that were signed earlier`);
  }
}

function mismatch(path: string, reason: string, index?: number): LogFault {
  return new LogFault('mismatch', path, reason, index);
}
