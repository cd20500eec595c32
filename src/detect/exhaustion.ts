import type { LevelSample, Sample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Account, emptyAccount, type Outlook } from './account.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { exhaustionOf } from './forecast/exhaustion.ts';
import { addLevel, type LevelBlocks, levelPoints, startLevels } from './forecast/level-blocks.ts';
import { type Change, instanceSubject, staysMsOf, type Subject, symptomKey } from './symptom.ts';

interface Watched {
  readonly levels: LevelBlocks;
  readonly firstAt: number;
  at: number;
  level: number;
  limit: number;
  askedAt: number;
  outlook: Outlook;
  isDue: boolean;
  /** Highest level since it came down last, and the highest that it ever came down from by itself. */
  peak: number;
  familiar: number;
}

interface Owner {
  readonly of: LevelSample['of'];
  readonly measures: Record<string, Watched>;
  isClaimed: boolean;
}

interface State {
  readonly owners: Record<string, Owner>;
  /** Workload and version of each instance, which levels do not tell. */
  readonly refs: Record<string, { readonly workload: string; readonly version: number }>;
}

/** Who makes up names is held to so many; each is at most some 30 KiB. */
const OWNERS_MAX = 2_000;
const MEASURES_MAX = 16;
const ASK_MS = 5_000;
const ASK_SHARE = 1 / 50;
const ASK_MS_MAX = 300_000;
const POINTS_MIN = 12;
/** From when on the same hours of two days can be compared. */
const SEASON_KNOWN_MS = 30 * 3_600_000;
const SHOWN_POINTS = 120;
const UNKNOWN: Outlook = { kind: 'unknown', limit: null };

/**
 * Whatever can be counted and has a limit, and comes to its end: descriptors, disks, connections, quotas. A claim in time
 * before that, with the time at which it will be; what stands at its limit without having grown to it is as it is meant.
 */
export function exhaustionDetector(numbers: () => DetectionNumbers): Detector<State> {
  return {
    name: 'exhaustion',
    start: () => ({ owners: {}, refs: {} }),
    step: (state, sample) => step(state, sample, numbers),
    entries: ({ owners }) => owners,
    *tell(state) {
      for (const { of, measures } of Object.values(state.owners)) {
        for (const measure in measures) yield accountOf(of, measure, measures[measure]!, numbers());
      }
    },
  };
}

function step(state: State, sample: Sample, numbers: () => DetectionNumbers): readonly Change[] {
  if (sample.kind === 'memory') {
    const { workload, version } = sample;
    state.refs[sample.instance] ??= { workload, version };
    return NO_CHANGES;
  }
  if (sample.kind === 'retired' || sample.kind === 'exit') {
    delete state.refs[sample.instance];
    const key = `instance ${sample.instance}`;
    if (state.owners[key] === undefined) return NO_CHANGES;
    delete state.owners[key];
    return [{ clear: 'exhausting', subject: instanceSubject(sample) }];
  }
  if (sample.kind !== 'level' || !isLevel(sample)) return NO_CHANGES;
  const key = `${sample.of.kind} ${sample.of.name}`;
  if (state.owners[key] === undefined && Object.keys(state.owners).length >= OWNERS_MAX) return NO_CHANGES;
  const owner = entryOf(state.owners, key, (): Owner => ({ of: sample.of, measures: {}, isClaimed: false }));
  if (owner.measures[sample.measure] === undefined && Object.keys(owner.measures).length >= MEASURES_MAX) {
    return NO_CHANGES;
  }
  const watched = entryOf(owner.measures, sample.measure, () => startWatching(sample));
  // A value that was seen before, or of before, says nothing new.
  if (sample.at <= watched.at) return NO_CHANGES;
  return judge(state, owner, watched, sample, numbers());
}

function isLevel({ level, limit, at }: LevelSample): boolean {
  return limit !== undefined && limit > 0 && [level, limit, at].every(Number.isFinite);
}

function startWatching({ at }: LevelSample): Watched {
  const nothing = { at: 0, level: 0, limit: 0, askedAt: 0, outlook: UNKNOWN, isDue: false, peak: 0, familiar: 0 };
  return { levels: startLevels(), firstAt: at, ...nothing };
}

