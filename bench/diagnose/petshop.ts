import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { CallNode, Metric, Trouble } from '../../src/diagnose/graph/call-node.ts';
import { DataFault } from '../detect/data-fault.ts';
import { readText } from '../detect/data-text.ts';
import { type MetricsFile, readGraph, readMetrics } from './petshop-file.ts';

/** One question to a diagnosis, with its answer. */
export interface Issue {
  readonly name: string;
  /** `low_traffic`, `high_traffic`: the workload that it happened under. */
  readonly scenario: string;
  readonly nodes: readonly CallNode[];
  readonly trouble: Trouble;
  readonly cause: string;
  /** The metric that the cause has to be named with, where the data set asks for one. */
  readonly causeMetric: Metric | null;
}

/** Normal operation under one workload. */
export interface Scenario {
  readonly name: string;
  readonly graph: ReadonlyMap<string, readonly string[]>;
  readonly normal: MetricsFile;
  readonly issues: readonly Issue[];
}

const DEPTH_MAX = 4;

/**
 * Reads PetShop as it is published: folders with `graph.csv`, `noissue/metrics.csv` and issues, each a folder with
 * `metrics.csv` and `target.json`, below any folder (`train`, `test`). Throws `DataFault` when something is not so.
 */
export function readPetShop(folder: string): readonly Scenario[] {
  const found = foldersBelow(folder, DEPTH_MAX).filter((path) => existsSync(join(path, 'graph.csv')));
  if (found.length === 0) throw new DataFault(folder, 0, 'no folder with a graph.csv was found');
  return found.map(readScenario);
}

function readScenario(folder: string): Scenario {
  const name = basename(folder);
  const graph = readGraph(join(folder, 'graph.csv'));
  const normal = readMetrics(join(folder, 'noissue', 'metrics.csv'));
  const issues = foldersBelow(folder, DEPTH_MAX)
    .filter((path) => existsSync(join(path, 'target.json')))
    .map((path) => readIssue(path, { name, graph, normal }));
  return { name, graph, normal, issues };
}

/** `folder` and what is below it, in a stable order. */
function foldersBelow(folder: string, depth: number): string[] {
  if (!existsSync(folder)) throw new DataFault(folder, 0, 'there is no such folder');
  const inner = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return [folder, ...(depth > 0 ? inner.flatMap((name) => foldersBelow(join(folder, name), depth - 1)) : [])];
}

function readIssue(folder: string, scenario: Omit<Scenario, 'issues'>): Issue {
  const metrics = readMetrics(join(folder, 'metrics.csv'));
  const { node, metric, cause, causeMetric } = readTarget(join(folder, 'target.json'), scenario.graph);
  const name = `${scenario.name}/${basename(dirname(folder))}/${basename(folder)}`;
  const nodes = toCallNodes(scenario.graph, scenario.normal, metrics);
  return { name, scenario: scenario.name, nodes, cause, causeMetric, trouble: { node, metric, times: metrics.times } };
}

/** The graph with its readings before and during an issue. */
function toCallNodes(
  graph: ReadonlyMap<string, readonly string[]>,
  normal: MetricsFile,
  present: MetricsFile,
): readonly CallNode[] {
  const none = { requests: [], failedShare: [], latencyMs: [], tailsMs: [] };
  return [...graph].map(([name, calls]) => ({
    name,
    calls,
    baseline: normal.nodes.get(name) ?? none,
    present: present.nodes.get(name) ?? none,
  }));
}

function readTarget(path: string, graph: ReadonlyMap<string, unknown>) {
  const text = readText(path);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new DataFault(path, 1, `is no JSON: ${(error as Error).message}`);
  }
  const field = (outer: string, inner: string): unknown => {
    const part = (parsed as Record<string, unknown> | null)?.[outer];
    return (part as Record<string, unknown> | null | undefined)?.[inner];
  };
  const node = field('target', 'node');
  const metric = field('target', 'metric');
  const cause = field('root_cause', 'node');
  if (typeof node !== 'string' || !graph.has(node)) throw new DataFault(path, 1, 'target.node is no node of the graph');
  const metrics: Readonly<Record<string, Metric>> = { latency: 'latency', availability: 'failures' };
  const known = typeof metric === 'string' ? metrics[metric] : undefined;
  if (known === undefined) throw new DataFault(path, 1, 'target.metric must be latency or availability');
  if (typeof cause !== 'string') throw new DataFault(path, 1, 'root_cause.node is missing');
  const asked = field('root_cause', 'metric');
  const causeMetric = typeof asked === 'string' ? (metrics[asked] ?? null) : null;
  return { node, cause, causeMetric, metric: known };
}
