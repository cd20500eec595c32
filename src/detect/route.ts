import type { RouteSample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Account, emptyAccount } from './account.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { closedBy, countRoute, type RouteTrack, type Stretch, startRoute } from './route-track.ts';
import { type Change, routeSubject, staysMsOf, type Symptom } from './symptom.ts';

/** Routes of one workload by their templates. */
type Routes = Record<string, RouteTrack>;

/** What gateways do not tell apart: a mixture that shifts, with which others are compared and that is none itself. */
const MIXTURE = 'other routes';
const WORKLOADS_MAX = 500;
const ROUTES_MAX = 64;
const FORGET_MS = 3_600_000;
/** Some other route must have been heard of lately, to compare with. */
const OTHERS_MS = 120_000;
/** What counts as fast or well elsewhere: less than this much slower than usual, and so much of the failures. */
const OTHERS_SLOWER_MAX = 1.5;
const OTHERS_FAILED_MAX = 1 / 3;
/** A route so much slower than usual, and so many times as much as the others, is what slows these down. */
const DRAGS_TIMES = 10;
const DRAGS_TIMES_OTHERS = 5;
const FAILED_MIN = 3;
/** A standing claim goes when so much of what raises it is left. */
const CLEAR_AT = 0.5;

/**
 * One route of a workload that fails or is slow at all its instances while its other routes are served as ever: neither
 * a tenant, nor an instance, nor the workload as a whole is sick. Compared with its own past, in stretches of some
 * requests, and with the others in the same moments.
 */
export function routeDetector(numbers: () => DetectionNumbers): Detector<Record<string, Routes>> {
  return {
    name: 'route',
    start: () => ({}),
    step: (state, sample) => (sample.kind === 'route' ? step(state, sample, numbers) : NO_CHANGES),
    entries: (state) => state,
    *tell(state) {
      for (const workload in state) {
        for (const route in state[workload]) yield accountOf(workload, route, state[workload][route]!, numbers());
      }
    },
  };
}

function step(state: Record<string, Routes>, sample: RouteSample, numbers: () => DetectionNumbers): readonly Change[] {
  if (state[sample.workload] === undefined && Object.keys(state).length >= WORKLOADS_MAX) return NO_CHANGES;
  const routes = entryOf(state, sample.workload, (): Routes => ({}));
  if (routes[sample.route] === undefined && Object.keys(routes).length >= ROUTES_MAX) forget(routes, sample.at);
  if (routes[sample.route] === undefined && Object.keys(routes).length >= ROUTES_MAX) return NO_CHANGES;
  const track = entryOf(routes, sample.route, () => startRoute(sample.at));
  countRoute(track, sample);
  const isNews = closedBy(track) && sample.route !== MIXTURE;
  return isNews ? judge(routes, track, sample, numbers()) : NO_CHANGES;
}

function forget(routes: Routes, at: number): void {
  for (const name in routes) if (at - routes[name]!.seenAt > FORGET_MS) delete routes[name];
}

function judge(routes: Routes, track: RouteTrack, sample: RouteSample, numbers: DetectionNumbers): readonly Change[] {
  const others = othersOf(routes, sample);
  return [...judgeErrors(track, others, sample, numbers), ...judgeSlowness(track, others, sample, numbers)];
}

/** How the other routes do: the share of their requests that fails, and how many times their usual they take. */
interface Others {
  readonly failedShare: number;
  readonly slower: number;
}

/** Undefined when there are none, or too little is known of them: then it is a matter of the workload. */
function othersOf(routes: Routes, { route, at }: RouteSample): Others | undefined {
  let [requests, failed, tookMs, usuallyMs] = [0, 0, 0, 0];
  for (const name in routes) {
    const { lately, usual, seenAt } = routes[name]!;
    const last = lately.at(-1);
    if (name === route || usual === null || last === undefined || at - seenAt > OTHERS_MS) continue;
    requests += last.requests;
    failed += last.failed;
    tookMs += last.latencyMs;
    usuallyMs += usual.ms * (last.requests - last.failed);
  }
  if (requests === 0) return undefined;
  return { failedShare: failed / requests, slower: usuallyMs === 0 ? 1 : tookMs / usuallyMs };
}

