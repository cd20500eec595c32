import { KinError } from '../base/errors.ts';
import { LogFault, type LogSource, readBundle, readCheckpointNote, readMinimumIndex } from './tlog/log-source.ts';
import { parseCheckpoint } from './tlog/checkpoint.ts';
import { textOfNote } from './tlog/signed-note.ts';
import { TILE_WIDTH, widthIn } from './tlog/tile.ts';
import { TileTree } from './tlog/tile-tree.ts';
import { formatProof } from './tlog/tlog-proof.ts';

/** A receipt: the proof that the ledger holds an entry, with the entry itself. */
export interface Receipt {
  readonly index: number;
  /** C2SP tlog-proof, with the bytes of the entry as its extra data. */
  readonly text: string;
}

/**
 * The receipt of the entry at `index`, or undefined when the checkpoint does not cover it yet. It is made of what the
 * source tells; whoever reads it checks it. Rejects with `LogFault`.
 */
export async function receiptOf(source: LogSource, index: number): Promise<Receipt | undefined> {
  const note = await readCheckpointNote(source);
  const { size = 0 } = parseCheckpoint(textOfNote(note) ?? '') ?? {};
  if (index >= size) return undefined;
  const bundle = Math.floor(index / TILE_WIDTH);
  const entries = await readBundle(source, bundle, widthIn('entries', bundle, size));
  const extra = Buffer.from(entries[index % TILE_WIDTH] ?? []);
  const path = await new TileTree(source, size).inclusionProof(index, size);
  return { index, text: formatProof({ index, path, checkpoint: note, extra }) };
}

/**
 * Where the entry of an event stands, by reading back from the newest of `size` entries. Rejects with `resource.unknown`
 * when none of them has the id.
 */
export async function indexOfEvent(source: LogSource, id: string, size: number): Promise<number> {
  const needle = JSON.stringify(id).slice(1, -1);
  for (let bundle = Math.ceil(size / TILE_WIDTH) - 1; bundle >= 0; bundle -= 1) {
    const entries = await readUnpruned(source, bundle, size);
    if (!entries) break;
    // Most entries are passed over without being parsed.
    const found = entries.findLastIndex((entry) => Buffer.from(entry).includes(needle) && idOf(entry) === id);
    if (found >= 0) return bundle * TILE_WIDTH + found;
  }
  throw new KinError('resource.unknown', `no entry of the ledger has the id ${id}`, { details: { id } });
}

/** Undefined for a bundle that the log says to have pruned. Rejects with `LogFault`. */
async function readUnpruned(source: LogSource, bundle: number, size: number) {
  try {
    return await readBundle(source, bundle, widthIn('entries', bundle, size));
  } catch (error) {
    if (!(error instanceof LogFault && error.kind === 'missing')) throw error;
    if (bundle * TILE_WIDTH >= (await readMinimumIndex(source, size))) throw error;
    return undefined;
  }
}

function idOf(entry: Uint8Array): unknown {
  try {
    return (JSON.parse(Buffer.from(entry).toString('utf8')) as { id?: unknown }).id;
  } catch {
    return undefined;
  }
}
