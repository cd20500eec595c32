import type { CallsSample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { addToPart, failingOf, type Parts } from './parts.ts';
import { type Change, type Subject, type Symptom, type SymptomName, staysMsOf } from './symptom.ts';
import { errorsOf, onsetOf, totalOf, vantagesOf } from './tally.ts';
import { errorsLevel, slownessOf } from './unusual.ts';
import { followSpan, startTrack, type Track, usualFailedShare, usualPerSecond } from './usual.ts';

const GRAIN = { bucketMs: 1_000, keepMs: 30_000 };
const LATENCY_EVERY_MS = 250;
const SEEN_MS = 60_000;
/** It is a surge of calls only while tenants send less than so many times their usual. */
const TIMES_DEMAND_MAX = 1.5;
/** A standing surge goes when so much of what raises it is left. */
const CLEAR_AT = 0.7;
const SURGE_WINDOW_MS = 5_000;
const BASELINE_MIN_MS = 20_000;
const CALM_FOR_MS = 6_000;

interface Watched {
  readonly track: Track;
  /** Gateways carry the calls, and tell of them as requests too: these are no demand of tenants. */
  isCarried: boolean;
  /** Workloads that call it, and their instances. */
  readonly callers: Parts;
  readonly instances: Parts;
  readonly claimed: { failing: boolean; slow: boolean; surging: boolean };
  /** When each claim was last seen to hold. */
  readonly seenAt: { failing: number; slow: number; surging: number };
  slowSince: number | null;
  /** When that was first seen. */
  slowSeenAt: number;
  latencyAt: number;
}

interface State {
  readonly callees: Record<string, Watched>;
  /** What all tenants send. */
  readonly demand: Track;
}

/**
 * What is seen from the side of those who call: which callee fails or is slow, for which of its callers, and how. A callee
 * that fails for all is sick itself; one that fails for a single caller is not. Far more calls than tenants' requests can
 * explain are repetitions.
 */
export function callsDetector(numbers: () => DetectionNumbers): Detector<State> {
  return {
    name: 'calls',
    start: () => ({ callees: {}, demand: startTrack() }),
    step(state, sample) {
      if (sample.kind === 'requests') {
        if (state.callees[sample.workload]?.isCarried === true) return NO_CHANGES;
        const { at, spanMs, vantage, ok, failed, limited } = sample;
        const isOdd = Object.values(state.callees).some(({ claimed }) => claimed.surging);
        followSpan(state.demand, GRAIN, { at, spanMs, vantage, ok: ok + limited, failed }, isOdd);
        return NO_CHANGES;
      }
      if (sample.kind === 'retired' || sample.kind === 'exit') {
        for (const watched of Object.values(state.callees)) delete watched.instances[sample.instance];
        return NO_CHANGES;
      }
      if (sample.kind !== 'calls') return NO_CHANGES;
      const watched = entryOf(state.callees, sample.callee, start);
      watched.isCarried ||= sample.byGateway === true;
      const { at, spanMs, vantage, ok, failed } = sample;
      addToPart(watched.callers, sample.workload, sample);
      addToPart(watched.instances, sample.instance, { at, spanMs, vantage, ok, failed });
      const { failing, slow, surging } = watched.claimed;
      followSpan(watched.track, GRAIN, sample, failing || slow || surging);
      const changes = judgeErrors(watched, sample, numbers());
      if (Math.abs(at - watched.latencyAt) < LATENCY_EVERY_MS) return changes;
      watched.latencyAt = at;
      const surge = judgeSurge(state, watched, sample, numbers());
      // Who looks twice at the same requests is wrong twice as often: those that are carried are judged as requests.
      if (watched.isCarried) return [...changes, ...surge];
      return [...changes, ...judgeLatency(watched, sample, numbers()), ...surge];
    },
  };
}

function start(): Watched {
  const claimed = { failing: false, slow: false, surging: false };
  const seenAt = { failing: 0, slow: 0, surging: 0 };
  return {
    track: startTrack(),
    isCarried: false,
    callers: {},
    instances: {},
    claimed,
    seenAt,
    slowSince: null,
    slowSeenAt: 0,
    latencyAt: 0,
  };
}

/** `store`: a workload. `store main`: an asset, which has a kind in front. */
function subjectOf(callee: string): Subject {
  return { kind: callee.includes(' ') ? 'asset' : 'workload', name: callee };
}

/** Who calls it feels it a little longer: the claim that explains that goes last. */
function clear(
  watched: Watched,
  what: keyof Watched['claimed'],
  name: SymptomName,
  { callee, at }: CallsSample,
): readonly Change[] {
  if (!watched.claimed[what]) return NO_CHANGES;
  if (at - watched.seenAt[what] < CALM_FOR_MS) return [{ over: name, subject: subjectOf(callee) }];
  watched.claimed[what] = false;
  return [{ clear: name, subject: subjectOf(callee) }];
}

function judgeErrors(watched: Watched, sample: CallsSample, numbers: DetectionNumbers): readonly Change[] {
  if (sample.failed === 0 && !watched.claimed.failing) return NO_CHANGES;
  const { at, callee } = sample;
  const { recent } = watched.track;
  const level = errorsLevel(watched.track, at, watched.claimed.failing, numbers);
  if (level === undefined) return NO_CHANGES;
  if (level === 'usual') return clear(watched, 'failing', 'calls-failing', sample);
  watched.claimed.failing = true;
  watched.seenAt.failing = at;
  const callers = failingOf(watched.callers, at - SEEN_MS);
  const instances = failingOf(watched.instances, at - SEEN_MS);
  const percent = Math.max(1, Math.round(level.failedShare * 100));
  const raise: Symptom = {
    name: 'calls-failing',
    subject: subjectOf(callee),
    since: onsetOf(recent, level.failedShare / 3, at),
    at,
    vantages: vantagesOf(recent, level.from),
    reason: `${percent} % of the calls to ${callee} fail`,
    evidence: {
      failedShare: level.failedShare,
      usualFailedShare: usualFailedShare(watched.track),
      requests: Math.round(level.count),
      ended: level.ended,
      errors: errorsOf(recent, level.from),
      callers: callers.names,
      callersSeen: callers.seen,
      instances: instances.names,
      instancesFailing: instances.failing,
      instancesSeen: instances.seen,
    },
    staysMs: staysMsOf(sample.spanMs),
  };
  return [{ raise }];
}

function judgeLatency(watched: Watched, sample: CallsSample, numbers: DetectionNumbers): readonly Change[] {
  const { at, callee } = sample;
  const slow = slownessOf(watched.track, at, watched.claimed.slow, numbers);
  if (slow === undefined) {
    watched.slowSince = null;
    return clear(watched, 'slow', 'calls-slow', sample);
  }
  if (watched.slowSince === null) watched.slowSeenAt = at;
  watched.slowSince ??= at - sample.spanMs / 2;
  if (at - watched.slowSince < numbers['workload.slowForMs']) return NO_CHANGES;
  watched.claimed.slow = true;
  watched.seenAt.slow = at;
  const raise: Symptom = {
    name: 'calls-slow',
    subject: subjectOf(callee),
    since: watched.slowSeenAt,
    at,
    vantages: vantagesOf(watched.track.recent, at - numbers['workload.slowForMs']),
    reason: `calls to ${callee} take ${Math.round(slow.ms)} ms instead of ${Math.round(slow.usualMs)} ms in the ${slow.where}`,
    evidence: { ms: slow.ms, usualMs: slow.usualMs, where: slow.where },
    staysMs: staysMsOf(sample.spanMs),
    ...(slow.isOver ? { over: true as const } : {}),
  };
  return [{ raise }];
}

function timesUsual(track: Track, at: number): { readonly times: number; readonly perSecond: number } | undefined {
  const usual = usualPerSecond(track, BASELINE_MIN_MS);
  if (usual === undefined || usual <= 0) return undefined;
  const perSecond = totalOf(track.recent, at - SURGE_WINDOW_MS, at).count / (SURGE_WINDOW_MS / 1_000);
  return { times: perSecond / usual, perSecond };
}

function judgeSurge(state: State, watched: Watched, sample: CallsSample, numbers: DetectionNumbers): readonly Change[] {
  const { at, callee } = sample;
  const calls = timesUsual(watched.track, at);
  if (calls === undefined) return NO_CHANGES;
  const demand = timesUsual(state.demand, at)?.times ?? 1;
  const { 'calls.timesUsual': times, 'calls.perSecondMin': perSecondMin } = numbers;
  const least = watched.claimed.surging ? CLEAR_AT * times : times;
  const surging = calls.times >= least && demand < TIMES_DEMAND_MAX && calls.perSecond >= perSecondMin;
  if (!surging) return clear(watched, 'surging', 'calls-surging', sample);
  watched.claimed.surging = true;
  watched.seenAt.surging = at;
  const raise: Symptom = {
    name: 'calls-surging',
    subject: subjectOf(callee),
    since: at - SURGE_WINDOW_MS,
    at,
    vantages: vantagesOf(watched.track.recent, at - SURGE_WINDOW_MS),
    reason: `${callee} gets ${calls.times.toFixed(1)} times its usual calls, and tenants send ${demand.toFixed(1)} times theirs`,
    evidence: { timesUsual: calls.times, demandTimesUsual: demand, perSecond: calls.perSecond },
    staysMs: staysMsOf(sample.spanMs),
  };
  return [{ raise }];
}
