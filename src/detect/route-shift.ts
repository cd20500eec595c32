import type { RouteSample } from '../observe/sample.ts';
import { type Account, emptyAccount } from './account.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { addSketch, emptyHistogram, type Histogram } from './histogram.ts';
import { LEVELS, type Level, levelsOf } from './latency-levels.ts';
import { type Shift, shiftOn } from './latency-shift.ts';
import {
  addReading,
  addToPast,
  type Course,
  type Departure,
  hasDeparted,
  ODDS_CLAIMED,
  isCalm,
  startCourse,
  startDeparture,
} from './sequential/departure.ts';
import { type Change, routeSubject, type Symptom } from './symptom.ts';

/** One route: its stretch that is open, how its last one was, and its course beside its peers. Plain JSON, some 8 KB. */
interface Track {
  open: Histogram;
  requests: number;
  from: number;
  until: number;
  last: Readonly<Record<Level, number>> | null;
  /** When the last stretch ended. */
  seenAt: number;
  /** Requests in all: the busiest are what the others are held against. */
  total: number;
  peers: readonly string[];
  /** Beside its peers, also in milliseconds, and by itself. */
  beside: Record<Level, Departure>;
  apartMs: Course;
  own: Record<Level, Course>;
  /** From when on something speaks for a change. */
  since: number;
  claimed: Level | null;
}

type Routes = Record<string, Track>;

/** What gateways do not tell apart: a mixture that shifts. */
const MIXTURE = 'other routes';
const WORKLOADS_MAX = 100;
const ROUTES_MAX = 24;
const FORGET_MS = 3_600_000;
const REQUESTS_MIN = 30;
const SHORTEST_MS = 10_000;
const LONGEST_MS = 60_000;
const REQUESTS_LEAST = 10;
const PEERS_MAX = 4;
/** Who was heard of so lately stands for how it is now. */
const FRESH_MS = 120_000;
/** A claim goes when so much of what raises it is left. */
const CLEAR_AT = 0.5;
/** It is as it is by now. */
const ACCEPTED_MS = 3_600_000;
const STAYS_MS = 180_000;

/**
 * One route of a workload that takes longer than it did, beside the other routes in the same moments: by a fifth, or only its
 * slowest requests. Stretch by stretch what it takes is held against what its busiest peers take, so that load, a slow host or
 * a slower release, which all of them feel, is no news. It is told and nothing is done: see `unknowns.ts`.
 */
export const routeShiftDetector: Detector<Record<string, Routes>> = {
  name: 'route-shift',
  start: () => ({}),
  step: (state, sample) => (sample.kind === 'route' ? step(state, sample) : NO_CHANGES),
  entries: (state) => state,
  *tell(state) {
    for (const workload in state) {
      for (const route in state[workload]) yield* accountOf(workload, route, state[workload][route]!);
    }
  },
};

/** While it is claimed it is out of the usual. */
function* accountOf(workload: string, route: string, track: Track): Iterable<Account> {
  const { claimed, until: at } = track;
  const shift = claimed === null ? undefined : shiftOn(track, claimed, 0);
  if (shift === undefined) return;
  const { view, unit, seen, high } = shift;
  const oneIn = Math.round(ODDS_CLAIMED);
  const unusual = { at, channel: 'local' as const, severity: 1, oneIn, views: [{ view, seen, low: 0, high }] };
  const nothing = emptyAccount(routeSubject(workload, route), view, unit);
  yield { ...nothing, points: [{ at, value: seen }], expected: { low: 0, high }, unusual };
}

function step(state: Record<string, Routes>, sample: RouteSample): readonly Change[] {
  const { workload, route, latency, at, spanMs } = sample;
  if (latency === undefined || latency.count === 0 || route === MIXTURE) return NO_CHANGES;
  if (state[workload] === undefined && Object.keys(state).length >= WORKLOADS_MAX) return NO_CHANGES;
  const routes = entryOf(state, workload, (): Routes => ({}));
  if (routes[route] === undefined && Object.keys(routes).length >= ROUTES_MAX) forget(routes, at);
  if (routes[route] === undefined && Object.keys(routes).length >= ROUTES_MAX) return NO_CHANGES;
  const track = entryOf(routes, route, () => start(at));
  // A clock that was set back, or a long silence, begins anew.
  if (at < track.until - spanMs || at - track.until > LONGEST_MS) reopen(track, at - spanMs);
  if (track.requests === 0) track.from = at - spanMs;
  track.until = Math.max(track.until, at);
  track.requests += latency.count;
  addSketch(track.open, latency);
  return isClosed(track) ? close(routes, track, sample) : NO_CHANGES;
}

