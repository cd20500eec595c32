import type { RouteSample, TriesSample } from '../observe/sample.ts';
import { entryOf } from './entry.ts';
import { sumMsOf } from './histogram.ts';
import { addCounts, areOver, type Counts, type Minutes, splitAt } from './minute-counts.ts';

/** In what the traffic of a node differs. */
export type PartDimension = 'instance' | 'version' | 'route' | 'tenant' | 'zone';

/** Counts of one part of a node's traffic: of its quarter of an hour the last three minutes, and the time before. */
export interface PartReadings {
  readonly dimension: PartDimension;
  readonly name: string;
  readonly present: Counts;
  readonly baseline: Counts;
}

/** By dimension and name, minute by minute. Plain JSON, bounded. */
export type CallParts = Record<PartDimension, Record<string, Minutes>>;

/** Further parts are not told apart: who has so many is not to blame alone. */
const NAMES_MAX = 64;
const DIMENSIONS: readonly PartDimension[] = ['instance', 'version', 'route', 'tenant', 'zone'];

export function startParts(): CallParts {
  return { instance: {}, version: {}, route: {}, tenant: {}, zone: {} };
}

/** Adds what a gateway saw of one instance for one tenant. Changes `parts` in place. */
export function addTries(parts: CallParts, sample: TriesSample): void {
  const { at, instance, version, tenant, region, ok, failed, latency } = sample;
  const latencyMs = sumMsOf(latency);
  const counts = { requests: ok + failed, failed, latencyMs };
  addTo(parts.instance, instance, at, counts);
  addTo(parts.version, String(version), at, counts);
  addTo(parts.tenant, tenant, at, counts);
  addTo(parts.zone, region, at, counts);
}

/** Adds what a gateway saw of one route. Changes `parts` in place. */
export function addRoute(parts: CallParts, { at, route, ok, failed, latencyMs }: RouteSample): void {
  addTo(parts.route, route, at, { requests: ok + failed, failed, latencyMs });
}

function addTo(byName: Record<string, Minutes>, name: string, at: number, counts: Counts): void {
  if (byName[name] === undefined && Object.keys(byName).length >= NAMES_MAX) forget(byName, at);
  if (byName[name] === undefined && Object.keys(byName).length >= NAMES_MAX) return;
  addCounts(
    entryOf(byName, name, (): Minutes => []),
    at,
    counts,
  );
}

/** Who has gone makes room. */
function forget(byName: Record<string, Minutes>, at: number): void {
  for (const name in byName) if (areOver(byName[name]!, at)) delete byName[name];
}

export function partsAt(parts: CallParts, now: number): readonly PartReadings[] {
  return DIMENSIONS.flatMap((dimension) =>
    Object.entries(parts[dimension]).map(([name, minutes]) => ({ dimension, name, ...splitAt(minutes, now) })),
  );
}
