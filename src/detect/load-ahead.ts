import type { Sample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Account, emptyAccount } from './account.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { type Expected, HOUR_MS, type HourlyLoad, startHourly, turnHour } from './hourly-load.ts';
import type { Change, Subject, Symptom } from './symptom.ts';

interface Watched extends HourlyLoad {
  failed: number;
  /** When each of its instances served last. */
  readonly instances: Record<string, number>;
  /** Who reported, and when last. */
  readonly vantages: Record<string, number>;
  /** Most requests a second, over an hour, that one instance served well. */
  servedBest: number;
  judgedAt: number;
  isClaimed: boolean;
}

const JUDGE_MS = 10_000;
const SERVING_MS = 60_000;
/** What was served well long ago may be too much for what runs now: this much is forgotten in an hour (a tenth in a month). */
const FORGET = 0.99985;
const SHOWN_POINTS = 168;
const STAYS_MS = 60_000;

/**
 * Load that is coming and that so many instances have never served: known from the seasons of the past by forecasters that
 * were right lately, and from what each instance has served well. A claim with a deadline, in time to add instances.
 * Silent until forecasts have been compared with what came, for two days at least.
 */
export function loadAheadDetector(numbers: () => DetectionNumbers): Detector<Record<string, Watched>> {
  return {
    name: 'load-ahead',
    start: () => ({}),
    step: (state, sample) => step(state, sample, numbers),
    entries: (state) => state,
    *tell(state) {
      for (const workload in state) yield accountOf(workload, state[workload]!, numbers());
    },
  };
}

function step(state: Record<string, Watched>, sample: Sample, numbers: () => DetectionNumbers): readonly Change[] {
  if (sample.kind === 'tries') {
    const watched = state[sample.workload];
    if (watched) watched.instances[sample.instance] = sample.at;
    return NO_CHANGES;
  }
  if (sample.kind === 'retired' || sample.kind === 'exit') {
    const watched = state[sample.workload];
    if (watched) delete watched.instances[sample.instance];
    return NO_CHANGES;
  }
  if (sample.kind !== 'requests') return NO_CHANGES;
  const { at, workload, ok, failed, limited } = sample;
  const watched = entryOf(state, workload, () => startWatching(at));
  learnHour(watched, at, numbers()['load.failedShareMax']);
  watched.requests += ok + failed + limited;
  watched.failed += failed;
  watched.vantages[sample.vantage] = at;
  if (Math.abs(at - watched.judgedAt) < JUDGE_MS) return NO_CHANGES;
  watched.judgedAt = at;
  return judge(workload, watched, at, numbers());
}

function startWatching(at: number): Watched {
  const nothing = { failed: 0, instances: {}, vantages: {}, servedBest: 0, isClaimed: false };
  return { ...startHourly(at), ...nothing, judgedAt: at };
}

/** What each instance served in the hour that has passed, if it served it well. */
function learnHour(watched: Watched, at: number, failedShareMax: number): void {
  const { hour, requests, failed } = watched;
  const perSecond = turnHour(watched, at);
  if (watched.hour === hour) return;
  watched.failed = 0;
  if (perSecond === undefined) return;
  const serving = servingAt(watched, at, HOUR_MS);
  watched.servedBest *= FORGET;
  if (serving > 0 && failed <= failedShareMax * requests) {
    watched.servedBest = Math.max(watched.servedBest, perSecond / serving);
  }
}

function servingAt({ instances }: Watched, at: number, withinMs: number): number {
  let count = 0;
  for (const name in instances) {
    if (at - instances[name]! <= withinMs) count++;
    else if (at - instances[name]! > 2 * HOUR_MS) delete instances[name];
  }
  return count;
}

function judge(workload: string, watched: Watched, at: number, numbers: DetectionNumbers): readonly Change[] {
  const subject: Subject = { kind: 'workload', name: workload };
  const serving = servingAt(watched, at, SERVING_MS);
  const room = serving * watched.servedBest;
  const until = at + numbers['load.leadMs'];
  const headroom = watched.isClaimed ? 1 : numbers['load.headroom'];
  // The hour that runs is no longer ahead: who is overloaded now is told by what is felt.
  const next = watched.ahead.filter((each) => each.at > at - HOUR_MS && each.at <= until);
  const most = next.reduce<Expected | undefined>((a, b) => (a && a.perSecond >= b.perSecond ? a : b), undefined);
  const isDue = most !== undefined && room > 0 && most.perSecond > headroom * room && most.low > room;
  if (!isDue) {
    if (!watched.isClaimed) return NO_CHANGES;
    watched.isClaimed = false;
    return [{ clear: 'load-ahead', subject }];
  }
  watched.isClaimed = true;
  return [{ raise: claim(subject, watched, { most, serving, room, at }) }];
}

function claim(
  subject: Subject,
  { vantages, servedBest }: Watched,
  { most, serving, room, at }: { most: Expected; serving: number; room: number; at: number },
): Symptom {
  const minutes = Math.max(0, Math.round((most.at - at) / 60_000));
  const when = minutes === 0 ? 'now' : `in ${minutes} min`;
  const [expected, best] = [most.perSecond, room].map((value) => Number(value.toPrecision(2)));
  return {
    name: 'load-ahead',
    subject,
    since: at,
    at,
    vantages: Object.keys(vantages).filter((name) => at - vantages[name]! < SERVING_MS),
    reason: `${subject.name} is to expect ${expected} requests/s ${when}; ${serving} instances have served ${best} at most`,
    evidence: {
      load: most.perSecond / room,
      expectedPerSecond: most.perSecond,
      expectedLeast: most.low,
      servedPerInstance: servedBest,
      instances: serving,
      deadlineAt: most.at,
    },
    staysMs: STAYS_MS,
  };
}

function accountOf(workload: string, { load, hour, ahead }: Watched, numbers: DetectionNumbers): Account {
  const past = load.past.slice(-SHOWN_POINTS);
  const [next] = ahead;
  return {
    ...emptyAccount({ kind: 'workload', name: workload }, 'load by the hour', 'requests/s'),
    points: past.map((value, i) => ({ at: (hour - past.length + i) * HOUR_MS, value })),
    expected: next && next.low > 0 ? { low: next.low, high: 2 * next.perSecond - next.low } : null,
    numbers: { 'load.headroom': numbers['load.headroom'], 'load.leadMs': numbers['load.leadMs'] },
  };
}
