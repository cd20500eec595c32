import type { Sample } from '../observe/sample.ts';
import type { Account } from './account.ts';
import type { Change } from './symptom.ts';

/**
 * A fold over samples. No clock, no I/O, no randomness: time is the time of the samples, so an incident can be replayed
 * before an auditor with the same result. The fold owns its state: `step(state, sample)` changes it in place and answers
 * with what is to be said. Nobody else keeps a reference to it or into it; it survives JSON at any point between two
 * steps, because it is checkpointed; it is bounded by the number of instances, tenants, workloads and assets. A
 * detector sees every sample, ignores what it does not know, and forgets an instance when it is `retired`. Raising what is
 * raised already refreshes its evidence; clearing what was never raised is allowed and means nothing.
 */
export interface Detector<State> {
  readonly name: string;
  start(): State;
  step(state: State, sample: Sample): readonly Change[];
  /** What it knows at `now`, for people. Changes nothing. Left out by who knows nothing but claims. */
  tell?(state: State, now: number): Iterable<Account>;
}

/** A detector with its state closed over, so that detectors of different states can stand in one list. */
export interface RunningDetector {
  readonly name: string;
  feed(sample: Sample): readonly Change[];
  tell(now: number): Iterable<Account>;
}

export function run<State>(detector: Detector<State>): RunningDetector {
  const state = detector.start();
  return {
    name: detector.name,
    feed: (sample) => detector.step(state, sample),
    tell: (now) => detector.tell?.(state, now) ?? [],
  };
}

export const NO_CHANGES: readonly Change[] = [];
