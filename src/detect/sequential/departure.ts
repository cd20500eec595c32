/**
 * Evidence that readings have become higher at some moment nobody knows, looked at for ever. Plain JSON of bounded size.
 *
 * While nothing has changed, a new reading is as likely to be the highest of the past ones as any of these: the share of them
 * that is at least as high is a valid p-value, whatever the readings are distributed like (see `exchangeability.ts`). A bet on
 * small ones is begun anew with each reading and all are added up (Shiryaev and Roberts; see `worsening.ts`), so among n
 * readings the sum reaches c with a probability of about n / c. About, because the past is remembered for a while only and
 * every reading is held against the same one: what that costs is measured in `route-shift.test.ts`.
 */
export interface Departure extends Course {
  /** For each bet: log of what all that were begun are worth. */
  readonly logWorth: number[];
}

/** Readings, oldest first: those that say what is usual, and the latest, which may be of what is new. */
export interface Course {
  readonly past: number[];
  readonly waiting: number[];
}

/** Bets e * p^(e - 1): on very small p-values first. */
const BETS: readonly number[] = [0.2, 0.35, 0.5];
/** Among so many readings it is claimed about once though nothing has changed. */
export const ODDS_CLAIMED = 3e4;
const LOG_CLAIMED = Math.log(ODDS_CLAIMED);
/** What was different for hours does not take hours to be forgotten. */
const LOG_WORTH_MAX = LOG_CLAIMED + 3;
/** A reading says what is usual once so many came after it: what begins slowly does not hide itself. */
const WAITING = 20;
const PAST_MAX = 120;
const PAST_MIN = 60;
/** So many of the latest say what is now. */
const NOW = 12;
const DIGITS = 1e4;

export function startDeparture(): Departure {
  return { past: [], waiting: [], logWorth: BETS.map(() => 0) };
}

export function startCourse(): Course {
  return { past: [], waiting: [] };
}

/** Adds a reading; `learns`: it may become a part of what is usual. Changes `course` in place. */
export function addToPast({ past, waiting }: Course, reading: number, learns: boolean): void {
  waiting.push(Math.round(reading * DIGITS) / DIGITS);
  if (waiting.length <= WAITING) return;
  const [oldest] = waiting.splice(0, 1);
  if (!learns) return;
  past.push(oldest!);
  if (past.length > PAST_MAX) past.shift();
}

/** Holds a reading against the past and adds it. Changes `departure` in place. */
export function addReading(departure: Departure, reading: number, learns: boolean): void {
  const { past, logWorth } = departure;
  if (past.length >= PAST_MIN) {
    const p = (1 + past.filter((each) => each >= reading).length) / (1 + past.length);
    BETS.forEach((bet, at) => {
      const worth = Math.log1p(Math.exp(logWorth[at]!)) + Math.log(bet) + (bet - 1) * Math.log(p);
      logWorth[at] = Math.min(LOG_WORTH_MAX, worth);
    });
  }
  addToPast(departure, reading, learns);
}

/** Nothing speaks for a change: what comes of one begins after this. */
export function isCalm({ logWorth }: Departure): boolean {
  return worthOf(logWorth) < 1;
}

export function hasDeparted({ logWorth }: Departure): boolean {
  return worthOf(logWorth) >= LOG_CLAIMED;
}

function worthOf(logWorth: readonly number[]): number {
  return Math.log(logWorth.reduce((sum, each) => sum + Math.exp(each), 0) / logWorth.length);
}

/** What is usual and by how much the latest readings are above it; undefined while too little is known. */
export function riseOf({ past, waiting }: Course): { readonly usual: number; readonly by: number } | undefined {
  const usual = past.length < PAST_MIN ? undefined : medianOf(past);
  const now = medianOf(waiting.slice(-NOW));
  return usual === undefined || now === undefined ? undefined : { usual, by: now - usual };
}

function medianOf(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
