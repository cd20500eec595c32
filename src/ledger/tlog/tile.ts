import { parseDecimal } from './decimal.ts';

/** C2SP tlog-tiles: how the hashes and entries of a log are cut into files. */

/** Hashes in a full tile, entries in a full bundle. */
export const TILE_WIDTH = 256;
/** Levels of the tree that one level of tiles spans. */
export const TILE_HEIGHT = 8;
const LEVEL_MAX = 63;
const PATH_CHARACTERS_MAX = 64;

/** A tile of hashes or a bundle of entries: the `index`-th of its level, as wide as it is in a tree of some size. */
export interface Tile {
  readonly level: number | 'entries';
  readonly index: number;
  /** 1 to 256; below 256 it is partial. */
  readonly width: number;
}

/** The path of a tile below the prefix of its log: `tile/<L>/<N>[.p/<W>]`. */
export function tilePath({ level, index, width }: Tile): string {
  const groups = [String(index % 1000).padStart(3, '0')];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
  }
  return `tile/${level}/${groups.join('/')}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** The tile of a path, or undefined for anything but the one path that a tile has. */
export function parseTilePath(path: string): Tile | undefined {
  if (path.length > PATH_CHARACTERS_MAX) return undefined;
  const [, levelText = '', groups = '', widthText] =
    /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path) ?? [];
  const level = levelText === 'entries' ? ('entries' as const) : parseDecimal(levelText);
  const index = Number(groups.replaceAll(/[x/]/g, ''));
  const width = widthText === undefined ? TILE_WIDTH : parseDecimal(widthText);
  if (groups === '' || level === undefined || width === undefined || !Number.isSafeInteger(index)) return undefined;
  const tile = { level, index, width };
  const isTile = width >= 1 && width <= TILE_WIDTH && (level === 'entries' || level <= LEVEL_MAX);
  return isTile && tilePath(tile) === path ? tile : undefined;
}

/** How many complete subtrees of the height of a tile level there are in a tree of `size`. */
export function hashesAt(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** How wide a tile is in a tree of `size`: 0 when it is not there. */
export function widthIn(level: number | 'entries', index: number, size: number): number {
  const count = hashesAt(level === 'entries' ? 0 : level, size) - index * TILE_WIDTH;
  return Math.max(0, Math.min(TILE_WIDTH, count));
}

/** Whether a tile is one of a tree of `size`, or of one that it grew from. */
export function isInTree({ level, index, width }: Tile, size: number): boolean {
  return width <= widthIn(level, index, size);
}
