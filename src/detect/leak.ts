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
  /** All of the last seconds, some of the last minutes, and blocks of all that was ever seen: a leak may be quick or slow. */
  readonly fine: Ring;
  readonly coarse: Ring;
  readonly levels: LevelBlocks;
  limitMib: number | null;
  isLeaking: boolean;
  askedAt: number;
  found: Growth | null;
}

/** A growth that is a leak, and when it ends. */
interface Growth {
  readonly sinceMs: number;
  readonly mib: number;
  readonly outlook: Outlook;
}

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
const HOUR_MS = 3_600_000;
const MIB = 2 ** 20;
const SHOWN_POINTS = 120;

/**
 * Memory that grows without end, long and far enough to be no warm-up. Where its limit is known, it is a claim in time
 * before the limit is reached, with the time at which that will be; where it is not, as soon as it is seen.
 */
export function leakDetector(numbers: () => DetectionNumbers): Detector<Record<string, Watched>> {
  return {
    name: 'leak',
    start: () => ({}),
    step(state, sample) {
      if (sample.kind === 'retired' || sample.kind === 'exit') {
        if (state[sample.instance] === undefined) return NO_CHANGES;
        delete state[sample.instance];
        return [{ clear: 'leak', subject: instanceSubject(sample) }];
      }
      if (sample.kind !== 'memory' || !Number.isFinite(sample.residentBytes)) return NO_CHANGES;
      const watched = entryOf(state, sample.instance, startWatching);
      const mib = sample.residentBytes / MIB;
      if (!keep(watched, sample.at, mib)) return NO_CHANGES;
      watched.limitMib = sample.limitBytes === undefined ? null : sample.limitBytes / MIB;
      return judge(watched, sample, mib, numbers());
    },
    *tell(state) {
      for (const [name, watched] of Object.entries(state)) yield accountOf(name, watched, numbers());
    },
  };
}

function startWatching(): Watched {
  const rings = { fine: { at: [], mib: [] }, coarse: { at: [], mib: [] } };
  return { ...rings, levels: startLevels(), limitMib: null, isLeaking: false, askedAt: 0, found: null };
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

function judge(watched: Watched, sample: MemorySample, mib: number, numbers: DetectionNumbers): readonly Change[] {
  const { at } = sample;
  const subject = instanceSubject(sample);
  const growthMin = numbers['leak.growthMin'];
  const growth = shortGrowth(watched, at, growthMin) ?? longGrowth(watched, at, growthMin);
  const isDue = growth !== undefined && isNear(growth, at, numbers['leak.leadMs']);
  watched.found = growth ?? (watched.isLeaking ? watched.found : null);
  if (!isDue) {
    const { fine } = watched;
    if (!watched.isLeaking || mib - fine.mib[0]! >= growthMin / 2) return NO_CHANGES;
    watched.isLeaking = false;
    return [{ clear: 'leak', subject }];
  }
  watched.isLeaking = true;
  return [{ raise: claim(sample, growth, mib) }];
}

/** Without a limit there is nothing to wait for. */
function isNear({ outlook }: Growth, now: number, leadMs: number): boolean {
  return outlook.kind === 'exhausts' ? outlook.atMs - now <= leadMs : outlook.limit === null || outlook.kind === 'gone';
}

function shortGrowth({ fine, coarse, limitMib }: Watched, now: number, growthMin: number): Growth | undefined {
  for (const ring of [fine, coarse]) {
    const points = ring.at.map((atMs, i) => ({ atMs, middle: ring.mib[i]!, high: ring.mib[i]! }));
    if (points.length < POINTS_MIN || !isSteady(points, growthMin)) continue;
    const slope = slopeOf(points);
    if (slope === undefined || slope.low <= 0) continue;
    const { atMs: sinceMs, middle } = points[0]!;
    const mib = points.at(-1)!.middle - middle;
    return { sinceMs, mib, outlook: outlookOf(slope, points.at(-1)!.middle, limitMib, now) };
  }
  return undefined;
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
  const { levels, limitMib, askedAt, found } = watched;
  if (limitMib === null || levels.closed.length < POINTS_MIN) return undefined;
  const points = levelPoints(levels, 1);
  const spanMs = now - points[0]!.atMs;
  if (Math.abs(now - askedAt) < Math.max(ASK_MS, ASK_SHARE * spanMs))
    return watched.isLeaking ? (found ?? undefined) : undefined;
  watched.askedAt = now;
  if (!isSteady(points, growthMin)) return undefined;
  const exhaustion = exhaustionOf(levels, { limit: limitMib, towards: 'rises' }, now);
  if (exhaustion.kind !== 'exhausts' || exhaustion.atMs - now > FORESEEABLE * spanMs) return undefined;
  const { atMs, earliestMs, latestMs, slope } = exhaustion;
  const outlook = {
    kind: 'exhausts',
    limit: limitMib,
    perHour: slope.perMs * HOUR_MS,
    atMs,
    earliestMs,
    latestMs,
  } as const;
  return { sinceMs: points[0]!.atMs, mib: points.at(-1)!.middle - points[0]!.middle, outlook };
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

function claim(sample: MemorySample, { sinceMs, mib, outlook }: Growth, residentMib: number): Symptom {
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
      ? ` and is at its limit of ${Math.round(outlook.limit)} MiB in ${Math.round((outlook.atMs - at) / 1_000)} s`
      : '';
  return {
    name: 'leak',
    subject: instanceSubject(sample),
    since: sinceMs,
    at,
    vantages: [vantage],
    reason: `${grew}${when}`,
    evidence: { growthMib: mib, residentMib, limitMib: outlook.limit, ...deadline },
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
