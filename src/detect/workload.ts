import type { JsonObject } from '../base/json.ts';
import type { RequestsSample, RouteSample, TriesSample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { addToPart, failingOf, type Parts } from './parts.ts';
import { type Change, type Subject, type Symptom, staysMsOf } from './symptom.ts';
import { errorsOf, onsetOf, vantagesOf } from './tally.ts';
import { judgeTenant, startComparison, type TenantComparison } from './tenant-errors.ts';
import { errorsLevel, type Level, type Slowness, slownessOf } from './unusual.ts';
import { followSpan, startTrack, type Track, usualFailedShare } from './usual.ts';

const GRAIN = { bucketMs: 1_000, keepMs: 30_000 };
const LATENCY_EVERY_MS = 250;
const JUST_MS = 1_000;
/** A part that was not heard of for so long is not there. */
const SEEN_MS = 60_000;
const ROUTES_MAX = 64;

interface Watched {
  /** What clients felt. */
  readonly track: Track;
  /** What gateways saw of the instances: why requests fail, and what repeating them hid from clients. */
  readonly tries: Track;
  readonly tenants: Parts;
  readonly instances: Parts;
  /** By version: who failed is remembered when it is gone. */
  readonly versions: Parts;
  readonly routes: Parts;
  readonly regionOf: Record<string, string>;
  /** By tenant. */
  readonly comparisons: Record<string, TenantComparison>;
  hasErrors: boolean;
  isSlow: boolean;
  slowSince: number | null;
  /** When that was first seen. */
  slowSeenAt: number;
  latencyAt: number;
  triesFailedAt: number;
}

/**
 * What clients feel at a workload, against what is usual for it: the claim for everything that hits all instances alike,
 * so that no comparison between them shows it. Says which tenants, instances, versions and regions it is. A tenant that
 * fails where the others are served is a claim of its own.
 */
export function workloadDetector(numbers: () => DetectionNumbers): Detector<Record<string, Watched>> {
  return {
    name: 'workload',
    start: () => ({}),
    step(state, sample) {
      if (sample.kind === 'retired' || sample.kind === 'exit') {
        const watched = state[sample.workload];
        if (watched) {
          delete watched.instances[sample.instance];
          delete watched.regionOf[sample.instance];
        }
        return NO_CHANGES;
      }
      if (sample.kind === 'tries') {
        addTries(entryOf(state, sample.workload, start), sample);
        return NO_CHANGES;
      }
      if (sample.kind === 'route') {
        addRoute(entryOf(state, sample.workload, start).routes, sample);
        return NO_CHANGES;
      }
      if (sample.kind !== 'requests') return NO_CHANGES;
      const watched = entryOf(state, sample.workload, start);
      const part = addToPart(watched.tenants, sample.tenant, sample);
      followSpan(watched.track, GRAIN, sample, watched.hasErrors || watched.isSlow);
      const comparison = entryOf(watched.comparisons, sample.tenant, startComparison);
      const alone = judgeTenant(comparison, part, watched.track.recent, sample, numbers());
      return [...judgeErrors(watched, sample, numbers()), ...alone, ...judgeLatency(watched, sample, numbers())];
    },
  };
}

function start(): Watched {
  return {
    track: startTrack(),
    tries: startTrack(),
    tenants: {},
    instances: {},
    versions: {},
    routes: {},
    regionOf: {},
    comparisons: {},
    hasErrors: false,
    isSlow: false,
    slowSince: null,
    slowSeenAt: 0,
    latencyAt: 0,
    triesFailedAt: 0,
  };
}

function addTries(watched: Watched, sample: TriesSample): void {
  const { at, spanMs, vantage, ok, failed, errors, instance } = sample;
  followSpan(watched.tries, GRAIN, { at, spanMs, vantage, ok, failed, errors }, watched.hasErrors);
  addToPart(watched.instances, instance, { at, spanMs, vantage, ok, failed });
  if (failed > 0) watched.triesFailedAt = at;
  addToPart(watched.versions, String(sample.version), { at, spanMs, vantage, ok, failed });
  watched.regionOf[instance] = sample.region;
}

/** Whoever makes up routes is told apart only as far as that. */
function addRoute(routes: Parts, sample: RouteSample): void {
  const { at, spanMs, vantage, route, ok, failed } = sample;
  if (routes[route] === undefined && Object.keys(routes).length >= ROUTES_MAX) {
    for (const name in routes) if (routes[name]!.seenAt <= at - SEEN_MS) delete routes[name];
    if (Object.keys(routes).length >= ROUTES_MAX) return;
  }
  addToPart(routes, route, { at, spanMs, vantage, ok, failed });
}

function judgeErrors(watched: Watched, sample: RequestsSample, numbers: DetectionNumbers): readonly Change[] {
  const { at, spanMs } = sample;
  if (sample.failed === 0 && !watched.hasErrors && at - watched.triesFailedAt > spanMs + JUST_MS) return NO_CHANGES;
  const subject: Subject = { kind: 'workload', name: sample.workload };
  const felt = errorsLevel(watched.track, at, watched.hasErrors, numbers);
  const tried = errorsLevel(watched.tries, at, watched.hasErrors, numbers);
  const level = felt === undefined || felt === 'usual' ? (tried ?? felt) : felt;
  if (level === undefined) return NO_CHANGES;
  if (level === 'usual') {
    const wasClaimed = watched.hasErrors;
    watched.hasErrors = false;
    return wasClaimed ? [{ clear: 'workload-errors', subject }] : NO_CHANGES;
  }
  watched.hasErrors = true;
  const percent = Math.max(1, Math.round(level.failedShare * 100));
  const pattern = patternOf(watched, level, at);
  const raise: Symptom = {
    name: 'workload-errors',
    subject,
    since: onsetOf((level === felt ? watched.track : watched.tries).recent, level.failedShare / 3, at),
    at,
    vantages: vantagesOf(watched.track.recent, level.from),
    reason: `${percent} % of the ${level === felt ? 'requests to' : 'tries at'} ${sample.workload} fail${whereOf(pattern)}`,
    evidence: pattern,
    staysMs: staysMsOf(sample.spanMs),
  };
  return [{ raise }];
}

/** One route that fails everywhere is told at once: it is not the instances. */
function whereOf({ routes, routesSeen }: JsonObject): string {
  return Array.isArray(routes) && routes.length === 1 && Number(routesSeen) > 1 ? `, all of them at ${routes[0]}` : '';
}

/** Whom and where it hits: what suffers together points to what changed. */
function patternOf(watched: Watched, level: Level, at: number): JsonObject {
  const from = at - SEEN_MS;
  const tenants = failingOf(watched.tenants, from);
  const instances = failingOf(watched.instances, from);
  const sick = instances.names;
  const versions = failingOf(watched.versions, from);
  const routes = failingOf(watched.routes, from);
  const seen = Object.keys(watched.instances).filter((name) => watched.instances[name]!.seenAt > from);
  return {
    failedShare: level.failedShare,
    requests: Math.round(level.count),
    ended: level.ended,
    usualFailedShare: usualFailedShare(watched.track),
    errors: errorsOf(watched.tries.recent, level.from),
    tenants: tenants.names,
    tenantsFailing: tenants.failing,
    tenantsSeen: tenants.seen,
    instances: sick,
    instancesFailing: instances.failing,
    instancesSeen: instances.seen,
    versions: versions.names.map(Number),
    versionsSeen: versions.seen,
    routes: routes.names,
    routesFailing: routes.failing,
    routesSeen: routes.seen,
    regions: distinct(sick.map((name) => watched.regionOf[name]!)),
    regionsSeen: distinct(seen.map((name) => watched.regionOf[name]!)).length,
  };
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

function judgeLatency(watched: Watched, sample: RequestsSample, numbers: DetectionNumbers): readonly Change[] {
  const { at, workload, spanMs } = sample;
  if (Math.abs(at - watched.latencyAt) < LATENCY_EVERY_MS) return NO_CHANGES;
  watched.latencyAt = at;
  const slow = slownessOf(watched.track, at, watched.isSlow, numbers);
  const subject: Subject = { kind: 'workload', name: workload };
  if (slow === undefined) {
    const wasSlow = watched.isSlow;
    watched.isSlow = false;
    watched.slowSince = null;
    return wasSlow ? [{ clear: 'workload-slow', subject }] : NO_CHANGES;
  }
  if (watched.slowSince === null) watched.slowSeenAt = at;
  watched.slowSince ??= at - spanMs / 2;
  if (at - watched.slowSince < numbers['workload.slowForMs']) return NO_CHANGES;
  watched.isSlow = true;
  return [{ raise: slowClaim(watched, sample, slow, numbers['workload.slowForMs']) }];
}

function slowClaim({ track, slowSeenAt }: Watched, sample: RequestsSample, slow: Slowness, forMs: number): Symptom {
  const { at, workload } = sample;
  const [now, before] = [Math.round(slow.ms), Math.round(slow.usualMs)];
  return {
    name: 'workload-slow',
    subject: { kind: 'workload', name: workload },
    since: slowSeenAt,
    at,
    vantages: vantagesOf(track.recent, at - forMs),
    reason: `${workload} takes ${now} ms instead of ${before} ms in the ${slow.where}`,
    evidence: { ms: slow.ms, usualMs: slow.usualMs, where: slow.where },
    staysMs: staysMsOf(sample.spanMs),
    ...(slow.isOver ? { over: true as const } : {}),
  };
}
