import { decodeHash } from './base64.ts';
import { parseDecimal } from './decimal.ts';

/** C2SP tlog-checkpoint: the head of a log's tree, as it is signed. */
export interface Checkpoint {
  /** Names the log. */
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
  /** Further lines of the signed text. Logs should write none; whose log has some may read them. */
  readonly extensions: readonly string[];
}

/** The text to be signed of a checkpoint without extension lines. */
export function formatCheckpoint({ origin, size, root }: Omit<Checkpoint, 'extensions'>): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** The checkpoint in the text of a note, or undefined when it has not the form. Signatures are not looked at. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  if (!text.endsWith('\n')) return undefined;
  const [origin = '', sizeText = '', rootText = '', ...extensions] = text.slice(0, -1).split('\n');
  const size = parseDecimal(sizeText);
  const root = decodeHash(rootText);
  if (origin === '' || size === undefined || root === undefined || extensions.includes('')) return undefined;
  return { origin, size, root, extensions };
}
