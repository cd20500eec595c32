import { parseDecimal } from './decimal.ts';
import { HASH_BYTES } from './merkle-tree.ts';
import { BUNDLE_BYTES_MAX, decodeBundle } from './entry-bundle.ts';
import { TILE_WIDTH, type Tile, tilePath } from './tile.ts';

export const CHECKPOINT_PATH = 'checkpoint';
/** Ours: C2SP tlog-tiles leaves open how a log tells its minimum index. It is not there where nothing was pruned. */
export const MINIMUM_INDEX_PATH = 'minimum-index';
/** Room for a note with some post-quantum signatures. */
const CHECKPOINT_BYTES_MAX = 1024 * 1024;

/** Where the public files of a log come from: a server, a folder, a process. What it gives is believed by nobody. */
export interface LogSource {
  /**
   * The file at a path of C2SP tlog-tiles, or undefined when it is not there. Rejects with `LogFault` (`unreachable`) when
   * that cannot be told, and with `malformed` when the file has more than `bytesMax` bytes.
   */
  read(path: string, bytesMax: number): Promise<Uint8Array | undefined>;
}

/**
 * Why a log could not be read or believed. `missing`: a file that the signed size asks for is not there. `malformed`: a
 * file has not its form. `mismatch`: files contradict each other or the checkpoint. `unreachable`: no answer.
 */
export type LogFaultKind = 'missing' | 'malformed' | 'mismatch' | 'unreachable';

/** A fault of a log, with the file it shows in and the first entry that it concerns, as far as that can be told. */
export class LogFault extends Error {
  override readonly name = 'LogFault';
  readonly kind: LogFaultKind;
  readonly path: string;
  readonly index: number | undefined;

  constructor(kind: LogFaultKind, path: string, message: string, index?: number, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
    this.path = path;
    this.index = index;
  }
}

/** The note in the checkpoint file of a log. Rejects with `LogFault`. */
export async function readCheckpointNote(source: LogSource): Promise<string> {
  const bytes = await source.read(CHECKPOINT_PATH, CHECKPOINT_BYTES_MAX);
  if (!bytes) throw new LogFault('missing', CHECKPOINT_PATH, 'there is no checkpoint');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new LogFault('malformed', CHECKPOINT_PATH, 'the checkpoint is not UTF-8', undefined, cause);
  }
}

/**
 * The first entry that a log still shows, as it says itself: a multiple of 256, or 0. What it says is proven by nothing but
 * that the rest of the log leads to the signed root. Rejects with `LogFault`.
 */
export async function readMinimumIndex(source: LogSource, size: number): Promise<number> {
  const bytes = await source.read(MINIMUM_INDEX_PATH, CHECKPOINT_BYTES_MAX);
  if (!bytes) return 0;
  const value = parseDecimal(Buffer.from(bytes.subarray(0, 32)).toString('latin1').replace(/\n$/, ''));
  if (value === undefined || value % TILE_WIDTH !== 0 || value > size) {
    throw new LogFault('malformed', MINIMUM_INDEX_PATH, 'it is no minimum index of this log');
  }
  return value;
}

/** The hashes of a tile side by side, cut to its width. Rejects with `LogFault`. */
export async function readTile(source: LogSource, tile: Tile): Promise<Buffer> {
  const { path, bytes } = await readWidest(source, tile, TILE_WIDTH * HASH_BYTES);
  const length = tile.width * HASH_BYTES;
  if (bytes.length % HASH_BYTES !== 0 || bytes.length < length) {
    throw new LogFault('malformed', path, `the tile has ${bytes.length} bytes instead of ${length}`);
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, length);
}

/** The entries of a bundle, cut to its width. Rejects with `LogFault`. */
export async function readBundle(source: LogSource, index: number, width: number): Promise<readonly Uint8Array[]> {
  const { path, bytes } = await readWidest(source, { level: 'entries', index, width }, BUNDLE_BYTES_MAX);
  const entries = decodeBundle(bytes);
  if (!entries) throw new LogFault('malformed', path, 'the bundle is not whole', index * TILE_WIDTH);
  if (entries.length < width) {
    const first = index * TILE_WIDTH + entries.length;
    throw new LogFault('missing', path, `the bundle has ${entries.length} entries instead of ${width}`, first);
  }
  return entries.slice(0, width);
}

/** A log may drop a partial tile once the full one is there, which begins with the same hashes. */
async function readWidest(
  source: LogSource,
  tile: Tile,
  bytesMax: number,
): Promise<{ path: string; bytes: Uint8Array }> {
  const path = tilePath(tile);
  const bytes = await source.read(path, bytesMax);
  if (bytes) return { path, bytes };
  const full = tilePath({ ...tile, width: TILE_WIDTH });
  const wider = tile.width < TILE_WIDTH ? await source.read(full, bytesMax) : undefined;
  if (wider) return { path: full, bytes: wider };
  const first = tile.level === 'entries' ? tile.index * TILE_WIDTH : undefined;
  throw new LogFault('missing', path, 'a file that the signed size asks for is not there', first);
}
