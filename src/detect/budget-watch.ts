import type { DetectionNumbers } from '../resources/detection-number.ts';
import type { Outlook } from './account.ts';
import { type BudgetAhead, endOf, followBudget } from './budget-ahead.ts';
import { NO_CHANGES } from './detector.ts';
import { type Part, placeOf } from './promised.ts';
import { type Change, type Subject, type Symptom, staysMsOf } from './symptom.ts';

/** The budgets of one part of the requests of a tenant, looked ahead on. Plain JSON. */
export interface BudgetWatch {
  /** By what is counted, where enough is spent to look ahead. */
  readonly ahead: Record<Counts, BudgetAhead | null>;
  aheadAt: number;
  isEnding: boolean;
}

type Counts = 'failed' | 'slow';

/** How often it is asked what was spent. */
const LOOK_MS = 10_000;

export function startBudgetWatch(): BudgetWatch {
  return { ahead: { failed: null, slow: null }, aheadAt: 0, isEnding: false };
}

/**
 * Which budget of the tenant ends first, if one does soon: a claim with its deadline, for people and for what waits for
 * them. It opens no incident: what is counted of the past no repair takes back. `spentAt` is asked now and then.
 */
export function lookAhead(
  parts: Readonly<Record<string, BudgetWatch>>,
  part: Pick<Part, 'key' | 'sample'>,
  spentAt: (at: number) => Readonly<Record<Counts, number>>,
  numbers: DetectionNumbers,
): readonly Change[] {
  const { at, tenant } = part.sample;
  const watch = parts[part.key]!;
  if (Math.abs(at - watch.aheadAt) < LOOK_MS) return NO_CHANGES;
  watch.aheadAt = at;
  const spent = spentAt(at);
  const ends = (['failed', 'slow'] as const).flatMap((counts) => {
    const ahead = followBudget(watch.ahead[counts], at, spent[counts], numbers);
    watch.ahead[counts] = ahead;
    const end = ahead && endOf(ahead, at, spent[counts], numbers);
    return end ? [{ counts, spent: spent[counts], end, since: ahead.firstAt }] : [];
  });
  const wasEnding = Object.values(parts).some(({ isEnding }) => isEnding);
  watch.isEnding = ends.length > 0;
  const [first] = ends.sort((a, b) => a.end.atMs - b.end.atMs);
  if (first) return [{ raise: claim(part, first) }];
  const isStill = Object.values(parts).some(({ isEnding }) => isEnding);
  const subject: Subject = { kind: 'tenant', name: tenant };
  return wasEnding && !isStill ? [{ clear: 'budget-ending', subject }] : NO_CHANGES;
}

interface Ending {
  readonly counts: Counts;
  readonly spent: number;
  readonly end: Extract<Outlook, { kind: 'exhausts' }>;
  readonly since: number;
}

function claim({ key, sample }: Pick<Part, 'key' | 'sample'>, ending: Ending): Symptom {
  const { at, tenant, vantage, spanMs } = sample;
  const { counts, spent, end, since } = ending;
  const minutes = Math.max(0, Math.round((end.atMs - at) / 60_000));
  const what = counts === 'failed' ? 'error budget' : 'budget of late answers';
  const deadline = {
    deadlineAt: Math.round(end.atMs),
    earliestAt: Math.round(end.earliestMs),
    latestAt: Math.round(end.latestMs),
  };
  return {
    name: 'budget-ending',
    subject: { kind: 'tenant', name: tenant },
    since,
    at,
    vantages: [vantage],
    reason: `${Math.round(100 * spent)} % of the ${what} of ${tenant} at ${placeOf(key)} is spent, and all of it in ${minutes} min`,
    evidence: { counts, spent, sentTo: placeOf(key), ...deadline },
    staysMs: Math.max(staysMsOf(spanMs), 60_000),
  };
}

/** For its account: of the two budgets the one that ends first. */
export function firstEnd({ failed, slow }: BudgetWatch['ahead']): Outlook | null {
  const known = [failed, slow].flatMap((each) => (each ? [each.outlook] : []));
  const ends = known.flatMap((each) => (each.kind === 'exhausts' ? [each] : []));
  return ends.sort((a, b) => a.atMs - b.atMs)[0] ?? known[0] ?? null;
}
