import { type FallRise, startFallRise, stepFallRise } from '../observe/fall-rise.ts';
import type { ProbeSample } from '../observe/sample.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { type Change, instanceSubject, staysMsOf } from './symptom.ts';

interface Watched {
  readiness: FallRise;
  liveness: FallRise;
  /** A probe that was never good is a start in progress: that has its own deadline. */
  wasReady: boolean;
  isFailed: boolean;
  isHung: boolean;
  /** The last report in which it answered requests, told by a gateway or by who called it. */
  answered: { readonly from: number; readonly at: number } | null;
}

/** Whoever answered a request so shortly before is there, whatever a probe says. */
const ANSWER_MS = 3_000;

/** A prober that so many instances contradicted within this time is doubted in what else it says. */
const DOUBTS_MIN = 3;
const DOUBT_MS = 60_000;

interface State {
  readonly instances: Record<string, Watched>;
  /** By vantage: which instances answered requests while it said that they are down, and when last. */
  readonly doubts: Record<string, Record<string, number>>;
}

/**
 * Probes with fall and rise. Not ready is one claim (`probe-failed`); not ready and not alive, or not answering at all,
 * is another (`hung`), because the remedies differ: what is alive but not ready may be waiting for a dependency.
 */
export const failedProbeDetector: Detector<State> = {
  name: 'failed-probe',
  start: () => ({ instances: {}, doubts: {} }),
  step({ instances, doubts }, sample) {
    if (sample.kind === 'retired' || (sample.kind === 'exit' && instances[sample.instance] !== undefined)) {
      delete instances[sample.instance];
      const subject = instanceSubject(sample);
      return [
        { clear: 'probe-failed', subject },
        { clear: 'hung', subject },
      ];
    }
    if (sample.kind === 'tries') {
      answer(instances[sample.instance], sample.ok, sample);
      return NO_CHANGES;
    }
    if (sample.kind === 'calls') {
      for (const peer of sample.peers ?? []) answer(instances[peer.instance], peer.ok, sample);
      return NO_CHANGES;
    }
    if (sample.kind !== 'probe') return NO_CHANGES;
    const watched = entryOf(instances, sample.instance, () => startWatching(sample.at));
    const gapMs = sample.at - watched[sample.probe].lastAt;
    watched[sample.probe] = stepFallRise(watched[sample.probe], sample);
    watched.wasReady ||= sample.probe === 'readiness' && watched.readiness.up;
    const answers = isAnswering(watched, sample.at - ANSWER_MS - gapMs);
    return changesOf(watched, sample, gapMs, answers, isDoubted(doubts, sample, answers && !watched.readiness.up));
  },
};

/** Whoever answers requests is alive, whatever a probe says: who asked is another vantage. */
function answer(watched: Watched | undefined, ok: number, { at, spanMs }: { at: number; spanMs: number }): void {
  if (watched === undefined || ok === 0) return;
  watched.answered = { from: at - spanMs, at };
  if (watched.liveness.up && watched.liveness.against === 0) return;
  watched.liveness = { ...watched.liveness, up: true, against: 0 };
}

function startWatching(at: number): Watched {
  const liveness = { ...startFallRise(at), up: true };
  return { readiness: startFallRise(at), liveness, wasReady: false, isFailed: false, isHung: false, answered: null };
}

/** It answered since it looks down, and lately. */
function isAnswering({ answered, readiness }: Watched, lately: number): boolean {
  return answered !== null && answered.from >= readiness.since && answered.at > lately;
}

function isDoubted(doubts: State['doubts'], { vantage, instance, at }: ProbeSample, isContradicted: boolean): boolean {
  const known = doubts[vantage];
  if (known === undefined && !isContradicted) return false;
  const times = entryOf(doubts, vantage, (): Record<string, number> => ({}));
  if (isContradicted) times[instance] = at;
  for (const each in times) if (times[each]! <= at - DOUBT_MS) delete times[each];
  return Object.keys(times).length >= DOUBTS_MIN;
}

function changesOf(
  watched: Watched,
  sample: ProbeSample,
  gapMs: number,
  answers: boolean,
  doubted: boolean,
): readonly Change[] {
  const { readiness, liveness } = watched;
  const hung = watched.wasReady && !readiness.up && !liveness.up;
  const failed = watched.wasReady && !readiness.up;
  if (!failed && !hung && !watched.isFailed && !watched.isHung) return NO_CHANGES;
  watched.isFailed = failed;
  watched.isHung = hung;
  const subject = instanceSubject(sample);
  return [
    failed
      ? { raise: claim('probe-failed', readiness, `is not ready (${readiness.lastReason})`) }
      : { clear: 'probe-failed', subject },
    hung ? { raise: claim('hung', liveness, 'answers neither readiness nor liveness') } : { clear: 'hung', subject },
  ];

  function claim(name: 'probe-failed' | 'hung', level: FallRise, what: string) {
    return {
      name,
      subject,
      since: level.since,
      at: sample.at,
      vantages: [sample.vantage],
      reason: `${sample.instance} ${what}`,
      evidence: {
        probe: sample.probe,
        lastReason: level.lastReason,
        failing: level.against,
        answers,
        doubted,
      },
      staysMs: staysMsOf(gapMs),
    };
  }
}
