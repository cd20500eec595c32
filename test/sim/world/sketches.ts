import { EMPTY_SKETCH, type LatencySketch } from '../../../src/base/latency-sketch.ts';
import { SPREAD } from './queueing.ts';

/** Lognormal latencies as five groups of them: close enough for every quantile that anybody asks for. */
const GROUPS = [
  { share: 0.1, times: Math.exp(-1.6 * SPREAD) },
  { share: 0.2, times: Math.exp(-0.75 * SPREAD) },
  { share: 0.4, times: 1 },
  { share: 0.2, times: Math.exp(0.75 * SPREAD) },
  { share: 0.1, times: Math.exp(1.6 * SPREAD) },
];
const LOG_GAMMA = Math.log(1.1);

/** `count` answers around a median. The groups of few answers are drawn by `at`, a number in [0, 1). */
export function sketchOf(count: number, medianMs: number, at: number): LatencySketch {
  if (count <= 0) return EMPTY_SKETCH;
  const buckets: Record<string, number> = {};
  let placed = 0;
  let share = 0;
  for (const group of GROUPS) {
    share += group.share;
    const upTo = Math.min(count, Math.floor(share * count + at));
    const here = group === GROUPS.at(-1) ? count - placed : upTo - placed;
    if (here <= 0) continue;
    const bucket = Math.ceil(Math.log(Math.max(0.1, medianMs * group.times)) / LOG_GAMMA);
    buckets[bucket] = (buckets[bucket] ?? 0) + here;
    placed += here;
  }
  return { count, buckets };
}
