import type { Noise } from '../world/noise.ts';

/** What a tenant sends at its height, and what it was promised. */
export interface TenantPlan {
  readonly name: string;
  readonly perSecond: number;
  readonly availability: number;
  readonly latencyMs: number;
  /** Where in its day the hour begins: 0 to 1. */
  readonly phase: number;
  /** What it sends beyond that, from when to when, and how many times its usual. */
  readonly bursts: readonly { readonly from: number; readonly until: number; readonly times: number }[];
  /** It is a customer only from then, or until then; all the time when left out. */
  readonly comesAt?: number;
  readonly leavesAt?: number;
}

/** From the one that sends most of all to one that sends a request a minute. */
const SIZES = [42, 16, 6, 2.5, 1, 0.3, 0.08, 0.02];
const BURSTS_PER_HOUR = 2;
const HOUR_MS = 3_600_000;
/** A day of 40 minutes: the hour sees the rise, the height and the fall of everybody's. */
const DAY_MS = 2_400_000;
const NIGHT_SHARE = 0.25;

export function tenantPlans(noise: Noise, lengthMs: number): readonly TenantPlan[] {
  const phase = noise.uniform();
  return SIZES.map((perSecond, i) => ({
    name: `tenant-${i + 1}`,
    perSecond,
    availability: perSecond > 5 ? 0.999 : 0.99,
    latencyMs: 1_500,
    // Most of them live in one part of the world.
    phase: (phase + 0.08 * noise.gauss() + 1) % 1,
    bursts: Array.from({ length: noise.count((BURSTS_PER_HOUR * lengthMs) / HOUR_MS) }, () => {
      const from = noise.uniform() * lengthMs;
      return { from, until: from + 3_000 + noise.uniform() * 60_000, times: 1.5 + 1.5 * noise.uniform() };
    }),
  }));
}

/** Requests a second, `atMs` after the hour began. */
export function rateOf(
  { perSecond, phase, bursts, comesAt = 0, leavesAt = Infinity }: TenantPlan,
  atMs: number,
): number {
  if (atMs < comesAt || atMs >= leavesAt) return 0;
  const day = 0.5 - 0.5 * Math.cos(2 * Math.PI * (atMs / DAY_MS + phase));
  const burst = bursts.find(({ from, until }) => from <= atMs && atMs < until)?.times ?? 1;
  return perSecond * (NIGHT_SHARE + (1 - NIGHT_SHARE) * day) * burst;
}
