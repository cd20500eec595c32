import type { RequestsSample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { countOf, quantileMsOf } from './histogram.ts';
import { type Change, type Subject, staysMsOf } from './symptom.ts';
import { latencyOf, latestOf, type Tally, totalOf, vantagesOf } from './tally.ts';
import { followSpan, startTrack, type Track, usualFailedShare, usualPerSecond, usualQuantileMs } from './usual.ts';

const RECENT_MS = 3_000;
const GRAIN = { bucketMs: 250, keepMs: RECENT_MS };
const BASELINE_MIN_MS = 8_000;
/** It must have grown so many times more than the others together. */
const TIMES_ABOVE_OTHERS = 2;
/** Others are hurt when their latency doubles, in the middle or in the tail, by at least this much, or when they fail. Of fewer requests that is chance. */
const HURTS = [
  { quantile: 0.5, slowerMs: 15, count: 8 },
  { quantile: 0.9, slowerMs: 30, count: 30 },
] as const;
const FAILED_SHARE_MIN = 0.02;
const LATENCIES_MIN = 20;
const REQUESTS_MIN = 5;
/** Of all who are hurt together: the tail of a few requests is chance. */
const HURT_PER_S_MIN = 8;
/** What others felt of it lasts a little longer: the claim that explains that does too. */
const CALM_FOR_MS = 12_000;
const HURT_NAMED = 20;
const HELD_SHARE = 0.05;

interface State {
  readonly tenants: Record<string, Track>;
  /** When each last sent something to which workload: it hurts others nowhere else. */
  readonly sentAt: Record<string, Record<string, number>>;
  /** All tenants together. */
  readonly all: Track;
  /** Who is claimed to be noisy, and when last seen to be: meanwhile nobody's behaviour is learnt as usual. */
  readonly noisy: Record<string, number>;
}

/**
 * One tenant far above its own usual rate, with most of all traffic, while others are hurt. All three: a tenant that is
 * merely busy is a good customer, and a tenant whose rate grows with everybody's is not the cause.
 */
export function noisyTenantDetector(numbers: () => DetectionNumbers): Detector<State> {
  return {
    name: 'noisy-tenant',
    start: () => ({ tenants: {}, sentAt: {}, all: startTrack(), noisy: {} }),
    step(state, sample) {
      if (sample.kind !== 'requests') return NO_CHANGES;
      const track = entryOf(state.tenants, sample.tenant, startTrack);
      // What was limited or refused was sent too: noise is what a tenant asks for, not what it gets.
      const { at, spanMs, vantage, failed, latency } = sample;
      const ok = sample.ok + sample.limited + sample.refused;
      // Nor is it usual what somebody asks for who is held back.
      const isOdd = Object.keys(state.noisy).length > 0 || sample.limited + sample.refused > HELD_SHARE * (ok + failed);
      followSpan(track, GRAIN, { at, spanMs, vantage, ok, failed, latency }, isOdd);
      if (ok + failed > 0)
        entryOf(state.sentAt, sample.tenant, (): Record<string, number> => ({}))[sample.workload] = at;
      followSpan(state.all, GRAIN, { at, spanMs, vantage, ok, failed }, isOdd);
      return judge(state, track, sample, numbers());
    },
  };
}

function judge(state: State, track: Track, sample: RequestsSample, numbers: DetectionNumbers): readonly Change[] {
  const { at, tenant, spanMs } = sample;
  const subject: Subject = { kind: 'tenant', name: tenant };
  const calm = (): readonly Change[] => {
    const seenAt = state.noisy[tenant];
    if (seenAt === undefined) return NO_CHANGES;
    if (at - seenAt < CALM_FOR_MS) return [{ over: 'noisy-tenant', subject }];
    delete state.noisy[tenant];
    return [{ clear: 'noisy-tenant', subject }];
  };
  // Up to the report before this one: of this one the others may not have come in yet.
  const until = at - spanMs;
  const perSecond = rateOf(track.recent, until);
  if (perSecond < numbers['noisy.perSecondMin']) return calm();
  const usual = usualPerSecond(track, BASELINE_MIN_MS);
  if (usual === undefined || perSecond < numbers['noisy.timesUsual'] * usual) return calm();
  if (!standsOut(state.all, { perSecond, usual }, until, numbers['noisy.shareOfAllMin'])) return calm();
  const hurt = Object.keys(state.tenants).filter((name) => name !== tenant && isHurt(state.tenants[name]!, until));
  const hurtPerSecond = hurt.reduce((sum, name) => sum + rateOf(state.tenants[name]!.recent, until), 0);
  if (hurtPerSecond < HURT_PER_S_MIN) return calm();
  state.noisy[tenant] = at;
  const usualPerS = Math.max(1, Math.round(usual));
  const names = hurt.slice(0, HURT_NAMED);
  const sentAt = state.sentAt[tenant] ?? {};
  const workloads = Object.keys(sentAt).filter((name) => sentAt[name]! > until - RECENT_MS);
  const raise = {
    name: 'noisy-tenant' as const,
    subject,
    since: at,
    at,
    vantages: vantagesOf(track.recent, at - RECENT_MS),
    reason: `${tenant} sends ${Math.round(perSecond)} requests/s instead of ${usualPerS} and hurts ${names.join(', ')}`,
    evidence: { perSecond, usualPerSecond: usualPerS, hurt: names, hurtCount: hurt.length, workloads },
    staysMs: staysMsOf(spanMs),
  };
  return [{ raise }];
}

/** Most of all traffic, and not only because everybody sends more. */
function standsOut(
  all: Track,
  own: { readonly perSecond: number; readonly usual: number },
  until: number,
  shareMin: number,
): boolean {
  const perSecond = rateOf(all.recent, until);
  if (own.perSecond < shareMin * perSecond) return false;
  const others = Math.max(0, (usualPerSecond(all, BASELINE_MIN_MS) ?? 0) - own.usual);
  const othersGrowth = others < 1 ? 1 : Math.max(1, (perSecond - own.perSecond) / others);
  return own.perSecond / Math.max(own.usual, 1) >= TIMES_ABOVE_OTHERS * othersGrowth;
}

function rateOf(tally: Tally, at: number): number {
  return totalOf(tally, at - RECENT_MS, at).count / (RECENT_MS / 1000);
}

function isHurt(track: Track, at: number): boolean {
  const recent = latestOf(track.recent, at, { ms: RECENT_MS, count: REQUESTS_MIN });
  const usual = usualFailedShare(track);
  if (recent && recent.failedShare >= FAILED_SHARE_MIN && recent.failedShare > 2 * usual) return true;
  const latency = latencyOf(track.recent, at - RECENT_MS);
  if (latency === undefined) return false;
  const count = countOf(latency);
  return HURTS.some(({ quantile, slowerMs, count: least }) => {
    if (count < least) return false;
    const now = quantileMsOf(latency, quantile);
    const before = usualQuantileMs(track, quantile, LATENCIES_MIN);
    return now !== undefined && before !== undefined && now >= 2 * before && now >= before + slowerMs;
  });
}
