import type { FactName } from '../resources/fact-kinds.ts';
import type { ViolationSample } from '../observe/sample.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { type Change, subjectOfFact, type SymptomName } from './symptom.ts';

/** What is remembered of one fact of one subject. */
interface Watched {
  /** It was seen to break nothing, once: what breaks something now has turned. */
  wasGood: boolean;
  /** Measurements in a row that say the same as the last one. */
  inRow: number;
  isBad: boolean;
  /** When the first of those was made. */
  since: number;
  at: number;
  isClaimed: boolean;
  /** How often a claim was taken back lately, and when last. */
  relapses: number;
  clearedAt: number;
}

/** One measurement may be wrong; two in a row, each made anew, are believed. What came back lately has to be seen longer. */
const IN_ROW = 2;
const IN_ROW_MAX = 8;
const LATELY_MS = 600_000;

/** Bad only after two looks of the loop said so: one report is as good as two measurements, and the healer is quick. */
const LOOKED_TWICE: ReadonlySet<FactName> = new Set(['rls.enabled']);

/** What one tenant sees of another: nobody set that up by intention, so it is a claim from the first look on. */
const LEAKS: ReadonlySet<FactName> = new Set(['isolation.sql.foreignRows', 'isolation.api.foreignRows']);

/**
 * What is counted of what has happened: an incident told of it when it did, and nobody can heal the past. It stands in the
 * posture and in the report until it is over.
 */
const TALLIES: ReadonlySet<FactName> = new Set([
  'resilience.availability',
  'resilience.rtoMs',
  'resilience.rpoMs',
  'incident.records.incomplete',
]);

/** Whether it is counted of the past, and opens no incident of its own. */
export function isTally(fact: FactName): boolean {
  return TALLIES.has(fact);
}

export function isLeak(fact: FactName): boolean {
  return LEAKS.has(fact);
}

/**
 * Facts by which controls of tenants are violated: one claim for a fact of a subject, however many controls, frameworks and
 * tenants it violates. What has been so since the first look is how people set it up: it stands in the posture, and is
 * claimed only once it was good and has turned. A fact that nobody could measure is neither good nor bad.
 */
export const violationDetector: Detector<Record<string, Watched>> = {
  name: 'violation',
  start: () => ({}),
  entries: (state) => state,
  step(state, sample) {
    if (sample.kind !== 'violation' || isTally(sample.fact)) return NO_CHANGES;
    const key = `${sample.fact} ${sample.subject}`;
    if (sample.gone) return forget(state, key, sample);
    const watched = entryOf(state, key, startWatching);
    if (sample.at <= watched.at) return NO_CHANGES;
    const isBad = sample.violated.length > 0;
    watched.inRow = watched.isBad === isBad ? watched.inRow + 1 : 1;
    if (watched.inRow === 1) watched.since = sample.at;
    watched.isBad = isBad;
    watched.at = sample.at;
    return isBad ? claim(watched, sample) : takeBack(watched, sample);
  },
};

function startWatching(): Watched {
  const never = { wasGood: false, isBad: false, isClaimed: false };
  return { ...never, inRow: 0, since: 0, at: Number.NEGATIVE_INFINITY, relapses: 0, clearedAt: 0 };
}

function claim(watched: Watched, sample: ViolationSample): readonly Change[] {
  const { fact, subject, at, vantage, reason, violated, where } = sample;
  if (!watched.wasGood && !isLeak(fact)) return NO_CHANGES;
  if (at - watched.clearedAt > LATELY_MS) watched.relapses = 0;
  const inRow = (LOOKED_TWICE.has(fact) ? 1 : IN_ROW) * 2 ** watched.relapses;
  if (!watched.isClaimed && watched.inRow < Math.min(IN_ROW_MAX, inRow)) return NO_CHANGES;
  watched.isClaimed = true;
  const evidence = { fact, subject, violated, ...(where ? { where } : {}) };
  const raise = { name: nameOf(fact), subject: subjectOfFact(fact, subject), since: watched.since, at };
  return [{ raise: { ...raise, vantages: [vantage], reason, evidence } }];
}

/** The first good measurement ends it, and the next one of them takes it back: what it did is felt a little longer. */
function takeBack(watched: Watched, { fact, subject, at }: ViolationSample): readonly Change[] {
  watched.wasGood = true;
  if (!watched.isClaimed) return NO_CHANGES;
  const name = nameOf(fact);
  if (watched.inRow < IN_ROW) return [{ over: name, subject: subjectOfFact(fact, subject) }];
  watched.isClaimed = false;
  watched.relapses += 1;
  watched.clearedAt = at;
  return [{ clear: name, subject: subjectOfFact(fact, subject) }];
}

function forget(state: Record<string, Watched>, key: string, { fact, subject }: ViolationSample): readonly Change[] {
  const isClaimed = state[key]?.isClaimed === true;
  delete state[key];
  return isClaimed ? [{ clear: nameOf(fact), subject: subjectOfFact(fact, subject) }] : NO_CHANGES;
}

function nameOf(fact: FactName): SymptomName {
  return `fact-${fact}`;
}
