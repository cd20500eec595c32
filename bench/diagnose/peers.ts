import type { CallNode, Metric, Readings, Trouble } from '../../src/diagnose/graph/call-node.ts';
import { medianOf, ordered, type Reading } from '../../src/detect/forecast/order-statistics.ts';

/** A way to find causes: names of the suspected nodes, most suspected first; empty for "nothing is wrong". */
export type Method = (nodes: readonly CallNode[], trouble: Trouble) => readonly string[];

const MAD_MIN = 5;
const BASELINE_MIN = 10;
const ROW_FIRST = 2;

/**
 * The traversal baseline that was published with the data set, with its parameters: one interval is looked at (the third,
 * or the next in which the target is anomalous); a node is anomalous beyond 5 median absolute deviations; a cause is an
 * anomalous node that calls no anomalous one and is reached through anomalous ones, scored by the sum along the path.
 */
export const traversal: Method = (nodes, { node: target, metric, times }) => {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const rows = times.map((_, row) => row).slice(ROW_FIRST);
  const row = rows.find((each) => madScore(byName.get(target)!, metric, each) > MAD_MIN) ?? ROW_FIRST;
  const scores = new Map(nodes.map((node) => [node.name, madScore(node, metric, row)]));
  const isAnomalous = (name: string) => (scores.get(name) ?? 0) > MAD_MIN;
  if (!isAnomalous(target)) return [];
  const best = new Map<string, number>();
  const walk = (name: string, sum: number, path: readonly string[]) => {
    best.set(name, Math.max(best.get(name) ?? 0, sum));
    const next = byName.get(name)!.calls.filter((callee) => isAnomalous(callee) && !path.includes(callee));
    for (const callee of next) walk(callee, sum + scores.get(callee)!, [...path, callee]);
  };
  walk(target, scores.get(target)!, [target]);
  return [...best.keys()]
    .filter((name) => !byName.get(name)!.calls.some(isAnomalous))
    .sort((a, b) => best.get(b)! - best.get(a)!);
};

function madScore(node: CallNode, metric: Metric, row: number): number {
  const of = seriesOf(metric);
  const baseline = ordered(of(node.baseline));
  const value = of(node.present)[row];
  if (baseline.length < BASELINE_MIN || value == null) return 0;
  const median = medianOf(baseline)!;
  const distance = Math.abs(value - median);
  // A metric that never moved is anomalous as soon as it does.
  if (baseline[0] === baseline.at(-1)) return distance > 1e-12 ? MAD_MIN + distance : 0;
  const mad = medianOf(baseline.map((each) => Math.abs(each - median)))!;
  return distance === 0 ? 0 : distance / mad;
}

/** Deviations of the mean from the normal mean, on the metric of the symptom, without the graph. */
export const nSigma: Method = (nodes, { metric }) => rankedBy(nodes, (node) => sigmasOf(node, seriesOf(metric)));

/** The same over all metrics: what a dashboard that is sorted by "most unusual" says. */
export const nSigmaAll: Method = (nodes) => {
  const series = [seriesOf('failures'), seriesOf('latency'), (readings: Readings) => readings.requests];
  return rankedBy(nodes, (node) => Math.max(...series.map((of) => sigmasOf(node, of))));
};

function rankedBy(nodes: readonly CallNode[], score: (node: CallNode) => number): readonly string[] {
  return nodes
    .map((node) => ({ name: node.name, score: score(node) }))
    .sort((a, b) => b.score - a.score)
    .map(({ name }) => name);
}

function seriesOf(metric: Metric): (readings: Readings) => readonly Reading[] {
  return (readings) => (metric === 'latency' ? readings.latencyMs : readings.failedShare);
}

function sigmasOf(node: CallNode, of: (readings: Readings) => readonly Reading[]): number {
  const before = ordered(of(node.baseline));
  const during = ordered(of(node.present));
  if (before.length === 0 || during.length === 0) return 0;
  const mean = before.reduce((sum, value) => sum + value, 0) / before.length;
  const variance = before.reduce((sum, value) => sum + (value - mean) ** 2, 0) / before.length;
  return Math.max(...during.map((value) => Math.abs(value - mean))) / Math.max(Math.sqrt(variance), 1e-9);
}
