import {
  medianOf,
  ordered,
  quantileOf,
  type Reading,
  robustDeviation,
} from '../../detect/forecast/order-statistics.ts';
import type { CallNode, Metric, Readings } from './call-node.ts';

/** Harm of a node by interval: failed requests, or milliseconds waited, beyond what is normal for it. */
export interface Harm {
  readonly present: readonly number[];
  readonly baseline: readonly number[];
}

/** One way to read a metric: `weight` is the share of the requests that the reading speaks for. */
interface Aspect {
  readonly weight: number;
  readonly of: (readings: Readings) => readonly Reading[];
}

/** The mean speaks for all requests; a quantile for those beyond it, at least. A fault in the tail may hide in the mean. */
export function aspectsOf(node: CallNode, metric: Metric): readonly Aspect[] {
  if (metric === 'failures') return [{ weight: 1, of: (readings) => readings.failedShare }];
  const tails = node.present.tailsMs
    .filter(({ quantile }) => quantile >= 0.9)
    .map(({ quantile }) => ({
      weight: 1 - quantile,
      of: (readings: Readings) => readings.tailsMs.find((tail) => tail.quantile === quantile)?.ms ?? [],
    }));
  return [{ weight: 1, of: (readings) => readings.latencyMs }, ...tails];
}

/** Worsening x requests. An interval without a reading has no harm: what is not known is not held against a node. */
export function harmOf(node: CallNode, metric: Metric): Harm {
  const aspects = aspectsOf(node, metric).map(({ weight, of }) => {
    // Without a baseline the best of the window has to do.
    const normal = medianOf(of(node.baseline)) ?? ordered(of(node.present))[0] ?? 0;
    const excess = (readings: Readings) => {
      const values = of(readings);
      return readings.requests.map((requests, at) => {
        const value = values[at];
        return value == null || requests == null ? 0 : weight * (value - normal) * requests;
      });
    };
    return { present: excess(node.present), baseline: excess(node.baseline) };
  });
  const worst = (side: keyof Harm) => aspects[0]![side].map((_, at) => Math.max(...aspects.map((a) => a[side][at]!)));
  return { present: worst('present'), baseline: worst('baseline') };
}

/** How much `series` scatters to its worse side; at least `floor`. */
export function scatterOf(series: readonly number[], floor: number): number {
  const sorted = ordered(series);
  const tail = sorted.length === 0 ? 0 : (quantileOf(sorted, 0.9)! - quantileOf(sorted, 0.5)!) / 1.2816;
  return Math.max(robustDeviation(sorted), tail, floor);
}