function judge(
  state: State,
  owner: Owner,
  watched: Watched,
  sample: LevelSample,
  numbers: DetectionNumbers,
): readonly Change[] {
  const { at, level } = sample;
  const gapMs = watched.at === 0 ? 0 : at - watched.at;
  Object.assign(watched, { at, level, limit: sample.limit });
  addLevel(watched.levels, at, level);
  learnPeak(watched, numbers['exhaustion.fallShare']);
  if (at - watched.askedAt >= Math.min(ASK_MS_MAX, Math.max(ASK_MS, ASK_SHARE * (at - watched.firstAt)))) {
    watched.askedAt = at;
    const isTooYoung = sample.isSeasonal === true && at - watched.firstAt < SEASON_KNOWN_MS;
    watched.outlook = isTooYoung ? { kind: 'unknown', limit: watched.limit } : outlookOf(watched, at);
  }
  watched.isDue = isDue(watched, at, numbers);
  const subject = subjectOf(state, sample);
  if (subject === undefined) return NO_CHANGES;
  const due = Object.entries(owner.measures).filter(([, each]) => each.isDue);
  const [first] = due.sort(([, a], [, b]) => endOf(a) - endOf(b));
  if (first === undefined) {
    if (!owner.isClaimed) return NO_CHANGES;
    owner.isClaimed = false;
    return [{ clear: 'exhausting', subject }];
  }
  owner.isClaimed = true;
  return [{ raise: claim(subject, first[0], first[1], sample, gapMs) }];
}

function outlookOf({ levels, limit }: Watched, now: number): Outlook {
  if (levels.closed.length < POINTS_MIN) return { kind: 'unknown', limit };
  const found = exhaustionOf(levels, { limit, towards: 'rises' }, now);
  if (found.kind !== 'exhausts') return { kind: found.kind, limit };
  const { atMs, earliestMs, latestMs, slope } = found;
  return { kind: 'exhausts', limit, perHour: slope.perMs * 3_600_000, atMs, earliestMs, latestMs };
}

/** What it came down from before is no end, unless it was dealt with as one. */
function learnPeak(watched: Watched, fallShare: number): void {
  const { level, peak, isDue: wasDue } = watched;
  const hasFallen = level < (1 - fallShare) * peak;
  if (hasFallen && !wasDue) watched.familiar = Math.max(watched.familiar, peak);
  watched.peak = hasFallen ? level : Math.max(peak, level);
}

function isDue(watched: Watched, now: number, numbers: DetectionNumbers): boolean {
  const { outlook, level, limit, firstAt, isDue: wasDue, familiar } = watched;
  if (level < numbers['exhaustion.shareMin'] * limit || level <= familiar) return false;
  if (outlook.kind === 'gone') return wasDue;
  if (outlook.kind !== 'exhausts') return false;
  const leftMs = outlook.atMs - now;
  return leftMs <= numbers['exhaustion.leadMs'] && leftMs <= numbers['exhaustion.foresight'] * (now - firstAt);
}

function endOf({ outlook }: Watched): number {
  return outlook.kind === 'exhausts' ? outlook.atMs : 0;
}

/** Undefined for an instance of which nothing else was heard yet. */
function subjectOf({ refs }: State, { of: { kind, name } }: LevelSample): Subject | undefined {
  if (kind !== 'instance') return { kind, name };
  const ref = refs[name];
  return ref && instanceSubject({ instance: name, ...ref });
}

function claim(
  subject: Subject,
  measure: string,
  { outlook, level, limit, firstAt }: Watched,
  sample: LevelSample,
  gapMs: number,
) {
  const { at, vantage } = sample;
  const deadline =
    outlook.kind === 'exhausts'
      ? {
          deadlineAt: Math.round(outlook.atMs),
          earliestAt: Math.round(outlook.earliestMs),
          latestAt: Math.round(outlook.latestMs),
        }
      : {};
  const share = Math.round((100 * level) / limit);
  const when =
    outlook.kind === 'exhausts'
      ? `and ends in ${Math.max(0, Math.round((outlook.atMs - at) / 60_000))} min`
      : 'and has come to its end';
  return {
    name: 'exhausting' as const,
    subject,
    since: firstAt,
    at,
    vantages: [vantage],
    reason: `${measure} of ${symptomKey('exhausting', subject).slice('exhausting '.length)} is at ${share} % of its limit ${when}`,
    evidence: { measure, level, limit, ...deadline },
    staysMs: Math.max(staysMsOf(gapMs), 60_000),
  };
}

function accountOf(of: LevelSample['of'], measure: string, watched: Watched, numbers: DetectionNumbers): Account {
  const points = levelPoints(watched.levels, 1).slice(-SHOWN_POINTS);
  return {
    ...emptyAccount(of, `${measure} ahead`, ''),
    points: points.map(({ atMs, middle }) => ({ at: atMs, value: middle })),
    outlook: watched.outlook.kind === 'unknown' ? { kind: 'unknown', limit: watched.limit } : watched.outlook,
    numbers: {
      'exhaustion.shareMin': numbers['exhaustion.shareMin'],
      'exhaustion.leadMs': numbers['exhaustion.leadMs'],
      'exhaustion.foresight': numbers['exhaustion.foresight'],
    },
  };
}
