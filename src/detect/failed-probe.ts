import { type FallRise, startFallRise, stepFallRise } from '../observe/fall-rise.ts';
import type { ProbeSample, TriesSample } from '../observe/sample.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { type Change, instanceSubject } from './symptom.ts';

interface Watched {
  readonly readiness: FallRise;
  readonly liveness: FallRise;
  /** A probe that was never good is a start in progress: that has its own deadline. */
  readonly wasReady: boolean;
}

type State = Readonly<Record<string, Watched>>;

/**
 * Probes with fall and rise. Not ready is one claim (`probe-failed`); not ready and not alive, or not answering at all,
 * is another (`hung`), because the remedies differ: what is alive but not ready may be waiting for a dependency.
 */
export const failedProbeDetector: Detector<State> = {
  name: 'failed-probe',
  start: () => ({}),
  step(state, sample) {
    if (sample.kind === 'retired' || (sample.kind === 'exit' && sample.instance in state)) {
      const { [sample.instance]: _gone, ...rest } = state;
      const subject = instanceSubject(sample);
      return {
        state: rest,
        changes: [
          { clear: 'probe-failed', subject },
          { clear: 'hung', subject },
        ],
      };
    }
    if (sample.kind === 'tries') return { state: heard(state, sample), changes: NO_CHANGES };
    if (sample.kind !== 'probe') return { state, changes: NO_CHANGES };
    const before = state[sample.instance] ?? {
      readiness: startFallRise(sample.at),
      liveness: { ...startFallRise(sample.at), up: true },
      wasReady: false,
    };
    const watched = advance(before, sample);
    return { state: { ...state, [sample.instance]: watched }, changes: changesOf(watched, sample) };
  },
};

/** Whoever answers requests is alive, whatever a probe says: the gateways are another vantage. */
function heard(state: State, sample: TriesSample): State {
  const watched = state[sample.instance];
  if (!watched || sample.ok === 0) return state;
  return { ...state, [sample.instance]: { ...watched, liveness: { ...watched.liveness, up: true, against: 0 } } };
}

function advance(before: Watched, sample: ProbeSample): Watched {
  const next = stepFallRise(before[sample.probe], sample);
  const wasReady = before.wasReady || (sample.probe === 'readiness' && next.up);
  return { ...before, [sample.probe]: next, wasReady };
}

function changesOf(watched: Watched, sample: ProbeSample): readonly Change[] {
  if (!watched.wasReady) return NO_CHANGES;
  const subject = instanceSubject(sample);
  const hung = !watched.readiness.up && !watched.liveness.up;
  return [
    watched.readiness.up
      ? { clear: 'probe-failed', subject }
      : { raise: claim('probe-failed', watched.readiness, `is not ready (${watched.readiness.lastReason})`) },
    hung
      ? { raise: claim('hung', watched.liveness, 'answers neither readiness nor liveness') }
      : { clear: 'hung', subject },
  ];

  function claim(name: 'probe-failed' | 'hung', level: FallRise, what: string) {
    return {
      name,
      subject,
      since: level.since,
      at: sample.at,
      vantages: [sample.vantage],
      reason: `${sample.instance} ${what}`,
      evidence: { probe: sample.probe, lastReason: level.lastReason, failing: level.against },
    };
  }
}
