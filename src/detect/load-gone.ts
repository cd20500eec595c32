import type { AddedSample, Sample, TriesSample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { type HourlyLoad, startHourly, turnHour } from './hourly-load.ts';
import { sumMsOf } from './histogram.ts';
import type { Change, Subject, Symptom } from './symptom.ts';

/** A workload in one region: what its instances have served well, and since when fewer of them would have done. */
interface Watched extends HourlyLoad {
  readonly workload: string;
  readonly region: string;
  minute: { at: number; requests: number; failed: number; latencyMs: number };
  /** When each instance served last. */
  readonly instances: Record<string, number>;
  /** Mean time of a request in minutes that were served well; null before the first. */
  usualMs: number | null;
  /** Most requests a second, over a minute, that one instance served well. */
  servedBest: number;
  /** As control told it last: how many are wanted, and how many of those repairs added. */
  wanted: number;
  added: number;
  /** Minutes in which load was seen and fewer would have done, without one in which they would not; most load of them. */
  quietMinutes: number;
  quietMost: number;
  quietSince: number;
  /** When one was taken away last, and how many times as long as usual is waited since it had to come back. */
  fellAt: number | null;
  patience: number;
  isClaimed: boolean;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Waiting is doubled each time that one has to come back within a day, up to a day. */
const PATIENCE_MAX = 48;
/** A minute in which requests take half as long again was not served as usual. */
const SLOW_TIMES = 1.5;
const LEARN = 0.1;
/** What is slower for good becomes usual too, within hours. */
const LEARN_SLOW = 0.005;
/** A tenth in a month, as of what is served by the hour. */
const FORGET = 0.9999975;
const STAYS_MS = 180_000;
const WORKLOADS_MAX = 2_000;

/**
 * Load has gone for which a repair had added instances: one fewer in that region would have served all of it for long
 * enough, by what each of them has served well in a minute, and nothing forecast says that it comes back. A minute
 * without requests says nothing. Who has to be added again within a day is waited for twice as long the next time.
 */
export function loadGoneDetector(numbers: () => DetectionNumbers): Detector<Record<string, Watched>> {
  return {
    name: 'load-gone',
    start: () => ({}),
    step: (state, sample) => step(state, sample, numbers),
    entries: (state) => state,
  };
}

function step(state: Record<string, Watched>, sample: Sample, numbers: () => DetectionNumbers): readonly Change[] {
  switch (sample.kind) {
    case 'tries': {
      const watched = watchedOf(state, sample);
      return watched === undefined ? NO_CHANGES : count(watched, sample, numbers());
    }
    case 'added': {
      const watched = watchedOf(state, sample);
      return watched === undefined ? NO_CHANGES : take(watched, sample);
    }
    case 'retired':
    case 'exit':
      delete state[keyOf(sample)]?.instances[sample.instance];
      return NO_CHANGES;
    default:
      return NO_CHANGES;
  }
}

function watchedOf(state: Record<string, Watched>, sample: TriesSample | AddedSample): Watched | undefined {
  const key = keyOf(sample);
  if (state[key] === undefined && Object.keys(state).length >= WORKLOADS_MAX) return undefined;
  return entryOf(state, key, () => startWatching(sample));
}

function keyOf({ workload, region }: { readonly workload: string; readonly region: string }): string {
  return `${workload}/${region}`;
}

function startWatching({ workload, region, at }: TriesSample | AddedSample): Watched {
  const nothing = { usualMs: null, servedBest: 0, wanted: 0, added: 0, fellAt: null, patience: 1, isClaimed: false };
  const quiet = { quietMinutes: 0, quietMost: 0, quietSince: at };
  const minute = { at: Math.floor(at / MINUTE_MS), requests: 0, failed: 0, latencyMs: 0 };
  return { ...startHourly(at), workload, region, minute, instances: {}, ...nothing, ...quiet };
}

function count(watched: Watched, sample: TriesSample, numbers: DetectionNumbers): readonly Change[] {
  const { at, ok, failed, latency } = sample;
  turnHour(watched, at);
  const isOver = Math.floor(at / MINUTE_MS) !== watched.minute.at;
  const changes = isOver ? turnMinute(watched, at, numbers) : NO_CHANGES;
  watched.requests += ok + failed;
  watched.minute.requests += ok + failed;
  watched.minute.failed += failed;
  watched.minute.latencyMs += sumMsOf(latency);
  watched.instances[sample.instance] = at;
  return changes;
}

/** Control told how many repairs added. Another number begins anew. */
function take(watched: Watched, { at, added, wanted }: AddedSample): readonly Change[] {
  const before = watched.added;
  Object.assign(watched, { added, wanted });
  if (added === before) return NO_CHANGES;
  if (added < before) watched.fellAt = at;
  else {
    const isBack = watched.fellAt !== null && at - watched.fellAt < DAY_MS;
    watched.patience = isBack ? Math.min(PATIENCE_MAX, 2 * watched.patience) : 1;
  }
  beginAnew(watched, at);
  return clear(watched);
}

function turnMinute(watched: Watched, at: number, numbers: DetectionNumbers): readonly Change[] {
  const { requests, failed, latencyMs } = watched.minute;
  watched.minute = { at: Math.floor(at / MINUTE_MS), requests: 0, failed: 0, latencyMs: 0 };
  if (requests === 0) return NO_CHANGES;
  const perSecond = requests / (MINUTE_MS / 1_000);
  const isWell = failed <= numbers['load.failedShareMax'] * requests && isAsUsual(watched, latencyMs / requests);
  const serving = servingAt(watched, at);
  watched.servedBest *= FORGET;
  if (isWell && serving > 0) watched.servedBest = Math.max(watched.servedBest, perSecond / serving);
  if (watched.added === 0) return clear(watched);
  const room = (watched.wanted - 1) * watched.servedBest * numbers['spare.shareMax'];
  if (!isWell || watched.wanted < 2 || perSecond > room) {
    beginAnew(watched, at);
    return clear(watched);
  }
  watched.quietMinutes++;
  watched.quietMost = Math.max(watched.quietMost, perSecond);
  const waitedMs = watched.quietMinutes * MINUTE_MS;
  const isLong = waitedMs >= Math.min(DAY_MS, numbers['spare.calmMs'] * watched.patience);
  if (!isLong || comesBack(watched, room, at + numbers['load.leadMs'])) return clear(watched);
  watched.isClaimed = true;
  return [{ raise: claim(watched, serving, at) }];
}

/** Learns how long requests take, and says whether these took as long as usual. */
function isAsUsual(watched: Watched, meanMs: number): boolean {
  const usual = watched.usualMs ?? meanMs;
  const isSlow = meanMs > SLOW_TIMES * usual;
  watched.usualMs = usual + (isSlow ? LEARN_SLOW : LEARN) * (meanMs - usual);
  return !isSlow;
}

function comesBack({ ahead }: Watched, room: number, until: number): boolean {
  return ahead.some(({ at, perSecond }) => at <= until && perSecond > room);
}

function servingAt({ instances }: Watched, at: number): number {
  let serving = 0;
  for (const name in instances) {
    if (at - instances[name]! <= 2 * MINUTE_MS) serving++;
    else delete instances[name];
  }
  return serving;
}

function beginAnew(watched: Watched, at: number): void {
  Object.assign(watched, { quietMinutes: 0, quietMost: 0, quietSince: at });
}

function clear(watched: Watched): readonly Change[] {
  if (!watched.isClaimed) return NO_CHANGES;
  watched.isClaimed = false;
  return [{ clear: 'load-gone', subject: subjectOf(watched) }];
}

function subjectOf({ workload }: Watched): Subject {
  return { kind: 'workload', name: workload };
}

function claim(watched: Watched, serving: number, at: number): Symptom {
  const { workload, region, added, wanted, quietMost, servedBest, quietSince, quietMinutes } = watched;
  const [most, best] = [quietMost, servedBest].map((value) => Number(value.toPrecision(2)));
  const of = added === 1 ? 'one of which was added by a repair' : `${added} of which were added by repairs`;
  return {
    name: 'load-gone',
    subject: subjectOf(watched),
    since: quietSince,
    at,
    vantages: ['control'],
    reason: `for ${quietMinutes} min ${workload} had ${most} requests/s in ${region} at most; ${wanted} instances are wanted there, ${of}, and each has served ${best}`,
    evidence: { region, added, instances: serving, perSecond: quietMost, servedPerInstance: servedBest },
    staysMs: STAYS_MS,
  };
}
