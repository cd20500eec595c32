import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeDurably } from '../base/durable-file.ts';
import { tamperedFile } from './ledger-fault.ts';
import type { ChainHeads } from './tenant-chains.ts';
import { HASH_BYTES, type MerkleTree } from './tlog/merkle-tree.ts';
import { TILE_HEIGHT, TILE_WIDTH } from './tlog/tile.ts';

const PRUNED_FILE = 'pruned';

const headerSchema = z.strictObject({
  first: z.int().min(1),
  latestMs: z.int(),
  chains: z.record(z.string(), z.tuple([z.int().min(1), z.string()])),
});

/**
 * What a ledger keeps of entries that it pruned: hashes enough to prove all that came after them. They are believed by
 * nobody: with one of them changed, the root is not the one that was signed.
 */
export interface PrunedPrefix {
  /** The first entry that is still there: the beginning of a segment. */
  readonly first: number;
  /** The latest time that any of the pruned entries bears, in milliseconds since 1970. */
  readonly latestMs: number;
  /** The last pruned entry of each tenant: the next one is tied to it. */
  readonly chains: ChainHeads;
  /** Side by side, the hash of each complete tile of pruned entries, then of each entry behind the last of these. */
  readonly hashes: Buffer;
}

export const NOTHING_PRUNED: PrunedPrefix = { first: 0, latestMs: 0, chains: {}, hashes: Buffer.alloc(0) };

/** The first entry that is shown to others: they get whole bundles only (C2SP tlog-tiles, minimum index). */
export function minimumIndex(first: number): number {
  return Math.ceil(first / TILE_WIDTH) * TILE_WIDTH;
}

/** What the ledger in a folder has pruned. Throws `ledger.tampered` when the file has not its form. */
export function readPruned(dir: string): PrunedPrefix {
  const path = join(dir, PRUNED_FILE);
  return existsSync(path) ? parsePruned(readFileSync(path)) : NOTHING_PRUNED;
}

/** The inverse of `formatPruned`. Throws `ledger.tampered` for other bytes. */
export function parsePruned(bytes: Buffer): PrunedPrefix {
  const headerEnd = bytes.indexOf(0x0a);
  const header = headerOf(bytes.subarray(0, Math.max(0, headerEnd)).toString('utf8'));
  const hashes = bytes.subarray(headerEnd + 1);
  if (!header || hashes.length !== hashCount(header.first) * HASH_BYTES) {
    throw tamperedFile(PRUNED_FILE, 'it is not as it was written');
  }
  return { ...header, hashes };
}

/** Returns when the file will survive a power cut. Throws `state.unwritable`, and then the old one is there. */
export function writePruned(dir: string, prefix: PrunedPrefix): void {
  writeDurably(join(dir, PRUNED_FILE), formatPruned(prefix));
}

/** A line of JSON, then the hashes. */
export function formatPruned({ hashes, ...header }: PrunedPrefix): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), hashes]);
}

/** So often the files of a ledger can be pruned under somebody who reads them. */
const TRIES = 5;

/** Reads the files of a ledger, and again when some of them were pruned meanwhile: what that leads to says nothing. */
export async function readUnpruned<T>(dir: string, read: () => Promise<T>): Promise<T> {
  for (let left = TRIES; ; left -= 1) {
    const { first } = readPruned(dir);
    try {
      return await read();
    } catch (error) {
      if (left === 0 || readPruned(dir).first === first) throw error;
    }
  }
}

/** Adds the pruned entries to an empty tree. `onStep` is called whenever that has grown. */
export function growFrom({ first, hashes }: PrunedPrefix, tree: MerkleTree, onStep: () => void = () => {}): void {
  const tiles = Math.floor(first / TILE_WIDTH);
  for (let n = 0; n < hashCount(first); n += 1) {
    tree.addSubtree(n < tiles ? TILE_HEIGHT : 0, hashes, n * HASH_BYTES);
    onStep();
  }
}

function hashCount(first: number): number {
  return Math.floor(first / TILE_WIDTH) + (first % TILE_WIDTH);
}

/** The hash of a pruned entry behind the last complete tile of them. */
export function prunedLeaf({ first, hashes }: PrunedPrefix, index: number): Buffer {
  const tiles = Math.floor(first / TILE_WIDTH);
  const at = (tiles + index - tiles * TILE_WIDTH) * HASH_BYTES;
  return hashes.subarray(at, at + HASH_BYTES);
}

function headerOf(text: string): Omit<PrunedPrefix, 'hashes'> | undefined {
  try {
    return headerSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
