import type { Random } from '../../src/base/random.ts';
import type { CallNode, Metric, Readings } from '../../src/diagnose/graph/call-node.ts';
import { medianOf, type Reading } from '../../src/detect/forecast/order-statistics.ts';
import type { Issue, Scenario } from './petshop.ts';

const ROWS = 5;
/** Rows around a window that are kept out of its baseline. */
const MARGIN = 10;
const DRIFTED_SHARE = 0.25;
const DELAYS_MS = [250, 500, 1_000, 2_000];
/** What a fault must do to the target to be worth a diagnosis: else nobody would ask. */
const FELT_MS = 10;
const FELT_SHARE = 0.008;

/**
 * Faults planted in the normal operation of a scenario, so that causes that its issues never have are asked for as well:
 * some requests of a random node fail or are delayed for some intervals, and the same requests fail or are delayed at
 * its callers. A quarter of the nodes has moved to another level since the baseline. Equal randomness, equal issues.
 */
export function plantIssues(scenario: Scenario, count: number, random: Random): readonly Issue[] {
  const target = scenario.issues[0]?.trouble.node ?? [...scenario.graph.keys()][0]!;
  const found: Issue[] = [];
  for (let tries = 0; found.length < count && tries < count * 50; tries++) {
    const issue = plantIssue(scenario, target, `planted ${found.length + 1}`, random);
    if (issue !== undefined) found.push(issue);
  }
  return found;
}

/** Windows of normal operation in which nothing was planted: the right answer is that there is no cause. */
export function quietIssues(scenario: Scenario, count: number, random: Random): readonly Issue[] {
  const target = scenario.issues[0]?.trouble.node ?? [...scenario.graph.keys()][0]!;
  return Array.from({ length: count }, (_, at) => {
    const { nodes, times } = windowOf(scenario, random);
    const metric: Metric = at % 2 === 0 ? 'latency' : 'failures';
    const trouble = { node: target, metric, times };
    return {
      name: `${scenario.name}/quiet ${at + 1}`,
      scenario: scenario.name,
      nodes,
      cause: '',
      trouble,
      causeMetric: null,
    };
  });
}

function plantIssue(scenario: Scenario, target: string, name: string, random: Random): Issue | undefined {
  const { nodes, times } = windowOf(scenario, random);
  const drifted = nodes.map((node) =>
    random.next() < DRIFTED_SHARE ? drift(node, Math.exp(random.next() - 0.4)) : node,
  );
  const byName = new Map(drifted.map((node) => [node.name, node]));
  const culprits = drifted.filter(({ name }) => usualRequests(byName, name) >= 0.1 * usualRequests(byName, target));
  const cause = culprits[Math.floor(random.next() * culprits.length)]!.name;
  const metric: Metric = random.next() < 0.5 ? 'latency' : 'failures';
  const first = 1 + Math.floor(random.next() * 2);
  const last = first + 1 + Math.floor(random.next() * (ROWS - first - 1));
  const share = 0.01 * 10 ** random.next();
  const delayMs = DELAYS_MS[Math.floor(random.next() * DELAYS_MS.length)]!;
  const hits = (byName.get(cause)!.present.requests ?? []).map((requests, row) =>
    row < first || row > last ? 0 : binomial(requests ?? 0, share * (0.5 + 0.5 * random.next()), random),
  );
  const hitsOf = spread(byName, cause, hits);
  const hurt = drifted.map((node) => hurtBy(node, hitsOf.get(node.name), metric, delayMs));
  const felt = feltAt(byName.get(target)!, hitsOf.get(target), metric, delayMs);
  if (!felt) return undefined;
  const trouble = { node: target, metric, times };
  return { name: `${scenario.name}/${name}`, scenario: scenario.name, nodes: hurt, cause, trouble, causeMetric: null };
}

