import { quantileMs } from '../base/latency-sketch.ts';
import type { TriesSample } from '../observe/sample.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { type Change, instanceSubject } from './symptom.ts';
import { addSpan, type Tally, type Total, totalOf } from './tally.ts';

/** Long enough for a rate at a few requests a second, short enough to act within the 15 s of a grey failure. */
const WINDOW_MS = 5_000;
/** Below this many requests a share says nothing (Hystrix asks for 20 in 10 s). */
const REQUESTS_MIN = 15;
const FAILED_SHARE_MIN = 0.2;
/** An instance must be this much worse than the rest of its version. */
const TIMES_WORSE = 3;
const SLOWER_MS_MIN = 150;
/** Latency wanders on a busy machine: only a gap that stays is a fault. Errors do not wander. */
const TIMES_SLOWER = 4;
const SLOW_FOR_MS = 4_000;
/** A standing claim of slowness goes when the gap is this small again. */
const TIMES_NORMAL = 1.5;
/** A slow instance gets few requests, because the least loaded is chosen: latency looks back until it has enough. */
const LATENCY_REQUESTS_MIN = 10;
const LATENCY_WINDOW_MIN_MS = 2_000;
const KEEP_MS = 20_000;
/** Standing claims go when the instance is this close to normal again. */
const FAILED_SHARE_CLEAR = 0.05;

interface Watched {
  readonly workload: string;
  readonly version: number;
  readonly region: string;
  readonly tally: Tally;
  /** Since when it is slower than its siblings without a break; null while it is not. */
  readonly slowSince: number | null;
}

type State = Readonly<Record<string, Watched>>;

/** Error rate and latency of an instance against its siblings: equal code under equal load should behave equally. */
export const siblingDetector: Detector<State> = {
  name: 'sibling',
  start: () => ({}),
  step(state, sample) {
    if (sample.kind === 'retired' || sample.kind === 'exit') {
      const { [sample.instance]: _gone, ...rest } = state;
      const subject = instanceSubject(sample);
      return {
        state: rest,
        changes: [
          { clear: 'instance-errors', subject },
          { clear: 'instance-slow', subject },
        ],
      };
    }
    if (sample.kind !== 'tries') return { state, changes: NO_CHANGES };
    const before = state[sample.instance];
    const { workload, version, region } = sample;
    const tally = addSpan(before?.tally ?? [], sample, KEEP_MS);
    const heard = { ...state, [sample.instance]: { workload, version, region, tally, slowSince: null } };
    const slowness = slownessOf(heard, sample);
    const wasSlowSince = before?.slowSince ?? null;
    // Too little to compare is no news.
    const slowSince = slowness === undefined ? wasSlowSince : slowness.isSlower ? (wasSlowSince ?? sample.at) : null;
    const next = { ...heard, [sample.instance]: { ...heard[sample.instance]!, slowSince } };
    return { state: next, changes: [...judgeErrors(next, sample), ...judgeLatency(slowness, slowSince, sample)] };
  },
};

function siblingsOf(state: State, sample: TriesSample): readonly Total[] {
  return Object.entries(state)
    .filter(([name, other]) => name !== sample.instance && isSibling(other, sample))
    .map(([, other]) => totalOf(other.tally, sample.at - WINDOW_MS));
}

/** Equal work only: another region has other tenants, another load and another database. */
function isSibling(other: Watched, sample: TriesSample): boolean {
  return other.workload === sample.workload && other.region === sample.region;
}

/** The latest requests: as far back as it takes to have enough, and never less than the shortest window. */
function latestOf(tally: Tally, at: number): Total | undefined {
  for (let backMs = LATENCY_WINDOW_MIN_MS; backMs <= KEEP_MS; backMs += LATENCY_WINDOW_MIN_MS) {
    const total = totalOf(tally, at - backMs);
    if (total.latency.count >= LATENCY_REQUESTS_MIN) return total;
  }
  return undefined;
}

function judgeErrors(state: State, sample: TriesSample): readonly Change[] {
  const own = totalOf(state[sample.instance]!.tally, sample.at - WINDOW_MS);
  if (own.count < REQUESTS_MIN) return NO_CHANGES;
  const subject = instanceSubject(sample);
  const others = siblingsOf(state, sample).filter((each) => each.count >= REQUESTS_MIN);
  const failed = others.reduce((sum, each) => sum + each.failed, 0);
  const count = others.reduce((sum, each) => sum + each.count, 0);
  const usual = count === 0 ? 0 : failed / count;
  if (own.failedShare < FAILED_SHARE_CLEAR) return [{ clear: 'instance-errors', subject }];
  if (own.failedShare < FAILED_SHARE_MIN || own.failedShare < TIMES_WORSE * usual) return NO_CHANGES;
  const percent = Math.round(own.failedShare * 100);
  return [
    {
      raise: {
        name: 'instance-errors',
        subject,
        since: sample.at,
        at: sample.at,
        vantages: own.vantages,
        reason: `${percent} % of ${own.count} requests to ${sample.instance} failed, ${Math.round(usual * 100)} % elsewhere`,
        evidence: { failedShare: own.failedShare, requests: own.count, siblingsFailedShare: usual },
      },
    },
  ];
}

interface Slowness {
  readonly own: Total;
  readonly ownMs: number;
  readonly usualMs: number;
  readonly isSlower: boolean;
}

/** How the latest requests compare; undefined when either side has too few to say. */
function slownessOf(state: State, sample: TriesSample): Slowness | undefined {
  const own = latestOf(state[sample.instance]!.tally, sample.at);
  const ownMs = own && quantileMs(own.latency, 0.5);
  const others = siblingsOf(state, sample).filter((each) => each.latency.count >= LATENCY_REQUESTS_MIN);
  const usualMs = medianOf(others.flatMap((each) => quantileMs(each.latency, 0.5) ?? []));
  if (own === undefined || ownMs === undefined || usualMs === undefined) return undefined;
  return { own, ownMs, usualMs, isSlower: ownMs >= TIMES_SLOWER * usualMs && ownMs >= usualMs + SLOWER_MS_MIN };
}

function judgeLatency(
  slowness: Slowness | undefined,
  slowSince: number | null,
  sample: TriesSample,
): readonly Change[] {
  if (slowness === undefined) return NO_CHANGES;
  const { own, ownMs, usualMs } = slowness;
  const subject = instanceSubject(sample);
  if (ownMs < TIMES_NORMAL * usualMs) return [{ clear: 'instance-slow', subject }];
  if (slowSince === null || sample.at - slowSince < SLOW_FOR_MS) return NO_CHANGES;
  return [
    {
      raise: {
        name: 'instance-slow',
        subject,
        since: slowSince,
        at: sample.at,
        vantages: own.vantages,
        reason: `${sample.instance} takes ${Math.round(ownMs)} ms in the median, its siblings ${Math.round(usualMs)} ms`,
        evidence: { medianMs: ownMs, siblingsMedianMs: usualMs, requests: own.count },
      },
    },
  ];
}

function medianOf(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}
