import { quantileMs } from '../base/latency-sketch.ts';
import type { RequestsSample } from '../observe/sample.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import type { Change, Subject } from './symptom.ts';
import { addSpan, type Tally, totalOf } from './tally.ts';

const RECENT_MS = 3_000;
/** What a tenant usually does is learnt from the time before the recent past. */
const BASELINE_MS = 60_000;
const BASELINE_MIN_MS = 8_000;
const TIMES_ABOVE_USUAL = 3;
const SHARE_OF_ALL_MIN = 0.5;
const RATE_MIN_PER_S = 40;
/** Others are hurt when their latency doubles, in the middle or in the tail, by at least this much, or when they fail. */
const HURTS = [
  { quantile: 0.5, slowerMs: 15 },
  { quantile: 0.9, slowerMs: 30 },
] as const;
const FAILED_SHARE_MIN = 0.02;

interface Watched {
  readonly since: number;
  readonly tally: Tally;
}
type State = Readonly<Record<string, Watched>>;

/**
 * One tenant far above its own usual rate, with most of all traffic, while others are hurt. All three: a tenant that is
 * merely busy is a good customer, and a tenant whose rate grows with everybody's is not the cause.
 */
export const noisyTenantDetector: Detector<State> = {
  name: 'noisy-tenant',
  start: () => ({}),
  step(state, sample) {
    if (sample.kind !== 'requests') return { state, changes: NO_CHANGES };
    const before = state[sample.tenant] ?? { since: sample.at, tally: [] };
    // What was limited or refused was sent too: noise is what a tenant asks for, not what it gets.
    const span = { ...sample, ok: sample.ok + sample.limited + sample.refused };
    const next = { ...state, [sample.tenant]: { ...before, tally: addSpan(before.tally, span, BASELINE_MS) } };
    return { state: next, changes: judge(next, sample) };
  },
};

function judge(state: State, sample: RequestsSample): readonly Change[] {
  const { at, tenant } = sample;
  const subject: Subject = { kind: 'tenant', name: tenant };
  const own = rates(state[tenant]!, at);
  const all = Object.values(state).reduce((sum, each) => sum + rates(each, at).recentPerS, 0);
  const loud =
    own.recentPerS >= RATE_MIN_PER_S &&
    own.usualPerS !== undefined &&
    own.recentPerS >= TIMES_ABOVE_USUAL * own.usualPerS &&
    own.recentPerS >= SHARE_OF_ALL_MIN * all;
  if (!loud) return [{ clear: 'noisy-tenant', subject }];
  const hurt = Object.keys(state).filter((name) => name !== tenant && isHurt(state[name]!, at));
  if (hurt.length === 0) return [{ clear: 'noisy-tenant', subject }];
  const usual = Math.max(1, Math.round(own.usualPerS ?? 0));
  return [
    {
      raise: {
        name: 'noisy-tenant',
        subject,
        since: at,
        at,
        vantages: totalOf(state[tenant]!.tally, at - RECENT_MS).vantages,
        reason: `${tenant} sends ${Math.round(own.recentPerS)} requests/s instead of ${usual} and hurts ${hurt.join(', ')}`,
        evidence: { perSecond: own.recentPerS, usualPerSecond: usual, hurt },
      },
    },
  ];
}

function rates(watched: Watched, at: number): { recentPerS: number; usualPerS: number | undefined } {
  const recent = totalOf(watched.tally, at - RECENT_MS);
  const baselineFrom = Math.max(watched.since, at - BASELINE_MS);
  const baselineMs = at - RECENT_MS - baselineFrom;
  const usual = totalOf(watched.tally, baselineFrom, at - RECENT_MS);
  return {
    recentPerS: recent.count / (RECENT_MS / 1000),
    usualPerS: baselineMs < BASELINE_MIN_MS ? undefined : usual.count / (baselineMs / 1000),
  };
}

function isHurt(watched: Watched, at: number): boolean {
  const recent = totalOf(watched.tally, at - RECENT_MS);
  const usual = totalOf(watched.tally, at - BASELINE_MS, at - RECENT_MS);
  if (recent.failedShare >= FAILED_SHARE_MIN && recent.failedShare > 2 * usual.failedShare) return true;
  return HURTS.some(({ quantile, slowerMs }) => {
    const now = quantileMs(recent.latency, quantile);
    const before = quantileMs(usual.latency, quantile);
    return now !== undefined && before !== undefined && now >= 2 * before && now >= before + slowerMs;
  });
}
