import type { FactName } from '../resources/fact-kinds.ts';
import type { Fact } from './fact.ts';

/**
 * Keeps the transcript of a look (names, codes and numbers, never data that was found) and answers with its digest, which is
 * the evidence of the facts that rest on it; null when it cannot be kept.
 */
export type KeepTranscript = (transcript: unknown) => string | null;

/**
 * Measures facts of some kinds, again and again. Whoever implements it owes:
 * - `collect` measures the effect, on the real thing, and resolves with a fact for every subject that there is: `unknown`
 *   with the reason for one that could not be measured. What is missing from the answer is gone and is forgotten.
 * - It obeys the signal, leaves nothing behind of what it tried, and marks its requests so that nobody takes them for an
 *   attack. It is never run twice at once.
 * - What a fact rests on it hands to `keep`, where it is given one.
 * - When it rejects or hangs, what it said before counts until it is stale, and then is unknown with the reason.
 */
export interface Collector {
  /** Unique; the `collector` of its facts. */
  readonly name: string;
  /** The kinds that it measures, and no others. */
  readonly facts: readonly FactName[];
  /** Its rhythm: well below the freshness of its facts. */
  readonly everyMs: number;
  readonly timeoutMs: number;
  collect(signal: AbortSignal, keep?: KeepTranscript): Promise<readonly Fact[]>;
}
