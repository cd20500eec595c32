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
const SLOWER_MS_MIN = 100;
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
  readonly since: Readonly<Record<string, number>>;
}

/** Error rate and latency of an instance against its siblings: equal code under equal load should behave equally. */
export const siblingDetector: Detector<Readonly<Record<string, Watched>>> = {
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
    const watched: Watched = { workload, version, region, tally, since: before?.since ?? {} };
    const next = { ...state, [sample.instance]: watched };
    const changes = judge(next, sample);
    return { state: remember(next, sample, changes), changes };
  },
};

function judge(state: Readonly<Record<string, Watched>>, sample: TriesSample): readonly Change[] {
  const siblings = Object.entries(state)
    .filter(([name, other]) => name !== sample.instance && isSibling(other, sample))
    .map(([, other]) => other.tally);
  const recent = siblings.map((tally) => totalOf(tally, sample.at - WINDOW_MS));
  const own = totalOf(state[sample.instance]!.tally, sample.at - WINDOW_MS);
  const errors = own.count < REQUESTS_MIN ? NO_CHANGES : judgeErrors(state, sample, own, recent);
  return [...errors, ...judgeLatency(state, sample, recent)];
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

function judgeErrors(
  state: Readonly<Record<string, Watched>>,
  sample: TriesSample,
  own: Total,
  siblings: readonly Total[],
): readonly Change[] {
  const subject = instanceSubject(sample);
  const others = siblings.filter((each) => each.count >= REQUESTS_MIN);
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
        since: state[sample.instance]!.since['instance-errors'] ?? sample.at,
        at: sample.at,
        vantages: own.vantages,
        reason: `${percent} % of ${own.count} requests to ${sample.instance} failed, ${Math.round(usual * 100)} % elsewhere`,
        evidence: { failedShare: own.failedShare, requests: own.count, siblingsFailedShare: usual },
      },
    },
  ];
}

function judgeLatency(
  state: Readonly<Record<string, Watched>>,
  sample: TriesSample,
  siblings: readonly Total[],
): readonly Change[] {
  const subject = instanceSubject(sample);
  const own = latestOf(state[sample.instance]!.tally, sample.at);
  const ownMs = own && quantileMs(own.latency, 0.5);
  const usualMs = medianOf(siblings.flatMap((each) => quantileMs(each.latency, 0.5) ?? []));
  if (own === undefined || ownMs === undefined || usualMs === undefined) return NO_CHANGES;
  if (ownMs < 1.5 * usualMs) return [{ clear: 'instance-slow', subject }];
  if (ownMs < TIMES_WORSE * usualMs || ownMs < usualMs + SLOWER_MS_MIN) return NO_CHANGES;
  return [
    {
      raise: {
        name: 'instance-slow',
        subject,
        since: state[sample.instance]!.since['instance-slow'] ?? sample.at,
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

function remember(
  state: Readonly<Record<string, Watched>>,
  sample: TriesSample,
  changes: readonly Change[],
): Readonly<Record<string, Watched>> {
  const watched = state[sample.instance]!;
  const since: Record<string, number> = { ...watched.since };
  for (const change of changes) {
    if ('raise' in change) since[change.raise.name] = change.raise.since;
    else delete since[change.clear];
  }
  return { ...state, [sample.instance]: { ...watched, since } };
}
