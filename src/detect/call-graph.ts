import type { CallsSample, Sample } from '../observe/sample.ts';
import { type Account, emptyAccount } from './account.ts';
import { addRoute, addTries, type CallParts, type PartReadings, partsAt, startParts } from './call-parts.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import type { Reading } from './forecast/order-statistics.ts';
import { addSketch, emptyHistogram, type Histogram, meanMsOf, quantileMsOf, sumMsOf } from './histogram.ts';
import { addCounts, areOver, type Counts, type Minutes, minutesOf, splitAt } from './minute-counts.ts';

/** What was seen of the calls to one workload or thing, by interval; what is missing is null. */
export interface NodeReadings {
  readonly name: string;
  /** Whom it was seen to call. */
  readonly calls: readonly string[];
  /** How its calls went, by whom it called. */
  readonly edges: readonly EdgeReadings[];
  readonly baseline: WindowReadings;
  readonly present: WindowReadings;
  /** The same traffic by instance, version, route, tenant and zone, as gateways saw it. */
  readonly parts: readonly PartReadings[];
}

/** How the calls of one to another went: the last three minutes, and the quarter of an hour before them. */
export interface EdgeReadings {
  readonly callee: string;
  readonly present: Counts;
  readonly baseline: Counts;
}

export interface WindowReadings {
  readonly requests: readonly Reading[];
  readonly failedShare: readonly Reading[];
  readonly latencyMs: readonly Reading[];
  readonly tailsMs: readonly { readonly quantile: number; readonly ms: readonly Reading[] }[];
}

/** The readings of all nodes: they share the times of the present. */
export interface CallReadings {
  readonly times: readonly number[];
  readonly nodes: readonly NodeReadings[];
}

export const NO_READINGS: CallReadings = { times: [], nodes: [] };

interface Interval {
  /** Number of it since 1970. */
  readonly at: number;
  readonly requests: number;
  readonly failed: number;
  readonly meanMs: number | null;
  readonly tailsMs: readonly (number | null)[];
}

interface Node {
  /** Oldest first. */
  readonly past: Interval[];
  open: { at: number; requests: number; failed: number; latency: Histogram };
  /** How its calls to each went. */
  readonly calls: Record<string, Minutes>;
  readonly parts: CallParts;
  /** Samples in a row that were older than what is open. */
  late: number;
}

interface State {
  readonly nodes: Record<string, Node>;
}

const INTERVAL_MS = 5_000;
/** A quarter of an hour, of which the last three minutes are the present. */
const KEPT = 180;
const PRESENT = 36;
const TAILS = [0.9, 0.99];
const NODES_MAX = 500;
/** Pairs of who calls and who is called, in all. */
const EDGES_MAX = 2_000;
const LATE_MAX = 64;

/**
 * The call graph with what was seen of it: who calls whom, learnt from the calls themselves and from the traces that they
 * carry, and how requests to each node went, in all and by its parts. It claims nothing; diagnosis ranks by it.
 */
export const callGraphDetector: Detector<State> = {
  name: 'call-graph',
  start: () => ({ nodes: {} }),
  step(state, sample) {
    switch (sample.kind) {
      case 'tries': {
        const node = nodeOf(state, sample.workload, sample.at);
        if (node) addTries(node.parts, sample);
        return NO_CHANGES;
      }
      case 'route': {
        const node = nodeOf(state, sample.workload, sample.at);
        if (node) addRoute(node.parts, sample);
        return NO_CHANGES;
      }
      case 'requests':
      case 'calls': {
        const node = nodeOf(state, sample.kind === 'calls' ? sample.callee : sample.workload, sample.at);
        const isToldTwice = sample.kind === 'calls' && sample.byGateway === true;
        if (node && !isToldTwice) take(node, sample);
        if (sample.kind === 'calls') connect(state, sample);
        return NO_CHANGES;
      }
      default:
        return NO_CHANGES;
    }
  },
  entries: ({ nodes }) => nodes,
  readings: (state, now) => readingsOf(state, now),
  *tell({ nodes }, now) {
    for (const name in nodes) {
      for (const [callee, minutes] of Object.entries(nodes[name]!.calls)) {
        if (!areOver(minutes, now)) yield accountOf(name, callee, minutes);
      }
    }
  },
};

