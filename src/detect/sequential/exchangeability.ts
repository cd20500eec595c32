/**
 * Evidence that readings after a moment are higher than those before it, gathered reading by reading. Plain JSON; grows
 * with the readings, of which the caller keeps a bounded number.
 *
 * Under "nothing has changed" the order of the readings says nothing: each new one is as likely to be the highest of all
 * as any other. The share of all readings that are at least as high is then a valid p-value whatever the readings are
 * distributed like, and independent of those before (conformal prediction; Vovk, Gammerman, Shafer 2005). Bets on small
 * ones multiply a wealth that does not grow on average, so that by Ville's inequality it ever reaches 1/alpha with
 * probability alpha at most, however often one looks and whenever one stops.
 */
export interface Exchangeability {
  /** All readings so far, those before the moment included. */
  readonly seen: number[];
  /** Log of the wealth of each bet. */
  readonly logWealth: number[];
}

/** Bets e * p^(e - 1): on very small p-values first, on smallish ones last. */
const BETS: readonly number[] = [0.1, 0.3, 0.5, 0.7];

/** Begins with what was read before the moment. */
export function startExchangeability(before: readonly number[]): Exchangeability {
  return { seen: [...before], logWealth: BETS.map(() => 0) };
}

/** Adds the next reading after the moment. Equal readings speak for nothing. Changes `state` in place. */
export function addReading({ seen, logWealth }: Exchangeability, value: number): void {
  if (!Number.isFinite(value)) return;
  seen.push(value);
  const p = seen.filter((each) => each >= value).length / seen.length;
  BETS.forEach((bet, at) => {
    logWealth[at]! += Math.log(bet) + (bet - 1) * Math.log(p);
  });
}

/** An upper bound of the probability to see as much where nothing has changed. */
export function chanceOf({ logWealth }: Exchangeability): number {
  const most = Math.max(...logWealth);
  const mean = logWealth.reduce((sum, each) => sum + Math.exp(each - most), 0) / logWealth.length;
  return Math.min(1, Math.exp(-most) / mean);
}
