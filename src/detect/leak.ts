import type { MemorySample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Account, emptyAccount, type Outlook } from './account.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { exhaustionOf } from './forecast/exhaustion.ts';
import { addLevel, type LevelBlocks, type LevelPoint, levelPoints, startLevels } from './forecast/level-blocks.ts';
import { slopeOf } from './forecast/slope.ts';
import { type Change, instanceSubject, type Symptom } from './symptom.ts';

/** Levels of the last while, oldest first, of one length. */
interface Ring {
  readonly at: number[];
  readonly mib: number[];
}

interface Watched {
  readonly workload: string;
  readonly version: number;
  readonly firstAt: number;
  /** All of the last seconds, some of the last minutes, and blocks of all that was ever seen: a leak may be quick or slow. */
  readonly fine: Ring;
  readonly coarse: Ring;
  readonly levels: LevelBlocks;
  limitMib: number | null;
  isLeaking: boolean;
  askedAt: number;
  /** What was found when all of the past was asked last. */
  long: Growth | null;
  found: Growth | null;
}

/** What is remembered of a version when its instances are gone. */
interface Past {
  /** How many of its instances leaked. */
  leaks: number;
  /** How long one of them was watched without a leak. */
  wellMs: number;
}

interface State {
  readonly instances: Record<string, Watched>;
  /** By workload and version. */
  readonly versions: Record<string, Record<number, Past>>;
}

/** A growth that is a leak, and when it ends. */
interface Growth {
  readonly sinceMs: number;
  readonly mib: number;
  readonly outlook: Outlook;
}

const VERSIONS_KEPT = 6;
/** Who has grown so much of what makes a leak, as steadily, is on the way to it. */
const ON_THE_WAY = 1 / 2;
const POINTS_MIN = 12;
const POINTS_KEPT = 44;
const FINE_MS = 20_000;
const COARSE_MS = 10_000;
const COARSE_KEPT_MS = 240_000;
/** What fills at its start grows ever less; a leak does not: its second half grows so much of what its first did. */
const STEADY_MIN = 0.7;
/** The past tells nothing about a time so many times longer. */
const FORESEEABLE = 10;
/** A forecast over all of the past costs some milliseconds: it is made this often at most, and more seldom the longer it is. */
const ASK_MS = 2_000;
const ASK_SHARE = 1 / 50;
const ASK_MS_MAX = 300_000;
const HOUR_MS = 3_600_000;
const MIB = 2 ** 20;
const SHOWN_POINTS = 120;

/**
 * Memory that grows without end, long and far enough to be no warm-up. Where its limit is known, it is a claim in time
 * before the limit is reached, with the time at which that will be; where it is not, as soon as it is seen.
 */
export function leakDetector(numbers: () => DetectionNumbers): Detector<State> {
  return {
    name: 'leak',
    start: () => ({ instances: {}, versions: {} }),
    step(state, sample) {
      if (sample.kind === 'retired' || sample.kind === 'exit') {
        if (state.instances[sample.instance] === undefined) return NO_CHANGES;
        delete state.instances[sample.instance];
        return [{ clear: 'leak', subject: instanceSubject(sample) }];
      }
      if (sample.kind !== 'memory' || !Number.isFinite(sample.residentBytes)) return NO_CHANGES;
      const watched = entryOf(state.instances, sample.instance, () => startWatching(sample));
      const mib = sample.residentBytes / MIB;
      if (!keep(watched, sample.at, mib)) return NO_CHANGES;
      watched.limitMib = sample.limitBytes === undefined ? null : sample.limitBytes / MIB;
      return judge(state, watched, sample, mib, numbers());
    },
    entries: ({ instances }) => instances,
    *tell(state) {
      for (const [name, watched] of Object.entries(state.instances)) yield accountOf(name, watched, numbers());
    },
  };
}

function startWatching({ at: firstAt, workload, version }: MemorySample): Watched {
  const rings = { fine: { at: [], mib: [] }, coarse: { at: [], mib: [] } };
  return {
    workload,
    version,
    firstAt,
    ...rings,
    levels: startLevels(),
    limitMib: null,
    isLeaking: false,
    askedAt: 0,
    long: null,
    found: null,
  };
}

/** Takes a reading in; false for one that is not newer than the last, which says nothing. */
function keep({ fine, coarse, levels }: Watched, at: number, mib: number): boolean {
  const last = fine.at.at(-1);
  if (last !== undefined && at <= last && at > last - COARSE_KEPT_MS) return false;
  // The clock was set back: what was seen before it lies in the future now.
  if (last !== undefined && at < last) for (const ring of [fine, coarse]) ring.at.length = ring.mib.length = 0;
  push(fine, at, mib, FINE_MS);
  if (at - (coarse.at.at(-1) ?? 0) >= COARSE_MS) push(coarse, at, mib, COARSE_KEPT_MS);
  addLevel(levels, at, mib);
  return true;
}