function connect(state: State, { workload, callee, at, ok, failed, latency }: CallsSample): void {
  const caller = nodeOf(state, workload, at);
  if (!caller) return;
  if (caller.calls[callee] === undefined && !hasRoom(state, at)) return;
  const minutes = entryOf(caller.calls, callee, (): Minutes => []);
  addCounts(minutes, at, { requests: ok + failed, failed, latencyMs: sumMsOf(latency) });
}

/** Who has not called for a while makes room. */
function hasRoom({ nodes }: State, at: number): boolean {
  const count = () => Object.values(nodes).reduce((sum, { calls }) => sum + Object.keys(calls).length, 0);
  if (count() < EDGES_MAX) return true;
  for (const { calls } of Object.values(nodes)) {
    for (const callee in calls) if (areOver(calls[callee]!, at)) delete calls[callee];
  }
  return count() < EDGES_MAX;
}

function accountOf(caller: string, callee: string, minutes: Minutes): Account {
  const points = minutesOf(minutes).map(({ atMs, requests }) => ({ at: atMs, value: requests / 60 }));
  return { ...emptyAccount({ kind: 'workload', name: caller }, `calls to ${callee}`, 'calls/s'), points };
}

/** Undefined for a node beyond those that are kept: who makes up names makes nobody else's go. */
function nodeOf({ nodes }: State, name: string, at: number): Node | undefined {
  if (nodes[name] === undefined && Object.keys(nodes).length >= NODES_MAX) return undefined;
  return entryOf(nodes, name, () => ({
    past: [],
    open: startInterval(Math.floor(at / INTERVAL_MS)),
    calls: {},
    parts: startParts(),
    late: 0,
  }));
}

function startInterval(at: number): Node['open'] {
  return { at, requests: 0, failed: 0, latency: emptyHistogram() };
}

function take(node: Node, sample: Extract<Sample, { kind: 'requests' | 'calls' }>): void {
  const at = Math.floor(sample.at / INTERVAL_MS);
  if (at < node.open.at) {
    node.late += 1;
    if (node.late < LATE_MAX) return;
    // The clock was set back: what was seen before lies in the future now.
    node.past.length = 0;
    node.open = startInterval(at);
  } else if (at > node.open.at) {
    node.past.push(closed(node.open));
    if (node.past.length > KEPT) node.past.shift();
    node.open = startInterval(at);
  }
  node.late = 0;
  node.open.requests += sample.ok + sample.failed;
  node.open.failed += sample.failed;
  if (sample.latency.count > 0) addSketch(node.open.latency, sample.latency);
}

function closed({ at, requests, failed, latency }: Node['open']): Interval {
  const tailsMs = TAILS.map((quantile) => quantileMsOf(latency, quantile) ?? null);
  return { at, requests, failed, meanMs: meanMsOf(latency) ?? null, tailsMs };
}

function readingsOf({ nodes }: State, now: number): CallReadings {
  const until = Math.floor(now / INTERVAL_MS);
  const present = Array.from({ length: PRESENT }, (_, i) => until - PRESENT + 1 + i);
  const before = Array.from({ length: KEPT - PRESENT }, (_, i) => until - KEPT + 1 + i);
  const found = Object.entries(nodes).map(([name, node]): NodeReadings => {
    const byTime = new Map([...node.past, closed(node.open)].map((interval) => [interval.at, interval]));
    const window = (times: readonly number[]) => windowOf(times.map((time) => byTime.get(time)));
    const called = Object.entries(node.calls).filter(([, minutes]) => !areOver(minutes, now));
    const edges = called.map(([callee, minutes]) => ({ callee, ...splitAt(minutes, now) }));
    const calls = edges.map(({ callee }) => callee);
    return { name, calls, edges, baseline: window(before), present: window(present), parts: partsAt(node.parts, now) };
  });
  return { times: present.map((at) => at * INTERVAL_MS), nodes: found };
}

function windowOf(intervals: readonly (Interval | undefined)[]): WindowReadings {
  return {
    requests: intervals.map((each) => each?.requests ?? null),
    failedShare: intervals.map((each) => (each && each.requests > 0 ? each.failed / each.requests : null)),
    latencyMs: intervals.map((each) => each?.meanMs ?? null),
    tailsMs: TAILS.map((quantile, i) => ({ quantile, ms: intervals.map((each) => each?.tailsMs[i] ?? null) })),
  };
}
