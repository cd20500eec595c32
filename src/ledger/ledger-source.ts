import { assert } from '../base/assert.ts';
import type { SignedCheckpoint } from './ledger-directory.ts';
import { encodeBundle } from './tlog/entry-bundle.ts';
import { CHECKPOINT_PATH, type LogSource, MINIMUM_INDEX_PATH } from './tlog/log-source.ts';
import { minimumIndex } from './pruned-prefix.ts';
import { leafHash } from './tlog/merkle-tree.ts';
import { isInTree, parseTilePath, TILE_HEIGHT, TILE_WIDTH, type Tile } from './tlog/tile.ts';
import type { ProvenTree } from './open-ledger.ts';
import type { EntryReader } from './tree-nodes.ts';

/** What a ledger's public files are made of. */
export interface LedgerParts {
  readonly nodes: Pick<ProvenTree, 'kept'>;
  /** Stored entries, as `EntryReader` gives them. */
  readonly read: EntryReader;
  /** The first entry that was not pruned. */
  readonly first: () => number;
  /** Nothing behind it is shown. */
  readonly published: () => SignedCheckpoint;
}

/** A ledger as a log of C2SP tlog-tiles. The files are made when they are asked for: they need no room on the disk. */
export function ledgerSource(parts: LedgerParts): LogSource {
  return {
    async read(path) {
      if (path === CHECKPOINT_PATH) return Buffer.from(parts.published().note);
      if (path === MINIMUM_INDEX_PATH) return minimumFile(parts.first());
      const tile = parseTilePath(path);
      if (!tile || !isInTree(tile, parts.published().checkpoint.size)) return undefined;
      return bytesOf(parts, tile);
    },
  };
}

/** There is none as long as nothing was pruned. */
function minimumFile(first: number): Buffer | undefined {
  return first === 0 ? undefined : Buffer.from(`${minimumIndex(first)}\n`);
}

/** Undefined for what was pruned. */
async function bytesOf(
  { nodes, read, first: kept }: LedgerParts,
  { level, index, width }: Tile,
): Promise<Buffer | undefined> {
  const first = index * TILE_WIDTH;
  if (level !== 'entries' && level > 0) return nodes.kept(level * TILE_HEIGHT, first, width);
  if (first < minimumIndex(kept())) return undefined;
  const entries: Uint8Array[] = [];
  while (entries.length < width) {
    const more = await read(first + entries.length, width - entries.length);
    assert(more.length > 0, 'what is published can be read');
    entries.push(...more);
  }
  return level === 'entries' ? encodeBundle(entries) : Buffer.concat(entries.map(leafHash));
}