function start(at: number): Track {
  const nothing = { requests: 0, from: at, until: at, last: null, seenAt: at, total: 0, since: at, claimed: null };
  return { open: emptyHistogram(), ...nothing, ...fresh(), peers: [] };
}

function fresh(): Pick<Track, 'beside' | 'apartMs' | 'own'> {
  return {
    beside: { all: startDeparture(), slowest: startDeparture() },
    apartMs: startCourse(),
    own: { all: startCourse(), slowest: startCourse() },
  };
}

function reopen(track: Track, at: number): void {
  Object.assign(track, { open: emptyHistogram(), requests: 0, from: at, until: at });
}

function forget(routes: Routes, at: number): void {
  for (const name in routes) if (at - routes[name]!.seenAt > FORGET_MS) delete routes[name];
}

function isClosed({ requests, from, until }: Track): boolean {
  return (requests >= REQUESTS_MIN && until - from >= SHORTEST_MS) || until - from >= LONGEST_MS;
}

function close(routes: Routes, track: Track, sample: RouteSample): readonly Change[] {
  const { open, requests, until } = track;
  reopen(track, until);
  if (requests < REQUESTS_LEAST) return NO_CHANGES;
  track.last = levelsOf(open);
  track.seenAt = until;
  track.total += requests;
  const peers = track.peers.map((name) => routes[name]).filter((each) => each !== undefined);
  const areThere = peers.length > 0 && peers.length === track.peers.length;
  if (!areThere || peers.some((each) => until - each.seenAt > FRESH_MS || each.claimed !== null))
    return compareAnew(routes, track, sample);
  const learns = track.claimed === null;
  for (const level of LEVELS) {
    const own = track.last[level];
    const theirs = peers.reduce((sum, each) => sum + each.last![level], 0) / peers.length;
    addReading(track.beside[level], own - theirs, learns);
    addToPast(track.own[level], own, learns);
    if (level === 'all') addToPast(track.apartMs, Math.exp(own) - Math.exp(theirs), learns);
  }
  return judge(track, sample);
}

/** Another set of peers takes another time: nothing of before says anything beside them. Who is slower itself is no peer. */
function compareAnew(routes: Routes, track: Track, { workload, route }: RouteSample): readonly Change[] {
  const others = Object.keys(routes).filter((name) => name !== route && routes[name]!.last !== null);
  const there = others.filter(
    (name) => track.until - routes[name]!.seenAt <= LONGEST_MS && routes[name]!.claimed === null,
  );
  const { claimed } = track;
  Object.assign(track, fresh(), {
    peers: there.sort((a, b) => routes[b]!.total - routes[a]!.total || (a < b ? -1 : 1)).slice(0, PEERS_MAX),
    claimed: null,
  });
  return claimed === null ? NO_CHANGES : [{ clear: 'route-slower', subject: routeSubject(workload, route) }];
}

function judge(track: Track, { workload, route, vantage }: RouteSample): readonly Change[] {
  const { beside, until, claimed } = track;
  if (LEVELS.every((level) => isCalm(beside[level]))) track.since = until;
  const subject = routeSubject(workload, route);
  const found = claimed ?? shiftedLevel(track);
  if (found === undefined) return NO_CHANGES;
  const shift = shiftOn(track, found, CLEAR_AT);
  track.claimed = found;
  if (shift !== undefined && until - track.since < ACCEPTED_MS)
    return [{ raise: claim(track, subject, vantage, shift) }];
  Object.assign(track, fresh(), { claimed: null });
  return [{ clear: 'route-slower', subject }];
}

/** Some that take far longer move the mean as well: then it is they that are told of. */
function shiftedLevel(track: Track): Level | undefined {
  const found = LEVELS.find((level) => hasDeparted(track.beside[level]) && shiftOn(track, level, 1));
  return found === 'all' && shiftOn(track, 'slowest', CLEAR_AT) ? 'slowest' : found;
}

function claim(
  { since, until }: Track,
  subject: ReturnType<typeof routeSubject>,
  vantage: string,
  { told, evidence }: Shift,
): Symptom {
  return {
    name: 'route-slower',
    subject,
    since,
    at: until,
    vantages: [vantage],
    reason: `${subject.name} ${told}`,
    evidence,
    staysMs: STAYS_MS,
  };
}
