import { assert } from '../base/assert.ts';
import type { Sample } from '../observe/sample.ts';
import type { Account } from './account.ts';
import type { CallReadings } from './call-graph.ts';
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
  /** The call graph, where it knows one. Changes nothing. */
  readings?(state: State, now: number): CallReadings;
  /**
   * The record in the state whose entries are kept one by one; for states that are too large to be written at once. Left
   * out: the state is kept whole.
   */
  entries?(state: State): Record<string, unknown>;
}

/** A part of a state as it is kept: the state of a name, or one of its entries. */
export interface KeptPart {
  readonly part: string;
  readonly state: string;
}

/** What is not an entry. No entry has an empty name. */
const WHOLE = '';

/** A detector with its state closed over, so that detectors of different states can stand in one list. */
export interface RunningDetector {
  readonly name: string;
  /** Time of the newest sample that its state has in it; 0 before the first. */
  readonly heardUntil: number;
  feed(sample: Sample): readonly Change[];
  tell(now: number): Iterable<Account>;
  readings(now: number): CallReadings | undefined;
  /** Its state in parts, each made when it is asked for. */
  save(): Iterable<KeptPart>;
  /**
   * Goes on from what was kept: the same samples then have the same results. What was heard before `heardUntil` is in it
   * and is not heard again. Throws on what is no state; then it is as it was.
   */
  load(parts: readonly KeptPart[], heardUntil: number): void;
}

export function run<State>(detector: Detector<State>): RunningDetector {
  let state = detector.start();
  let heardUntil = 0;
  let loadedUntil = Number.NEGATIVE_INFINITY;
  return {
    name: detector.name,
    get heardUntil() {
      return heardUntil;
    },
    feed(sample) {
      if (sample.at <= loadedUntil) return NO_CHANGES;
      if (sample.at > heardUntil) heardUntil = sample.at;
      return detector.step(state, sample);
    },
    tell: (now) => detector.tell?.(state, now) ?? [],
    readings: (now) => detector.readings?.(state, now),
    *save() {
      const entries = detector.entries?.(state);
      if (entries === undefined) return void (yield { part: WHOLE, state: JSON.stringify(state) });
      yield { part: WHOLE, state: JSON.stringify(withoutEntries(state, entries)) };
      for (const part in entries) yield { part, state: JSON.stringify(entries[part]) };
    },
    load(parts, until) {
      const whole = parts.find(({ part }) => part === WHOLE);
      assert(whole !== undefined, `${detector.name} was kept without what its entries are in`);
      const next = JSON.parse(whole.state) as State;
      for (const { part, state: kept } of parts) {
        if (part !== WHOLE) detector.entries!(next)[part] = JSON.parse(kept);
      }
      state = next;
      heardUntil = until;
      loadedUntil = until;
    },
  };
}

/** The state with an empty record in the place of the one that is kept by entries. */
function withoutEntries(state: unknown, entries: Record<string, unknown>): unknown {
  if (state === entries) return {};
  return Object.fromEntries(
    Object.entries(state as object).map(([name, value]) => [name, value === entries ? {} : value]),
  );
}

export const NO_CHANGES: readonly Change[] = [];
