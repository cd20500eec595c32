import { parseDecimal } from './decimal.ts';
import { exchange, type HttpAnswer, type HttpTarget } from './http-exchange.ts';
import type { NoteKey } from './note-key.ts';
import { keepSignatures, openNote, textOfNote } from './signed-note.ts';
import { formatAddCheckpoint, SIZE_TYPE } from './witness-request.ts';

/** A witness tells its size once, and again when others ask it meanwhile. */
const ATTEMPTS_MAX = 4;
const ANSWER_BYTES_MAX = 64 * 1024;

export interface CosignRequest {
  readonly witness: HttpTarget;
  readonly key: NoteKey;
  /** The note of the checkpoint, signed by the log, and its size. */
  readonly note: string;
  readonly size: number;
  /** The size that the witness saw last, as far as is known; 0 when nothing is. */
  readonly oldSize: number;
  /** The proof that the tree of the checkpoint continues the one of `oldSize`. */
  readonly prove: (oldSize: number) => Promise<readonly Buffer[]>;
}

/**
 * What a witness answered. `cosigned` has its signature lines, which hold. `refused` has the reason; when the witness saw
 * a tree that is not part of this one (409 on the same size, 422, or a larger size), it is evidence that somebody showed
 * it another history, so it is marked as `conflict`.
 */
export type CosignAnswer =
  | { readonly kind: 'cosigned'; readonly lines: string; readonly timeS: number }
  | { readonly kind: 'refused'; readonly reason: string; readonly conflict: boolean }
  | { readonly kind: 'unreachable'; readonly reason: string };

/** Asks a witness to cosign a checkpoint (C2SP tlog-witness). Rejects only with what `prove` rejects with. */
export async function requestCosignature(request: CosignRequest): Promise<CosignAnswer> {
  let { oldSize } = request;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    if (oldSize > request.size) return refused(`the witness has seen ${oldSize} entries`, true);
    const proof = await request.prove(oldSize);
    const post = formatAddCheckpoint({ oldSize, proof, note: request.note });
    let answer: HttpAnswer;
    try {
      answer = await exchange(request.witness, 'add-checkpoint', { post, bytesMax: ANSWER_BYTES_MAX });
    } catch (error) {
      return { kind: 'unreachable', reason: error instanceof Error ? error.message : String(error) };
    }
    if (answer.status === 200) return cosigned(request, answer.body.toString('utf8'));
    const told = answer.status === 409 && answer.contentType.startsWith(SIZE_TYPE) ? sizeOf(answer) : undefined;
    if (told === undefined || told === oldSize) return refusalOf(answer);
    oldSize = told;
  }
  return { kind: 'unreachable', reason: 'the witness told another size each time' };
}

function sizeOf({ body }: HttpAnswer): number | undefined {
  return parseDecimal(body.toString('latin1').replace(/\n$/, ''));
}

function cosigned({ note, key }: CosignRequest, lines: string): CosignAnswer {
  const alone = `${textOfNote(note)}\n${lines}`;
  const opened = openNote(alone, [key]);
  const timeS = opened.kind === 'signed' ? opened.signatures[0]?.timeS : undefined;
  if (opened.kind === 'rejected' || timeS === undefined) return refused('its cosignature does not hold', false);
  const kept = keepSignatures(alone, [key]);
  return { kind: 'cosigned', lines: kept.slice(kept.lastIndexOf('\n\n') + 2), timeS };
}

function refusalOf({ status, body }: HttpAnswer): CosignAnswer {
  const said = JSON.stringify(body.toString('utf8').trim().slice(0, 200));
  return refused(`status ${status}: ${said}`, status === 409 || status === 422);
}

function refused(reason: string, conflict: boolean): CosignAnswer {
  return { kind: 'refused', reason, conflict };
}
