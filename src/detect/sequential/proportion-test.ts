/** Failures of one side of a comparison so far. */
export interface Side {
  readonly total: number;
  readonly failed: number;
}

/**
 * Evidence that one side (a new version, an instance) fails more often than the other (the version before, its siblings),
 * gathered bit by bit. Plain JSON of fixed size. It may be looked at after every request and stopped at any time.
 */
export interface ProportionTest {
  /** All that has been counted, by side. */
  tested: Side;
  reference: Side;
  /** Log of the wealth of each bet: against "no worse" at that many times the reference's rate. */
  logWealth: number[];
  /** The largest evidence so far, as a log: what was once proven is not unproven by later luck. */
  logEvidence: number;
}

/** Odds ratios that are bet on: a little, clearly, and much worse. Together they lose little against the best of them. */
export const ODDS: readonly number[] = [1.5, 3, 10, 40];

export function startTest(): ProportionTest {
  return {
    tested: { total: 0, failed: 0 },
    reference: { total: 0, failed: 0 },
    logWealth: ODDS.map(() => 0),
    logEvidence: 0,
  };
}

/**
 * Adds the requests that both sides served since the last look. The order within a batch does not matter. Changes `state`
 * in place; what is no count, has more failures than requests, or more
 * than a million requests, is ignored.
 *
 * Given how many requests of the batch failed in all, and that the tested side is no worse, its share of the failures
 * follows the hypergeometric distribution (Fisher's exact test); each bet multiplies its wealth by the likelihood ratio
 * of Fisher's noncentral distribution to it. Under "no worse" no wealth grows on average whatever the rate of failure is
 * and however it moves over time, because the rate cancels out: both sides are only compared within one batch. By
 * Ville's inequality the mean wealth then ever reaches 1/alpha with probability alpha at most.
 */
export function addBatch(state: ProportionTest, tested: Side, reference: Side): void {
  if (![tested, reference].every(isSide)) return;
  state.tested = sumOf(state.tested, tested);
  state.reference = sumOf(state.reference, reference);
  const ratios = logRatios(tested, reference);
  if (ratios === undefined) return;
  for (const [at, ratio] of ratios.entries()) state.logWealth[at]! += ratio;
  state.logEvidence = Math.max(state.logEvidence, logSum(state.logWealth) - Math.log(ODDS.length));
}

/** What each bet multiplies its wealth by, as a log, by the order of the odds; undefined for a batch that says nothing. */
export function logRatios(tested: Side, reference: Side): readonly number[] | undefined {
  const failed = tested.failed + reference.failed;
  const all = tested.total + reference.total;
  if (failed === 0 || failed === all || tested.total === 0 || reference.total === 0) return undefined;
  const logCounts = logWays(tested, reference);
  return ODDS.map((odds) => tested.failed * Math.log(odds) - logMeanOdds(logCounts, Math.log(odds)));
}

/** A batch is the requests of some seconds; work and room grow with its failures. */
const BATCH_MAX = 1_000_000;

function isSide({ total, failed }: Side): boolean {
  return Number.isInteger(total) && Number.isInteger(failed) && failed >= 0 && failed <= total && total <= BATCH_MAX;
}

function sumOf(a: Side, b: Side): Side {
  return { total: a.total + b.total, failed: a.failed + b.failed };
}

/** Logs of the ways in which 0, 1, ... of the batch's failures fall on the tested side, up to a constant; from `first`. */
interface Ways {
  readonly first: number;
  readonly logs: readonly number[];
}

function logWays(tested: Side, reference: Side): Ways {
  const failed = tested.failed + reference.failed;
  const first = Math.max(0, failed - reference.total);
  const last = Math.min(failed, tested.total);
  const logs = [0];
  for (let hit = first; hit < last; hit++) {
    // C(tested, hit + 1) C(reference, failed - hit - 1) over C(tested, hit) C(reference, failed - hit)
    const ratio = ((tested.total - hit) * (failed - hit)) / ((hit + 1) * (reference.total - failed + hit + 1));
    logs.push(logs.at(-1)! + Math.log(ratio));
  }
  return { first, logs };
}

/** Log of the mean of odds^hits under "no worse": what a fair bet has to be divided by. */
function logMeanOdds({ first, logs }: Ways, logOdds: number): number {
  return logSum(logs.map((log, at) => log + (first + at) * logOdds)) - logSum(logs);
}

function logSum(logs: readonly number[]): number {
  const most = logs.reduce((max, log) => Math.max(max, log), Number.NEGATIVE_INFINITY);
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0));
}

/** What the evidence says now. */
export interface TestResult {
  /** `worse` is wrong with probability `alpha` at most, over all looks together. */
  readonly verdict: 'worse' | 'open';
  /** Always-valid p-value: the smallest alpha at which the verdict would be `worse`. */
  readonly p: number;
  /** How many times the reference's share of failures the tested side has; null without failures of the reference. */
  readonly timesWorse: number | null;
}

/** Pure: may be asked after every batch. `open` is not "no worse": it has not been shown. */
export function resultOf(state: ProportionTest, alpha: number): TestResult {
  const p = Math.min(1, Math.exp(-state.logEvidence));
  const { tested, reference } = state;
  const timesWorse =
    tested.total === 0 || reference.failed === 0
      ? null
      : tested.failed / tested.total / (reference.failed / reference.total);
  return { verdict: p <= alpha ? 'worse' : 'open', p, timesWorse };
}