/** Drops what is older than the window, unless too few readings would be left, and what is more than is kept. */
function push(ring: Ring, at: number, mib: number, windowMs: number): void {
  ring.at.push(at);
  ring.mib.push(mib);
  while ((ring.at[0]! <= at - windowMs && ring.at.length > POINTS_MIN) || ring.at.length > POINTS_KEPT) {
    ring.at.shift();
    ring.mib.shift();
  }
}

function judge(
  state: State,
  watched: Watched,
  sample: MemorySample,
  mib: number,
  numbers: DetectionNumbers,
): readonly Change[] {
  const { at } = sample;
  const past = pastOf(state, watched);
  const subject = instanceSubject(sample);
  const growthMin = numbers['leak.growthMin'];
  const growth = shortGrowth(watched, at, growthMin) ?? longGrowth(watched, at, growthMin);
  const isDue = growth !== undefined && isNear(growth, at, numbers['leak.leadMs']);
  watched.found = growth ?? (watched.isLeaking ? watched.found : null);
  if (growth === undefined && !watched.isLeaking) past.wellMs = Math.max(past.wellMs, at - watched.firstAt);
  if (!isDue) {
    const { fine } = watched;
    if (!watched.isLeaking || mib - fine.mib[0]! >= growthMin / 2) return NO_CHANGES;
    watched.isLeaking = false;
    return [{ clear: 'leak', subject }];
  }
  if (!watched.isLeaking) past.leaks++;
  watched.isLeaking = true;
  const siblings = siblingsOf(state, watched, growthMin);
  return [{ raise: claim(sample, growth, mib, { ...siblings, ofVersion: past.leaks + siblings.onTheWay }) }];
}

function pastOf({ versions }: State, { workload, version }: Watched): Past {
  const known = entryOf(versions, workload, (): Record<number, Past> => ({}));
  const past = entryOf(known, version, (): Past => ({ leaks: 0, wellMs: 0 }));
  const numbers = Object.keys(known).map(Number);
  if (numbers.length > VERSIONS_KEPT) delete known[Math.min(...numbers)];
  return past;
}

/** Who of the same version is on the way to the same, and whether another version was watched for as long without it. */
function siblingsOf(state: State, own: Watched, growthMin: number) {
  const tookMs = own.coarse.at.at(-1)! - own.firstAt;
  const others = Object.entries(state.versions[own.workload]!).filter(([version]) => Number(version) !== own.version);
  const onlyThisVersion =
    others.some(([, { wellMs }]) => wellMs >= Math.min(tookMs, COARSE_KEPT_MS)) &&
    others.every(([, { leaks }]) => leaks === 0);
  let onTheWay = 0;
  for (const name in state.instances) {
    const each = state.instances[name]!;
    if (each === own || each.isLeaking || each.workload !== own.workload || each.version !== own.version) continue;
    const points = each.coarse.at.length >= POINTS_MIN ? pointsOf(each.coarse) : levelPoints(each.levels, 1);
    if (points.length >= POINTS_MIN && isSteady(points, ON_THE_WAY * growthMin)) onTheWay++;
  }
  return { onlyThisVersion, onTheWay };
}

/** Without a limit there is nothing to wait for. */
function isNear({ outlook }: Growth, now: number, leadMs: number): boolean {
  return outlook.kind === 'exhausts' ? outlook.atMs - now <= leadMs : outlook.limit === null || outlook.kind === 'gone';
}

function shortGrowth({ fine, coarse, limitMib }: Watched, now: number, growthMin: number): Growth | undefined {
  for (const ring of [fine, coarse]) {
    const points = pointsOf(ring);
    if (points.length < POINTS_MIN || !isSteady(points, growthMin)) continue;
    const slope = slopeOf(points);
    if (slope === undefined || slope.low <= 0) continue;
    const { atMs: sinceMs, middle } = points[0]!;
    const mib = points.at(-1)!.middle - middle;
    return { sinceMs, mib, outlook: outlookOf(slope, points.at(-1)!.middle, limitMib, now) };
  }
  return undefined;
}

function pointsOf({ at, mib }: Ring): readonly LevelPoint[] {
  return at.map((atMs, i) => ({ atMs, middle: mib[i]!, high: mib[i]! }));
}

