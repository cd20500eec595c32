import type { DetectionNumbers } from '../resources/detection-number.ts';
import type { Outlook } from './account.ts';
import { exhaustionOf } from './forecast/exhaustion.ts';
import { addLevel, type LevelBlocks, startLevels } from './forecast/level-blocks.ts';

/** How much of an error budget was spent, as a level that rises towards all of it. Plain JSON, changed in place. */
export interface BudgetAhead {
  readonly levels: LevelBlocks;
  readonly firstAt: number;
  askedAt: number;
  outlook: Outlook;
}

const ALL = 1;
/** Asking takes milliseconds: seldom, and more seldom the longer it is followed. */
const ASK_MS = 60_000;
const ASK_SHARE = 1 / 50;
const ASK_MS_MAX = 300_000;
const POINTS_MIN = 12;
/** Followed from this part of what makes a claim on, and until it is half of that again: most budgets are hardly touched. */
const FOLLOWED = 0.5;

/** Goes on with a budget of which the share `spent` is gone at `at`; null while too little is spent to look ahead. */
export function followBudget(
  known: BudgetAhead | null,
  at: number,
  spent: number,
  numbers: DetectionNumbers,
): BudgetAhead | null {
  const from = FOLLOWED * numbers['exhaustion.shareMin'];
  if (spent < (known ? from / 2 : from)) return null;
  const ahead = known ?? {
    levels: startLevels(),
    firstAt: at,
    askedAt: at,
    outlook: { kind: 'unknown' as const, limit: ALL },
  };
  addLevel(ahead.levels, at, spent);
  if (at - ahead.askedAt < Math.min(ASK_MS_MAX, Math.max(ASK_MS, ASK_SHARE * (at - ahead.firstAt)))) return ahead;
  ahead.askedAt = at;
  ahead.outlook = outlookOf(ahead.levels, at);
  return ahead;
}

function outlookOf(levels: LevelBlocks, now: number): Outlook {
  if (levels.closed.length < POINTS_MIN) return { kind: 'unknown', limit: ALL };
  const found = exhaustionOf(levels, { limit: ALL, towards: 'rises' }, now);
  if (found.kind !== 'exhausts') return { kind: found.kind, limit: ALL };
  const { atMs, earliestMs, latestMs, slope } = found;
  return { kind: 'exhausts', limit: ALL, perHour: slope.perMs * 3_600_000, atMs, earliestMs, latestMs };
}

/** When it will be spent, as far as that is near, and was seen for long enough to be believed. */
export function endOf(
  { outlook, firstAt }: BudgetAhead,
  at: number,
  spent: number,
  numbers: DetectionNumbers,
): Extract<Outlook, { kind: 'exhausts' }> | undefined {
  if (outlook.kind !== 'exhausts' || spent < numbers['exhaustion.shareMin']) return undefined;
  const leftMs = outlook.atMs - at;
  const isNear = leftMs <= numbers['exhaustion.leadMs'] && leftMs <= numbers['exhaustion.foresight'] * (at - firstAt);
  return isNear ? outlook : undefined;
}
