import { FAR_TIMES, type Level } from './latency-levels.ts';
import { type Course, riseOf } from './sequential/departure.ts';
import type { Symptom } from './symptom.ts';

/** What is told: so many times as long beside the peers, and by so much. */
const TIMES_MIN = 1.15;
const BY_MIN_MS = 1;
/** Or so many more of the requests that take far longer, and so many times as many. */
const SHARE_MIN = 0.04;
const SHARE_TIMES_MIN = 1.5;
/**
 * So much of the rise has to be its own, or it is the others that changed; and so much of it in milliseconds beside them: a
 * queue in which all wait is no longer for the fast ones.
 */
const OWN_PART = 0.5;

/** The latencies of one of many, beside those of its peers, the same in milliseconds, and by themselves. */
export interface Courses {
  readonly beside: Readonly<Record<Level, Course>>;
  readonly apartMs: Course;
  readonly own: Readonly<Record<Level, Course>>;
}

/** How it was and is, for people and as evidence. */
export interface Shift {
  readonly told: string;
  /** What is looked at, and above which it is out of the usual. */
  readonly view: string;
  readonly unit: string;
  readonly seen: number;
  readonly high: number;
  readonly evidence: Symptom['evidence'];
}

/** What is told of it, when it comes to `part` of what is asked of a claim. */
export function shiftOn(courses: Courses, level: Level, part: number): Shift | undefined {
  return level === 'all' ? slowerAltogether(courses, part) : moreFarSlower(courses, part);
}

function slowerAltogether({ beside, apartMs, own }: Courses, part: number): Shift | undefined {
  const [apart, alone, inMs] = [riseOf(beside.all), riseOf(own.all), riseOf(apartMs)];
  if (apart === undefined || alone === undefined || inMs === undefined) return undefined;
  const times = Math.exp(apart.by);
  const [usualMs, ownTimes] = [Math.exp(alone.usual), Math.exp(alone.by)];
  if (times - 1 < part * (TIMES_MIN - 1)) return undefined;
  const isOwn = ownTimes - 1 >= OWN_PART * (TIMES_MIN - 1);
  const besideMs = Math.max(BY_MIN_MS, OWN_PART * (times - 1) * usualMs);
  if (part === 1 && !(isOwn && inMs.by >= besideMs)) return undefined;
  const ms = usualMs * ownTimes;
  const [now, before] = [ms, usualMs].map((each) => Number(each.toPrecision(2)));
  const told = `takes ${now} ms instead of ${before} ms, ${times.toFixed(1)} times as long as before beside its other routes`;
  const view = 'typical time beside the other routes';
  const evidence = { where: 'all', ms, usualMs, times };
  return { told, view, unit: 'ms', seen: ms, high: (TIMES_MIN * ms) / times, evidence };
}

function moreFarSlower({ beside, own }: Courses, part: number): Shift | undefined {
  const [apart, alone] = [riseOf(beside.slowest), riseOf(own.slowest)];
  if (apart === undefined || alone === undefined || apart.by < part * SHARE_MIN) return undefined;
  const [share, usualShare] = [alone.usual + alone.by, alone.usual];
  const isOwn = alone.by >= OWN_PART * SHARE_MIN && share >= SHARE_TIMES_MIN * usualShare;
  if (part === 1 && !isOwn) return undefined;
  const [now, before] = [share, usualShare].map((each) => Math.round(100 * each));
  const told = `takes more than ${FAR_TIMES} times as long as mostly in ${now} % of its requests instead of ${before} %`;
  const view = `share over ${FAR_TIMES} times the typical time`;
  return {
    told,
    view,
    unit: '',
    seen: share,
    high: usualShare + SHARE_MIN,
    evidence: { where: 'slowest', share, usualShare },
  };
}