function judgeErrors(
  track: RouteTrack,
  others: Others | undefined,
  sample: RouteSample,
  numbers: DetectionNumbers,
): readonly Change[] {
  const { lately, usual } = track;
  const least = Math.max(
    numbers['workload.failedShareMin'],
    numbers['workload.timesWorse'] * (usual?.failedShare ?? 0),
  );
  const bar = Math.min(0.9, (track.failing ? CLEAR_AT : 1) * least);
  const shares = lately.slice(-2).map(failedShareOf);
  const worst = Math.min(...shares);
  const isFailing =
    usual !== null &&
    others !== undefined &&
    shares.length === 2 &&
    worst >= bar &&
    lately.slice(-2).every(({ failed }) => failed >= FAILED_MIN) &&
    others.failedShare <= OTHERS_FAILED_MAX * worst;
  const subject = routeSubject(sample.workload, sample.route);
  if (!isFailing) {
    const wasFailing = track.failing;
    track.failing = false;
    return wasFailing ? [{ clear: 'route-errors', subject }] : NO_CHANGES;
  }
  if (!track.failing) track.since = lately.at(-2)!.from;
  track.failing = true;
  const percent = Math.round(100 * failedShareOf(lately.at(-1)!));
  const reason = `${percent} % of the requests to ${sample.route} of ${sample.workload} fail, ${percentOf(others.failedShare)} of those to its other routes`;
  return [{ raise: claim('route-errors', track, sample, reason, { failedShare: percent / 100 }) }];
}

function judgeSlowness(
  track: RouteTrack,
  others: Others | undefined,
  sample: RouteSample,
  numbers: DetectionNumbers,
): readonly Change[] {
  const { lately, usual } = track;
  const subject = routeSubject(sample.workload, sample.route);
  const means = lately.map(meanMsOf);
  const least = Math.min(...means);
  const part = track.slow ? CLEAR_AT : 1;
  const usualMs = usual?.ms ?? 0;
  const times = usualMs === 0 ? 0 : least / usualMs;
  const isSlow =
    others !== undefined &&
    usualMs > 0 &&
    means.length === 3 &&
    times >= Math.max(OTHERS_SLOWER_MAX, part * numbers['workload.timesSlower']) &&
    least >= usualMs + part * numbers['workload.slowerMinMs'];
  const drags = isSlow && others.slower > OTHERS_SLOWER_MAX;
  const isOwn = isSlow && (!drags || (times >= DRAGS_TIMES && times >= DRAGS_TIMES_OTHERS * others.slower));
  if (!isOwn) {
    const wasSlow = track.slow;
    track.slow = false;
    return wasSlow ? [{ clear: 'route-slow', subject }] : NO_CHANGES;
  }
  if (!track.slow) track.since = lately[0]!.from;
  track.slow = true;
  const reason = `${sample.route} of ${sample.workload} takes ${Math.round(least)} ms instead of ${Math.round(usualMs)} ms, its other routes ${others.slower.toFixed(1)} times as long as usual`;
  const evidence = { ms: least, usualMs, othersSlower: others.slower, drags };
  return [{ raise: claim('route-slow', track, sample, reason, evidence) }];
}

function percentOf(share: number): string {
  return share < 0.01 ? 'hardly any' : `${Math.round(100 * share)} %`;
}

function failedShareOf({ requests, failed }: Stretch): number {
  return failed / requests;
}

/** Of those that were answered. */
function meanMsOf({ requests, failed, latencyMs }: Stretch): number {
  return requests === failed ? 0 : latencyMs / (requests - failed);
}

function claim(
  name: 'route-errors' | 'route-slow',
  track: RouteTrack,
  { at, workload, route, vantage }: RouteSample,
  reason: string,
  evidence: Symptom['evidence'],
): Symptom {
  const last = track.lately.at(-1)!;
  const failing = Object.keys(track.versions).filter((version) => track.versions[version]!.failedAt > track.since);
  return {
    name,
    subject: routeSubject(workload, route),
    since: track.since,
    at,
    vantages: [vantage],
    reason,
    evidence: {
      ...evidence,
      routes: [route],
      routesSeen: 2,
      requests: last.requests,
      ...(name === 'route-errors' ? { versions: failing.map(Number) } : {}),
      versionsSeen: Object.keys(track.versions).length,
    },
    staysMs: Math.max(60_000, staysMsOf(at - last.from)),
  };
}

function accountOf(workload: string, route: string, track: RouteTrack, numbers: DetectionNumbers): Account {
  const { lately, usual } = track;
  return {
    ...emptyAccount(routeSubject(workload, route), 'mean', 'ms'),
    points: lately.map((each) => ({ at: each.until, value: meanMsOf(each) })),
    expected: usual === null ? null : { low: 0, high: numbers['workload.timesSlower'] * usual.ms },
    numbers: {
      'workload.timesSlower': numbers['workload.timesSlower'],
      'workload.slowerMinMs': numbers['workload.slowerMinMs'],
      'workload.failedShareMin': numbers['workload.failedShareMin'],
    },
  };
}