/** A random window of normal operation, and the rest of it as its baseline. */
function windowOf(scenario: Scenario, random: Random): { nodes: CallNode[]; times: number[] } {
  const { normal, graph } = scenario;
  const start = Math.floor(random.next() * (normal.times.length - ROWS));
  const inWindow = (_: unknown, row: number) => row >= start && row < start + ROWS;
  const isBefore = (_: unknown, row: number) => row < start - MARGIN || row >= start + ROWS + MARGIN;
  const nodes = [...graph].flatMap(([name, calls]) => {
    const readings = normal.nodes.get(name);
    if (readings === undefined) return [];
    return [{ name, calls, baseline: rowsOf(readings, isBefore), present: rowsOf(readings, inWindow) }];
  });
  return { nodes, times: normal.times.filter(inWindow) };
}

function rowsOf(readings: Readings, keep: (_: unknown, row: number) => boolean): Readings {
  return {
    requests: readings.requests.filter(keep),
    failedShare: readings.failedShare.filter(keep),
    latencyMs: readings.latencyMs.filter(keep),
    tailsMs: readings.tailsMs.map(({ quantile, ms }) => ({ quantile, ms: ms.filter(keep) })),
  };
}

function drift(node: CallNode, factor: number): CallNode {
  const moved = (ms: readonly Reading[]) => ms.map((value) => (value === null ? null : value * factor));
  const { present } = node;
  const tailsMs = present.tailsMs.map(({ quantile, ms }) => ({ quantile, ms: moved(ms) }));
  return { ...node, present: { ...present, latencyMs: moved(present.latencyMs), tailsMs } };
}

function usualRequests(byName: ReadonlyMap<string, CallNode>, name: string): number {
  return medianOf(byName.get(name)?.baseline.requests ?? []) ?? 0;
}

/** How many requests are hit at each node that calls the culprit, directly or not, by interval. */
function spread(byName: ReadonlyMap<string, CallNode>, cause: string, hits: readonly number[]) {
  const found = new Map([[cause, hits]]);
  for (const [name, own] of found) {
    const callers = [...byName.values()].filter((node) => node.calls.includes(name));
    const total = callers.reduce((sum, caller) => sum + usualRequests(byName, caller.name), 0);
    for (const caller of callers) {
      if (found.has(caller.name) || total === 0) continue;
      const part = usualRequests(byName, caller.name) / total;
      found.set(
        caller.name,
        own.map((hit, row) => Math.min(Math.round(hit * part), caller.present.requests[row] ?? 0)),
      );
    }
  }
  return found;
}

function hurtBy(node: CallNode, hits: readonly number[] | undefined, metric: Metric, delayMs: number): CallNode {
  if (hits === undefined) return node;
  const { present } = node;
  const shares = hits.map((hit, row) => hit / Math.max(1, present.requests[row] ?? 0));
  if (metric === 'failures') {
    const failedShare = present.failedShare.map((v, row) => (v === null ? null : Math.min(1, v + shares[row]!)));
    return { ...node, present: { ...present, failedShare } };
  }
  const latencyMs = present.latencyMs.map((v, row) => (v === null ? null : v + shares[row]! * delayMs));
  const tailsMs = present.tailsMs.map(({ quantile, ms }) => ({
    quantile,
    ms: ms.map((v, row) => (v === null || shares[row]! <= 1 - quantile ? v : Math.max(v, delayMs))),
  }));
  return { ...node, present: { ...present, latencyMs, tailsMs } };
}

function feltAt(target: CallNode, hits: readonly number[] | undefined, metric: Metric, delayMs: number): boolean {
  const shares = (hits ?? []).map((hit, row) => hit / Math.max(1, target.present.requests[row] ?? 0));
  return Math.max(0, ...shares) * (metric === 'latency' ? delayMs : 1) >= (metric === 'latency' ? FELT_MS : FELT_SHARE);
}

function binomial(trials: number, p: number, random: Random): number {
  let hits = 0;
  for (let at = 0; at < trials; at++) if (random.next() < p) hits++;
  return hits;
}
