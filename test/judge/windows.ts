import type { FeltBucket } from '../sim/world/trial.ts';

/** A stretch of time, as one tenant felt it. */
export interface Window {
  readonly at: number;
  readonly until: number;
  readonly requests: number;
  /** Failed, held back, refused, too late, or with another's data. */
  readonly bad: number;
  readonly exposed: number;
  /** The tenant's objective was missed in it. */
  readonly isBelow: boolean;
}

/** Long enough for a share to mean something, short enough for times in seconds. */
const WINDOW_MS = 10_000;

/** Buckets joined to windows of at least ten seconds; what is left at the end makes one of its own. */
export function windowsOf(buckets: readonly FeltBucket[], availability: number): readonly Window[] {
  const windows: Window[] = [];
  let open: FeltBucket[] = [];
  for (const bucket of buckets) {
    open.push(bucket);
    if (bucket.at + bucket.spanMs - open[0]!.at < WINDOW_MS) continue;
    windows.push(join(open, availability));
    open = [];
  }
  return open.length === 0 ? windows : [...windows, join(open, availability)];
}

function join(buckets: readonly FeltBucket[], availability: number): Window {
  const sum = (of: (bucket: FeltBucket) => number) => buckets.reduce((all, bucket) => all + of(bucket), 0);
  const last = buckets.at(-1)!;
  const requests = sum((each) => each.requests);
  const exposed = sum((each) => each.exposed);
  const late = sum((each) => Math.min(each.slow, each.ok));
  const bad = Math.min(requests, sum((each) => each.failed + each.limited + each.refused) + late + exposed);
  return {
    at: buckets[0]!.at,
    until: last.at + last.spanMs,
    requests,
    bad,
    exposed,
    isBelow: isBelow(requests, bad, availability),
  };
}

/**
 * More is bad than chance explains where the objective is just met: the allowed number and two of its standard deviations,
 * and more than a single request unless there was no other.
 */
function isBelow(requests: number, bad: number, availability: number): boolean {
  const allowed = requests * (1 - availability);
  if (bad === 0 || bad <= allowed + 2 * Math.sqrt(allowed)) return false;
  return bad >= 2 || bad === requests;
}
