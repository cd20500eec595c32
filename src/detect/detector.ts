import type { Sample } from '../observe/sample.ts';
import type { Change } from './symptom.ts';

/**
 * A fold over samples. No clock, no I/O, no randomness: time is the time of the samples, so an incident can be replayed
 * before an auditor with the same result. `State` must survive JSON, because it may be checkpointed. A detector sees
 * every sample, ignores what it does not know, and forgets an instance when it is `retired`. Raising what is raised
 * already refreshes its evidence; clearing what was never raised is allowed and means nothing.
 */
export interface Detector<State> {
  readonly name: string;
  start(): State;
  step(state: State, sample: Sample): { readonly state: State; readonly changes: readonly Change[] };
}

/** A detector with its state closed over, so that detectors of different states can stand in one list. */
export interface RunningDetector {
  readonly name: string;
  feed(sample: Sample): readonly Change[];
}

export function run<State>(detector: Detector<State>): RunningDetector {
  let state = detector.start();
  return {
    name: detector.name,
    feed(sample) {
      const next = detector.step(state, sample);
      state = next.state;
      return next.changes;
    },
  };
}

export const NO_CHANGES: readonly Change[] = [];
