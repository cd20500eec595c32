import type { ConditionSample } from '../observe/sample.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import type { Change, Subject, Symptom, SymptomName } from './symptom.ts';

/** What one vantage says of one condition. */
interface Word {
  holds: boolean;
  /** Readings in a row that say so. */
  inRow: number;
  since: number;
  at: number;
  /** Between its last two readings: how often it looks. */
  everyMs: number;
}

interface Watched {
  readonly words: Record<string, Word>;
  isClaimed: boolean;
}

/** A reading alone may be wrong; two in a row of one vantage, or one of two vantages each, are believed. */
const IN_ROW = 2;
const VANTAGES = 2;
/** A reading counts until three more should have come. */
const STAYS_TIMES = 4;
const STAYS_MS_MIN = 30_000;
const EVERY_MS_AT_FIRST = 60_000;
/** What a condition did to others is felt a little longer than it lasts: the claim that explains that stays as long. */
const AFTERMATH_MS = 16_000;

/** Conditions that are measured of assets, each with fall and rise, and with freshness: silence is no data. */
export const conditionDetector: Detector<Record<string, Record<string, Watched>>> = {
  name: 'condition',
  start: () => ({}),
  step(state, sample) {
    if (sample.kind !== 'condition') return NO_CHANGES;
    if (!sample.holds && state[sample.asset]?.[sample.condition] === undefined) return NO_CHANGES;
    const watched = entryOf(entryOf(state, sample.asset, noConditions), sample.condition, startWatching);
    hear(watched, sample);
    return judge(watched, sample);
  },
};

function noConditions(): Record<string, Watched> {
  return {};
}

function startWatching(): Watched {
  return { words: {}, isClaimed: false };
}

function hear({ words }: Watched, { vantage, at, holds }: ConditionSample): void {
  const known = words[vantage];
  const everyMs = known === undefined || at <= known.at ? EVERY_MS_AT_FIRST : at - known.at;
  const isFresh = known !== undefined && at - known.at <= STAYS_TIMES * Math.max(known.everyMs, STAYS_MS_MIN);
  const isSame = isFresh && known.holds === holds;
  words[vantage] = { holds, inRow: isSame ? known.inRow + 1 : 1, since: isSame ? known.since : at, at, everyMs };
}

function judge(watched: Watched, sample: ConditionSample): readonly Change[] {
  const { words } = watched;
  const names = Object.keys(words).filter((name) => isFresh(words[name]!, sample.at));
  const holding = names.filter((name) => words[name]!.holds);
  const denying = names.filter((name) => !words[name]!.holds);
  const name: SymptomName = `asset-${sample.condition}`;
  const subject: Subject = { kind: 'asset', name: sample.asset };
  const isBelieved = isFirm(words, holding) || (watched.isClaimed && !isFirm(words, denying));
  if (!isBelieved || holding.length === 0) {
    const isOver = denying.some((each) => sample.at - words[each]!.since >= AFTERMATH_MS);
    if (!watched.isClaimed || !isFirm(words, denying)) return NO_CHANGES;
    if (!isOver) return [{ over: name, subject }];
    watched.isClaimed = false;
    return [{ clear: name, subject }];
  }
  watched.isClaimed = true;
  if (!sample.holds) return NO_CHANGES;
  const { asset, condition, reason, detail, at } = sample;
  const raise: Symptom = {
    name,
    subject,
    since: Math.min(...holding.map((each) => words[each]!.since)),
    at,
    vantages: holding,
    reason: reason === '' ? `${asset} is ${condition}` : reason,
    evidence: { ...detail, ...(denying.length > 0 ? { deniedBy: denying } : {}) },
    staysMs: Math.max(STAYS_MS_MIN, STAYS_TIMES * words[sample.vantage]!.everyMs),
  };
  return [{ raise }];
}

function isFresh({ at, everyMs }: Word, now: number): boolean {
  return now - at <= Math.max(STAYS_MS_MIN, STAYS_TIMES * everyMs);
}

function isFirm(words: Record<string, Word>, names: readonly string[]): boolean {
  return names.length >= VANTAGES || names.some((name) => words[name]!.inRow >= IN_ROW);
}
