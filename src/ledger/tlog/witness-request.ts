import { decodeHash } from './base64.ts';
import { parseDecimal } from './decimal.ts';

/** C2SP tlog-witness: the body of `add-checkpoint`. */
export interface AddCheckpoint {
  /** The size that the witness is believed to have seen last. */
  readonly oldSize: number;
  /** That the checkpoint continues the tree of that size. */
  readonly proof: readonly Buffer[];
  /** The note of the checkpoint. */
  readonly note: string;
}

const PROOF_MAX = 63;

export function formatAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): string {
  return `old ${oldSize}\n${proof.map((hash) => `${hash.toString('base64')}\n`).join('')}\n${note}`;
}

/** The request in a body, or undefined when it has not the form. */
export function parseAddCheckpoint(body: string): AddCheckpoint | undefined {
  const split = body.indexOf('\n\n');
  if (split < 0) return undefined;
  const [old = '', ...lines] = body.slice(0, split).split('\n');
  const oldSize = old.startsWith('old ') ? parseDecimal(old.slice('old '.length)) : undefined;
  const proof = lines.map(decodeHash);
  if (oldSize === undefined || proof.length > PROOF_MAX || !proof.every((hash) => hash !== undefined)) return undefined;
  return { oldSize, proof, note: body.slice(split + 2) };
}

/** The type of the body that tells the size that a witness saw last. */
export const SIZE_TYPE = 'text/x.tlog.size';
