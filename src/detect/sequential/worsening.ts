import { logRatios, ODDS, type Side } from './proportion-test.ts';

/**
 * Evidence that one side has become worse than the other at some moment nobody knows, looked at for ever. Plain JSON of
 * fixed size.
 *
 * A test of one hypothesis gathers evidence from its start, and a long healthy past speaks against what begins now. This
 * one begins a bet anew with each batch and adds up what all of them are worth (Shiryaev and Roberts; as an e-detector:
 * Shin, Ramdas and Rinaldo, 2022). While the tested side is no worse, the sum is one more with each batch on average,
 * whatever the rates are and however they move. So among n batches it ever reaches c with a probability of n / c at most.
 */
export interface Worsening {
  /** For each of the odds that are bet on: log of one more than the worth of all its bets. */
  readonly logWorth: number[];
}

/**
 * With a batch a second in which something failed, no more than one false claim in three hours on the average, and most
 * are rarer by far: claims ask for a size of the difference besides. Each decade more costs two or three failures.
 */
const WORTH_CLAIMED = 1e4;
const LOG_CLAIMED = Math.log(WORTH_CLAIMED);
/** What was worse for hours does not take hours to be forgotten. */
const LOG_WORTH_MAX = LOG_CLAIMED + 3;

export function startWorsening(): Worsening {
  return { logWorth: ODDS.map(() => 0) };
}

/** Adds what both sides served in the same span of time. Changes `state` in place. What says nothing, changes nothing. */
export function addServed(state: Worsening, tested: Side, reference: Side): void {
  add(state, logRatios(tested, reference));
}

/** The same with a reference that no longer serves: the share of its requests that failed, which is taken as known. */
export function addAgainstPast(state: Worsening, { total, failed }: Side, usualShare: number): void {
  if (total === 0 || usualShare <= 0 || usualShare >= 1) return;
  add(
    state,
    ODDS.map((odds) => failed * Math.log(odds) - total * Math.log1p(usualShare * (odds - 1))),
  );
}

function add({ logWorth }: Worsening, ratios: readonly number[] | undefined): void {
  ratios?.forEach((ratio, at) => {
    const log = ratio + logWorth[at]!;
    logWorth[at] = Math.min(LOG_WORTH_MAX, log > 30 ? log : Math.log1p(Math.exp(log)));
  });
}

/** Whether it is worse: no chance, however often one looks. */
export function isWorse({ logWorth }: Worsening): boolean {
  const mean = logWorth.reduce((sum, log) => sum + Math.expm1(log), 0) / logWorth.length;
  return mean >= WORTH_CLAIMED;
}
