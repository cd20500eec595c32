import { medianOf, ordered, robustDeviation } from '../../detect/forecast/order-statistics.ts';
import { aspectsOf } from './harm.ts';
import type { CallNode, Metric } from './call-node.ts';

/** Below so many deviations the window shows no start or end of the trouble, and its intervals are not told apart. */
const CONTRAST_MIN = 3;
/** A tail is noisier than the mean: it only decides when it stands out so many times more. */
const MEAN_PREFERENCE = 4;
/** Part of its level that a latency may always move without meaning anything. */
const LATENCY_FLOOR = 0.05;

/**
 * How troubled the node of the symptom was in each interval of the present window, 0 to 1. Causes are then judged by the
 * difference between troubled and untroubled intervals of the same window, which no stale baseline and no slow drift can
 * fake. All ones when the window shows no such difference.
 */
export function troubleWeights(node: CallNode, metric: Metric): readonly number[] {
  const views = aspectsOf(node, metric).map(({ weight, of }) => {
    const values = of(node.present);
    const lowest = ordered(values)[0] ?? 0;
    const deviation = deviationOf(node, metric, of(node.baseline));
    const rises = values.map((value) => (value == null ? 0 : (value - lowest) / deviation));
    const peak = Math.max(0, ...rises);
    return { rises, peak, clarity: weight === 1 ? MEAN_PREFERENCE * peak : peak };
  });
  const clearest = views.reduce((best, view) => (view.clarity > best.clarity ? view : best));
  if (clearest.peak < CONTRAST_MIN) return node.present.requests.map(() => 1);
  return node.present.requests.map((_, at) => (clearest.rises[at] ?? 0) / clearest.peak);
}

function deviationOf(node: CallNode, metric: Metric, baseline: readonly (number | null)[]): number {
  const sorted = ordered(baseline);
  const requests = medianOf(node.baseline.requests) ?? medianOf(node.present.requests) ?? 1;
  const floor = metric === 'latency' ? LATENCY_FLOOR * Math.abs(medianOf(sorted) ?? 0) : 1 / Math.max(1, requests);
  return Math.max(robustDeviation(sorted), floor, 1e-9);
}
