import { decodeBase64, decodeHash } from './base64.ts';
import type { Checkpoint } from './checkpoint.ts';
import { parseDecimal } from './decimal.ts';
import { verifyInclusion } from './merkle-proof.ts';
import { judgeCheckpoint, type Policy, type Sighting } from './policy.ts';

/** C2SP tlog-proof: what proves offline that a log holds an entry, in one small text file. */
export interface TlogProof {
  readonly index: number;
  /** From the sibling of the leaf up. */
  readonly path: readonly Buffer[];
  /** The note of the checkpoint, with all that signed it. */
  readonly checkpoint: string;
  /** Bytes for the reader's use that nothing proves. */
  readonly extra?: Buffer;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
const PATH_MAX = 63;
const PROOF_CHARACTERS_MAX = 2 * 1024 * 1024;

/** The proof as the text of a `.tlog-proof` file. */
export function formatProof({ index, path, checkpoint, extra }: TlogProof): string {
  const lines = [
    HEADER,
    ...(extra === undefined ? [] : [`extra ${extra.toString('base64')}`]),
    `index ${index}`,
    ...path.map((hash) => hash.toString('base64')),
  ];
  return `${lines.join('\n')}\n\n${checkpoint}`;
}

/** Whether a text calls itself a proof. */
export function isProof(text: string): boolean {
  return text.startsWith(`${HEADER}\n`);
}

/** The proof of a text, or undefined when it has not the form. Nothing is proven yet. */
export function parseProof(text: string): TlogProof | undefined {
  const split = text.indexOf('\n\n');
  if (split < 0 || text.length > PROOF_CHARACTERS_MAX || !isProof(text)) return undefined;
  const lines = text.slice(0, split).split('\n').slice(1);
  const extraText = lines[0]?.startsWith('extra ') ? lines.shift()?.slice('extra '.length) : undefined;
  const extra = extraText === undefined ? undefined : decodeBase64(extraText);
  const indexLine = lines.shift();
  const index = indexLine?.startsWith('index ') ? parseDecimal(indexLine.slice('index '.length)) : undefined;
  const path = lines.map(decodeHash);
  if (index === undefined || path.length > PATH_MAX || (extraText !== undefined && !extra)) return undefined;
  if (!path.every((hash) => hash !== undefined)) return undefined;
  return { index, path, checkpoint: text.slice(split + 2), ...(extra === undefined ? {} : { extra }) };
}

/**
 * What a proof proves of a leaf under a policy. `unwitnessed`: a trusted log holds it, but too few witnesses saw the
 * checkpoint.
 */
export type ProofVerdict =
  | {
      readonly kind: 'proven' | 'unwitnessed';
      readonly index: number;
      readonly checkpoint: Checkpoint;
      readonly seen: readonly Sighting[];
    }
  | { readonly kind: 'rejected'; readonly reason: string };

/** Checks that the log that a policy believes holds `leaf` (`leafHash` of the entry). Never throws. */
export function verifyProof(
  { checkpoint: note, index, path }: TlogProof,
  leaf: Uint8Array,
  policy: Policy,
): ProofVerdict {
  const verdict = judgeCheckpoint(note, policy);
  if (verdict.kind === 'rejected') return { kind: 'rejected', reason: `the checkpoint: ${verdict.reason}` };
  const { checkpoint, seen } = verdict;
  if (!verifyInclusion({ leaf, index, size: checkpoint.size, path, root: checkpoint.root })) {
    return { kind: 'rejected', reason: `the entry is not number ${index} of the signed ${checkpoint.size}` };
  }
  return { kind: verdict.kind === 'accepted' ? 'proven' : 'unwitnessed', index, checkpoint, seen };
}
