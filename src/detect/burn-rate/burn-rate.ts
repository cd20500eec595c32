import { addRequests, type Counts, type RequestWindows, requestsOf, startWindows } from './request-windows.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
export const PERIOD_MS = 30 * DAY_MS;

/** What a tenant was promised of its requests over a period. */
export interface ServiceObjective {
  /** Share of requests that must be good, below 1: 0.999. */
  readonly target: number;
  /** What makes a request bad: that it failed, or that it was slow. */
  readonly counts: 'failed' | 'slow';
}

/**
 * The pairs of windows of the SRE workbook, chapter 5: `budget` is the share of the period's budget that is spent. Those
 * call people, for whom an hour is soon; the pair `at once` is a sixtieth of the quickest and is for a healer.
 */
interface Pair {
  readonly name: 'at once' | 'page quick' | 'page slow' | 'ticket quick' | 'ticket slow';
  readonly severity: 'heal' | 'page' | 'ticket';
  readonly budget: number;
  readonly longMs: number;
  readonly shortMs: number;
}

export const PAIRS: readonly Pair[] = [
  { name: 'page quick', severity: 'page', budget: 0.02, longMs: HOUR_MS, shortMs: 5 * MINUTE_MS },
  { name: 'page slow', severity: 'page', budget: 0.05, longMs: 6 * HOUR_MS, shortMs: 30 * MINUTE_MS },
  { name: 'ticket quick', severity: 'ticket', budget: 0.1, longMs: DAY_MS, shortMs: 2 * HOUR_MS },
  { name: 'ticket slow', severity: 'ticket', budget: 0.1, longMs: 3 * DAY_MS, shortMs: 6 * HOUR_MS },
];

const AT_ONCE: Pair = {
  name: 'at once',
  severity: 'heal',
  budget: 0.02 / 60,
  longMs: MINUTE_MS,
  shortMs: MINUTE_MS / 12,
};
const ALL_PAIRS: readonly Pair[] = [AT_ONCE, ...PAIRS];

/** At ten requests an hour one failure is a burn of a hundred: below these counts a window says nothing. */
export interface Quiet {
  readonly requestsMin: number;
  readonly badMin: number;
}

const QUIET: Quiet = { requestsMin: 30, badMin: 3 };

/** The requests of one (tenant, workload, route class). Plain JSON of fixed size. */
export interface BurnState {
  /** What the objective is for; all windows are scaled with it. */
  readonly periodMs: number;
  readonly requests: RequestWindows;
}

/** How fast one pair of windows burns. A burn of 1 spends exactly the budget over the period. */
export interface Burn {
  readonly pair: Pair['name'];
  readonly severity: Pair['severity'];
  readonly factor: number;
  readonly long: number;
  readonly short: number;
  /** Both windows are beyond the factor, with enough requests to say so. */
  readonly isBurning: boolean;
  /** Too few requests or failures: neither burning nor well. */
  readonly isTooQuiet: boolean;
}

export interface BurnStatus {
  /** Quickest first. */
  readonly burns: readonly Burn[];
  /** Share of the period's budget that is left; negative when it is overspent, null before any request. */
  readonly budgetLeft: number | null;
  /** When it is spent at the present burn: 0 when it is, null when it will not be or nothing is known. */
  readonly exhaustedInMs: number | null;
}

/** `periodMs` is 30 days unless the objective is for another time; a drill has it for minutes. */
export function startBurn(periodMs = PERIOD_MS): BurnState {
  const widths = ALL_PAIRS.flatMap((pair) => [widthOf(pair, 'longMs', periodMs), widthOf(pair, 'shortMs', periodMs)]);
  return { periodMs, requests: startWindows([...new Set([...widths, periodMs])].sort((a, b) => a - b)) };
}

/** How many times the pace of the whole period this pair's share of the budget is spent at. */
export function factorOf({ budget, longMs }: Pair): number {
  return (budget * PERIOD_MS) / longMs;
}

/** A healer's seconds are seconds, whatever the period. */
function widthOf(pair: Pair, side: 'longMs' | 'shortMs', periodMs: number): number {
  return pair.severity === 'heal' ? pair[side] : (pair[side] * periodMs) / PERIOD_MS;
}

/** Counts requests that ended at `atMs`. Changes `state` in place. */
export function countRequests(state: BurnState, atMs: number, counts: Counts): void {
  addRequests(state.requests, atMs, counts);
}

/** How an objective stands now. Pure: asking changes nothing. */
export function burnStatus(
  state: BurnState,
  objective: ServiceObjective,
  nowMs: number,
  quiet: Quiet = QUIET,
): BurnStatus {
  const burns = ALL_PAIRS.map((pair) => burnOf(state, objective, pair, { nowMs, quiet }));
  const budgetLeft = budgetLeftOf(state, objective, nowMs);
  return { burns, budgetLeft, exhaustedInMs: exhaustionOf(state, burns, budgetLeft) };
}

function burnOf(
  state: BurnState,
  objective: ServiceObjective,
  pair: Pair,
  { nowMs, quiet }: { readonly nowMs: number; readonly quiet: Quiet },
): Burn {
  const counted = (side: 'longMs' | 'shortMs'): Counts =>
    requestsOf(state.requests, widthOf(pair, side, state.periodMs), nowMs);
  const [long, short] = [counted('longMs'), counted('shortMs')];
  const factor = factorOf(pair);
  // An objective of 90 % cannot burn faster than ten times its pace: that nothing is served burns it all the same.
  const least = Math.min(factor, 1 / (1 - objective.target));
  const rate = (counts: Counts) =>
    counts.total === 0 ? 0 : counts[objective.counts] / counts.total / (1 - objective.target);
  const bad = long[objective.counts];
  const isTooQuiet = long.total < quiet.requestsMin || (bad > 0 && bad < quiet.badMin);
  const isBurning = !isTooQuiet && rate(long) * seenOf(state, pair, nowMs) >= least && rate(short) >= least;
  return {
    pair: pair.name,
    severity: pair.severity,
    factor,
    long: rate(long),
    short: rate(short),
    isBurning,
    isTooQuiet,
  };
}

/** What was not seen of a long window spent nothing; a healer's minute is short enough to take it as it is. */
function seenOf({ requests, periodMs }: BurnState, pair: Pair, nowMs: number): number {
  if (pair.severity === 'heal' || requests.sinceMs === null) return 1;
  return Math.min(1, Math.max(0, nowMs - requests.sinceMs) / widthOf(pair, 'longMs', periodMs));
}

/**
 * The budget is of the whole period: as long as less than that was seen, the rest is taken to have the same traffic, so
 * that the first failure of a new tenant does not spend all of it.
 */
function budgetLeftOf(state: BurnState, objective: ServiceObjective, nowMs: number): number | null {
  const { total, [objective.counts]: bad } = requestsOf(state.requests, state.periodMs, nowMs);
  const { sinceMs } = state.requests;
  if (total === 0 || sinceMs === null) return null;
  const seen = Math.min(1, Math.max(0, nowMs - sinceMs) / state.periodMs);
  return 1 - (bad / total / (1 - objective.target)) * seen;
}

/** By the shortest long window that has enough requests: what burns now decides, not what burnt yesterday. */
function exhaustionOf(state: BurnState, burns: readonly Burn[], budgetLeft: number | null): number | null {
  if (budgetLeft === null) return null;
  if (budgetLeft <= 0) return 0;
  // A minute is too short to say how it will go on.
  const present = burns.find(({ isTooQuiet, severity }) => !isTooQuiet && severity !== 'heal');
  return present === undefined || present.long <= 0 ? null : (budgetLeft / present.long) * state.periodMs;
}
