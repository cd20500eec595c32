import type { MemorySample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Account, emptyAccount } from './account.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import {
  addMemory,
  type Growth,
  grewSince,
  growthsOf,
  isOnTheWay,
  levelsShown,
  type MemoryHistory,
  startMemory,
  stayedAt,
} from './memory-growth.ts';
import { type Change, instanceSubject, type Symptom } from './symptom.ts';

interface Watched {
  readonly workload: string;
  readonly version: number;
  readonly firstAt: number;
  readonly memory: MemoryHistory;
  isLeaking: boolean;
  /** Highest level since it came down last. */
  peakMib: number;
  found: Growth | null;
}

/** What is remembered of a version when its instances are gone. */
interface Past {
  /** How many of its instances leaked. */
  leaks: number;
  /** How long one of them was watched without a leak. */
  wellMs: number;
  /** Highest level from which one of them came down by itself: a collection, a cache that was emptied. */
  familiarMib: number;
}

interface State {
  readonly instances: Record<string, Watched>;
  /** By workload and version. */
  readonly versions: Record<string, Record<number, Past>>;
}

const VERSIONS_KEPT = 6;
/** Who was watched for so long without a leak has none. */
const WATCHED_MS = 240_000;
const OUTLOOK_POINTS_MIN = 12;
/** How long a process takes up its work: connections, code that is compiled, pools that fill. */
const WARM_UP_MS = 120_000;
const NEAR_SHARE = 0.8;
/** What a collection takes away is more than this share of all. */
const FALL_SHARE = 0.08;
const MIB = 2 ** 20;

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
      if (!addMemory(watched.memory, sample.at, mib)) return NO_CHANGES;
      watched.memory.limitMib = sample.limitBytes === undefined ? null : sample.limitBytes / MIB;
      return judge(state, watched, sample, mib, numbers());
    },
    entries: ({ instances }) => instances,
    *tell(state) {
      for (const [name, watched] of Object.entries(state.instances)) yield accountOf(name, watched, numbers());
    },
  };
}

function startWatching({ at: firstAt, workload, version }: MemorySample): Watched {
  return { workload, version, firstAt, memory: startMemory(), isLeaking: false, peakMib: 0, found: null };
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
  const found = growthsOf(watched.memory, at, growthMin);
  const familiarMib = familiarIn(state, watched);
  const isWarmingUp = familiarMib === 0 && at - watched.firstAt < WARM_UP_MS;
  const due = found.find((each) => isDue(each, at, { mib, familiarMib, isWarmingUp, numbers }));
  const growth = due ?? found[0];
  watched.found = growth ?? (watched.isLeaking ? watched.found : null);
  if (growth === undefined && !watched.isLeaking) past.wellMs = Math.max(past.wellMs, at - watched.firstAt);
  const isGrowing = watched.isLeaking || found.some(({ isLong }) => isLong);
  learnFamiliar(watched, isGrowing ? undefined : past, mib, growthMin);
  if (due === undefined) {
    if (!watched.isLeaking || grewSince(watched.memory, mib) >= growthMin / 2) return NO_CHANGES;
    watched.isLeaking = false;
    return [{ clear: 'leak', subject }];
  }
  if (!watched.isLeaking) past.leaks++;
  watched.isLeaking = true;
  const siblings = siblingsOf(state, watched, growthMin);
  return [{ raise: claim(sample, due, mib, { ...siblings, ofVersion: past.leaks + siblings.onTheWay }) }];
}

function pastOf({ versions }: State, { workload, version }: Watched): Past {
  const known = entryOf(versions, workload, (): Record<number, Past> => ({}));
  const past = entryOf(known, version, (): Past => ({ leaks: 0, wellMs: 0, familiarMib: 0 }));
  const numbers = Object.keys(known).map(Number);
  if (numbers.length > VERSIONS_KEPT) delete known[Math.min(...numbers)];
  return past;
}

/** Who of the same version is on the way to the same, and whether another version was watched for as long without it. */
function siblingsOf(state: State, own: Watched, growthMin: number) {
  const tookMs = own.memory.coarse.at.at(-1)! - own.firstAt;
  const others = Object.entries(state.versions[own.workload]!).filter(([version]) => Number(version) !== own.version);
  const onlyThisVersion =
    others.some(([, { wellMs }]) => wellMs >= Math.min(tookMs, WATCHED_MS)) &&
    others.every(([, { leaks }]) => leaks === 0);
  let onTheWay = 0;
  for (const name in state.instances) {
    const each = state.instances[name]!;
    if (each === own || each.isLeaking || each.workload !== own.workload || each.version !== own.version) continue;
    if (isOnTheWay(each.memory, growthMin)) onTheWay++;
  }
  return { onlyThisVersion, onTheWay };
}

/**
 * What a process comes down from by itself, or stays at for minutes, is no leak when the next one gets there. Of one that
 * grows all the time (`past` undefined) nothing is learnt.
 */
function learnFamiliar(watched: Watched, past: Past | undefined, mib: number, growthMin: number): void {
  const { peakMib } = watched;
  const hasFallen = mib < (1 - FALL_SHARE) * peakMib;
  watched.peakMib = hasFallen ? mib : Math.max(peakMib, mib);
  if (past === undefined) return;
  past.familiarMib = Math.max(past.familiarMib, hasFallen ? peakMib : 0, stayedAt(watched.memory, growthMin / 4));
}

function familiarIn({ versions }: State, { workload }: Watched): number {
  let familiar = 0;
  for (const { familiarMib } of Object.values(versions[workload] ?? {})) familiar = Math.max(familiar, familiarMib);
  return familiar;
}

/**
 * Whether it is to be dealt with: its end is near, and no further ahead than the past can tell. Without a limit there is
 * no end, and nothing is urgent. What its kind is familiar with waits until it is. Every process grows when it takes up its
 * work: of a kind of which nobody knows yet how far, the first minutes say nothing before the limit is near.
 */
function isDue(
  { outlook, isLong, sinceMs }: Growth,
  now: number,
  given: {
    readonly mib: number;
    readonly familiarMib: number;
    readonly isWarmingUp: boolean;
    readonly numbers: DetectionNumbers;
  },
): boolean {
  const { mib, familiarMib, isWarmingUp, numbers } = given;
  if (isWarmingUp && outlook.limit !== null && mib < NEAR_SHARE * outlook.limit) return false;
  const seenMs = now - sinceMs;
  const isUrgent = isLong && outlook.kind === 'exhausts' && outlook.atMs - now <= numbers['leak.urgentMs'];
  if (mib <= familiarMib && !isUrgent) return false;
  if (outlook.kind !== 'exhausts') {
    return outlook.kind === 'gone' || (outlook.limit === null && seenMs >= numbers['leak.unlimitedMs']);
  }
  const leftMs = outlook.atMs - now;
  return leftMs <= numbers['leak.leadMs'] && leftMs <= numbers['leak.foresight'] * seenMs;
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

function accountOf(name: string, { memory, found }: Watched, numbers: DetectionNumbers): Account {
  const points = levelsShown(memory);
  const { limitMib: limit } = memory;
  const names = Object.keys(numbers).filter((each) => each.startsWith('leak.')) as (keyof DetectionNumbers)[];
  return {
    ...emptyAccount({ kind: 'instance', name }, 'memory growth', 'MiB'),
    points: points.map(({ atMs, middle }) => ({ at: atMs, value: middle })),
    outlook: found?.outlook ?? { kind: points.length < OUTLOOK_POINTS_MIN ? 'unknown' : 'safe', limit },
    numbers: Object.fromEntries(names.map((each) => [each, numbers[each]])),
  };
}
