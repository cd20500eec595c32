import type { RouteSample } from '../observe/sample.ts';
import { entryOf } from './entry.ts';

/** Some requests in a row: how many failed, and how long those took that were answered. */
export interface Stretch {
  from: number;
  until: number;
  requests: number;
  failed: number;
  latencyMs: number;
}

/** One route of a workload: its last stretches, and how it usually is. Changed in place; plain JSON; of one size. */
export interface RouteTrack {
  open: Stretch;
  /** The last three, oldest first. */
  lately: Stretch[];
  /** Null until some stretches were learnt. */
  usual: { ms: number; failedShare: number } | null;
  learnt: number;
  /** Versions that served it, and when each failed last. */
  readonly versions: Record<string, { seenAt: number; failedAt: number }>;
  seenAt: number;
  failing: boolean;
  slow: boolean;
  since: number;
}

/** So many requests tell a mean from a slow answer or two; where few come, fewer in a minute have to do. */
const REQUESTS_MIN = 30;
const SHORTEST_MS = 3_000;
const LONGEST_MS = 60_000;
const REQUESTS_LEAST = 10;
const KEPT = 3;
const LEARNT_MIN = 5;
/** What is usual follows the last twenty minutes or so. */
const LEARN_MS = 1_200_000;
const LEARN_MAX = 0.2;
const VERSIONS_MAX = 4;

export function startRoute(at: number): RouteTrack {
  const nothing = { lately: [], usual: null, learnt: 0, versions: {}, failing: false, slow: false };
  return { open: emptyStretch(at), ...nothing, seenAt: at, since: at };
}

function emptyStretch(at: number): Stretch {
  return { from: at, until: at, requests: 0, failed: 0, latencyMs: 0 };
}

export function countRoute(track: RouteTrack, sample: RouteSample): void {
  const { at, spanMs, ok, failed, latencyMs, version } = sample;
  const { open } = track;
  // A clock that was set back, or a long silence, begins anew.
  if (at < open.until - spanMs || at - open.until > LONGEST_MS) track.open = emptyStretch(at - spanMs);
  const into = track.open;
  if (into.requests === 0) into.from = at - spanMs;
  into.until = Math.max(into.until, at);
  into.requests += ok + failed;
  into.failed += failed;
  into.latencyMs += latencyMs;
  track.seenAt = at;
  noteVersion(track, String(version), at, failed > 0);
}

function noteVersion({ versions }: RouteTrack, version: string, at: number, hasFailed: boolean): void {
  const known = entryOf(versions, version, () => ({ seenAt: at, failedAt: 0 }));
  known.seenAt = at;
  if (hasFailed) known.failedAt = at;
  const all = Object.keys(versions);
  if (all.length <= VERSIONS_MAX) return;
  const oldest = all.reduce((a, b) => (versions[a]!.seenAt <= versions[b]!.seenAt ? a : b));
  delete versions[oldest];
}

/** Whether a stretch has come to its end; then it is the last of `lately`, and learnt unless something is claimed. */
export function closedBy(track: RouteTrack): boolean {
  const { open, lately } = track;
  const lastedMs = open.until - open.from;
  const isEnough = open.requests >= REQUESTS_MIN && lastedMs >= SHORTEST_MS;
  if (!isEnough && lastedMs < LONGEST_MS) return false;
  track.open = emptyStretch(open.until);
  if (open.requests < REQUESTS_LEAST) return false;
  // What was learnt is of before this stretch and the two after which it would be claimed.
  if (lately.length === KEPT) learn(track, lately.shift()!);
  lately.push(open);
  return true;
}

function learn(track: RouteTrack, { from, until, requests, failed, latencyMs }: Stretch): void {
  if (track.failing || track.slow) return;
  track.learnt++;
  const ms = requests === failed ? null : latencyMs / (requests - failed);
  const share = failed / requests;
  if (track.usual === null) {
    if (track.learnt >= LEARNT_MIN && ms !== null) track.usual = { ms, failedShare: share };
    return;
  }
  const passing = Math.min(LEARN_MAX, Math.max(0, until - from) / LEARN_MS);
  const rate = Math.max(passing, 1 / (track.learnt - LEARNT_MIN + 2));
  if (ms !== null) track.usual.ms += rate * (ms - track.usual.ms);
  track.usual.failedShare += rate * (share - track.usual.failedShare);
}