function outlookOf(
  { perMs, low, high }: { readonly perMs: number; readonly low: number; readonly high: number },
  level: number,
  limit: number | null,
  now: number,
): Outlook {
  if (limit === null) return { kind: 'unknown', limit };
  const left = limit - level;
  if (left <= 0) return { kind: 'gone', limit };
  const hit = (pace: number) => now + left / pace;
  return {
    kind: 'exhausts',
    limit,
    perHour: perMs * HOUR_MS,
    atMs: hit(perMs),
    earliestMs: hit(high),
    latestMs: hit(low),
  };
}

/** Over all that was ever seen: only where there is a limit, for a process that has grown for days may be a cache. */
function longGrowth(watched: Watched, now: number, growthMin: number): Growth | undefined {
  const { levels, limitMib } = watched;
  if (limitMib === null || levels.closed.length < POINTS_MIN) return undefined;
  const spanMs = now - levels.closed[0]!.at * levels.widthMs;
  if (Math.abs(now - watched.askedAt) >= Math.min(ASK_MS_MAX, Math.max(ASK_MS, ASK_SHARE * spanMs))) {
    watched.askedAt = now;
    watched.long = growthOver(levels, limitMib, now, growthMin);
  }
  return watched.long ?? undefined;
}

function growthOver(levels: LevelBlocks, limit: number, now: number, growthMin: number): Growth | null {
  const points = levelPoints(levels, 1);
  if (!isSteady(points, growthMin)) return null;
  const [first, last] = [points[0]!, points.at(-1)!];
  const exhaustion = exhaustionOf(levels, { limit, towards: 'rises' }, now);
  if (exhaustion.kind !== 'exhausts' || exhaustion.atMs - now > FORESEEABLE * (now - first.atMs)) return null;
  const { atMs, earliestMs, latestMs, slope } = exhaustion;
  const outlook = { kind: 'exhausts', limit, perHour: slope.perMs * HOUR_MS, atMs, earliestMs, latestMs } as const;
  return { sinceMs: first.atMs, mib: last.middle - first.middle, outlook };
}

/** It has grown enough, and grows on as it did. */
function isSteady(points: readonly LevelPoint[], growthMin: number): boolean {
  const [first, last] = [points[0]!, points.at(-1)!];
  const growth = last.middle - first.middle;
  if (growth < growthMin) return false;
  const half = points[points.length >> 1]!;
  const before = (half.middle - first.middle) / (half.atMs - first.atMs);
  const after = (last.middle - half.middle) / (last.atMs - half.atMs);
  return after >= STEADY_MIN * before;
}

function claim(
  sample: MemorySample,
  { sinceMs, mib, outlook }: Growth,
  residentMib: number,
  { ofVersion, onlyThisVersion }: { readonly ofVersion: number; readonly onlyThisVersion: boolean },
): Symptom {
  const { at, instance, vantage } = sample;
  const grew = `${instance} grew by ${Math.round(mib)} MiB in ${Math.round((at - sinceMs) / 1_000)} s`;
  const deadline =
    outlook.kind === 'exhausts'
      ? {
          deadlineAt: Math.round(outlook.atMs),
          earliestAt: Math.round(outlook.earliestMs),
          latestAt: Math.round(outlook.latestMs),
        }
      : {};
  const when =
    outlook.kind === 'exhausts'
      ? ` and is at its limit of ${Math.round(outlook.limit)} MiB in ${Math.max(0, Math.round((outlook.atMs - at) / 1_000))} s`
      : '';
  return {
    name: 'leak',
    subject: instanceSubject(sample),
    since: sinceMs,
    at,
    vantages: [vantage],
    reason: `${grew}${when}`,
    evidence: {
      growthMib: mib,
      residentMib,
      limitMib: outlook.limit,
      leaksOfVersion: ofVersion,
      onlyThisVersion,
      ...deadline,
    },
  };
}

function accountOf(name: string, { levels, found, limitMib }: Watched, numbers: DetectionNumbers): Account {
  const points = levelPoints(levels, 1).slice(-SHOWN_POINTS);
  return {
    ...emptyAccount({ kind: 'instance', name }, 'memory growth', 'MiB'),
    points: points.map(({ atMs, middle }) => ({ at: atMs, value: middle })),
    outlook: found?.outlook ?? { kind: points.length < POINTS_MIN ? 'unknown' : 'safe', limit: limitMib },
    numbers: { 'leak.growthMin': numbers['leak.growthMin'], 'leak.leadMs': numbers['leak.leadMs'] },
  };
}
