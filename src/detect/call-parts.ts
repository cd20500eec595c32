import type { RouteSample, TriesSample } from '../observe/sample.ts';
import { entryOf } from './entry.ts';
import { sumMsOf } from './histogram.ts';

/** In what the traffic of a node differs. */
export type PartDimension = 'instance' | 'version' | 'route' | 'tenant' | 'zone';

/** Counts of one part of a node's traffic: of its quarter of an hour the last three minutes, and the time before. */
export interface PartReadings {
  readonly dimension: PartDimension;
  readonly name: string;
  readonly present: PartCounts;
  readonly baseline: PartCounts;
}

export interface PartCounts {
  readonly requests: number;
  readonly failed: number;
  /** Sum over the requests that were answered. */
  readonly latencyMs: number;
}

interface Minute {
  readonly at: number;
  requests: number;
  failed: number;
  latencyMs: number;
}

/** By dimension and name, minute by minute. Plain JSON, bounded. */
export type CallParts = Record<PartDimension, Record<string, Minute[]>>;

const MINUTE_MS = 60_000;
const MINUTES_KEPT = 15;
const PRESENT_MINUTES = 3;
/** Further parts are not told apart: who has so many is not to blame alone. */
const NAMES_MAX = 64;
const DIMENSIONS: readonly PartDimension[] = ['instance', 'version', 'route', 'tenant', 'zone'];

export function startParts(): CallParts {
  return { instance: {}, version: {}, route: {}, tenant: {}, zone: {} };
}

/** Adds what a gateway saw of one instance for one tenant. Changes `parts` in place. */
export function addTries(parts: CallParts, sample: TriesSample): void {
  const { instance, version, tenant, region, ok, failed, latency } = sample;
  const at = Math.floor(sample.at / MINUTE_MS);
  const latencyMs = sumMsOf(latency);
  const counts = { requests: ok + failed, failed, latencyMs };
  addTo(parts.instance, instance, at, counts);
  addTo(parts.version, String(version), at, counts);
  addTo(parts.tenant, tenant, at, counts);
  addTo(parts.zone, region, at, counts);
}

/** Adds what a gateway saw of one route. Changes `parts` in place. */
export function addRoute(parts: CallParts, { at, route, ok, failed, latencyMs }: RouteSample): void {
  addTo(parts.route, route, Math.floor(at / MINUTE_MS), { requests: ok + failed, failed, latencyMs });
}

function addTo(byName: Record<string, Minute[]>, name: string, at: number, counts: PartCounts): void {
  const minute = minuteOf(byName, name, at);
  if (minute === undefined) return;
  minute.requests += counts.requests;
  minute.failed += counts.failed;
  minute.latencyMs += counts.latencyMs;
}

function minuteOf(byName: Record<string, Minute[]>, name: string, at: number): Minute | undefined {
  if (byName[name] === undefined && Object.keys(byName).length >= NAMES_MAX) forget(byName, at);
  if (byName[name] === undefined && Object.keys(byName).length >= NAMES_MAX) return undefined;
  const minutes = entryOf(byName, name, (): Minute[] => []);
  const last = minutes.at(-1);
  if (last?.at === at) return last;
  // What comes late is left out; a clock that was set back begins anew.
  if (last !== undefined && at < last.at) {
    if (last.at - at <= MINUTES_KEPT) return undefined;
    minutes.length = 0;
  }
  const minute = { at, requests: 0, failed: 0, latencyMs: 0 };
  minutes.push(minute);
  if (minutes.length > MINUTES_KEPT) minutes.shift();
  return minute;
}

/** Who has gone makes room. */
function forget(byName: Record<string, Minute[]>, at: number): void {
  for (const name in byName) if (at - byName[name]!.at(-1)!.at > MINUTES_KEPT) delete byName[name];
}

export function partsAt(parts: CallParts, now: number): readonly PartReadings[] {
  const until = Math.floor(now / MINUTE_MS);
  const first = until - PRESENT_MINUTES + 1;
  return DIMENSIONS.flatMap((dimension) =>
    Object.entries(parts[dimension]).map(([name, minutes]): PartReadings => {
      const kept = minutes.filter(({ at }) => at > until - MINUTES_KEPT && at <= until);
      const present = sumOf(kept.filter(({ at }) => at >= first));
      return { dimension, name, present, baseline: sumOf(kept.filter(({ at }) => at < first)) };
    }),
  );
}

function sumOf(minutes: readonly Minute[]): PartCounts {
  const sum = { requests: 0, failed: 0, latencyMs: 0 };
  for (const { requests, failed, latencyMs } of minutes) {
    sum.requests += requests;
    sum.failed += failed;
    sum.latencyMs += latencyMs;
  }
  return sum;
}
