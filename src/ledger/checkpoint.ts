import { fromIso, toIso } from '../base/clock.ts';
import { HASH_BYTES } from './merkle-tree.ts';
import { strictBase64 } from './signed-note.ts';

/** C2SP tlog-checkpoint: what a log signs about itself. */
export interface Checkpoint {
  /** Names the log; equal to the name of its key. */
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
  /** When it was made by the clock of the log, ISO 8601; an extension line, as the format has no time of its own. */
  readonly at: string;
}

const AT_PREFIX = 'at ';

/** The text to be signed. */
export function formatCheckpoint({ origin, size, root, at }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n${AT_PREFIX}${at}\n`;
}

/** The checkpoint in a note's text, or undefined when it is not exactly what `formatCheckpoint` writes. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const [origin = '', sizeText = '', rootText = '', atText = ''] = text.split('\n');
  const size = /^(0|[1-9]\d{0,15})$/.test(sizeText) ? Number(sizeText) : Number.NaN;
  const root = strictBase64(rootText);
  const atMs = fromIso(atText.slice(AT_PREFIX.length));
  if (!origin || !Number.isSafeInteger(size) || root?.length !== HASH_BYTES || Number.isNaN(atMs)) return undefined;
  const checkpoint = { origin, size, root, at: toIso(atMs) };
  return formatCheckpoint(checkpoint) === text ? checkpoint : undefined;
}
