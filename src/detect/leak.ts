import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { instanceSubject } from './symptom.ts';

/** Times and readings in MiB, oldest first, of one length. */
interface Points {
  readonly at: number[];
  readonly mib: number[];
}

interface Watched {
  /** All of the last seconds, and few of the last minutes: a leak may be slow. */
  readonly fine: Points;
  readonly coarse: Points;
  isLeaking: boolean;
}

const WINDOW_MS = 20_000;
const POINTS_MIN = 12;
/** Readings that come seldom are judged over as many of them as it takes. */
const POINTS_KEPT = 24;
/** Start-up and the first garbage collections look like a leak. */
const GROWTH_MIB_MIN = 96;
/** Nearly every step must go up: a saw-tooth of garbage collection does not. */
const RISING_SHARE_MIN = 0.8;

const COARSE_MS = 10_000;
/** What fills at its start grows ever less; a leak does not: so much of the growth must be of the last third. */
const LAST_THIRD_MIN = 0.2;

/** Memory that only grows, long enough and far enough to be no warm-up. */
export const leakDetector: Detector<Record<string, Watched>> = {
  name: 'leak',
  start: () => ({}),
  step(state, sample) {
    if (sample.kind === 'retired' || sample.kind === 'exit') {
      delete state[sample.instance];
      return [{ clear: 'leak', subject: instanceSubject(sample) }];
    }
    if (sample.kind !== 'memory') return NO_CHANGES;
    const watched = entryOf(state, sample.instance, startWatching);
    const mib = sample.residentBytes / 2 ** 20;
    keep(watched.fine, sample.at, mib, WINDOW_MS);
    if (sample.at - (watched.coarse.at.at(-1) ?? 0) >= COARSE_MS) {
      keep(watched.coarse, sample.at, mib, COARSE_MS * POINTS_KEPT);
    }
    const leaking = [watched.fine, watched.coarse].find(isLeak);
    const subject = instanceSubject(sample);
    if (!leaking) {
      if (!watched.isLeaking || growthOf(watched.fine) >= GROWTH_MIB_MIN / 2) return NO_CHANGES;
      watched.isLeaking = false;
      return [{ clear: 'leak', subject }];
    }
    watched.isLeaking = true;
    const growth = growthOf(leaking);
    const since = leaking.at[0]!;
    const raise = {
      name: 'leak' as const,
      subject,
      since,
      at: sample.at,
      vantages: [sample.vantage],
      reason: `${sample.instance} grew by ${Math.round(growth)} MiB in ${Math.round((sample.at - since) / 1000)} s`,
      evidence: { growthMib: growth, residentMib: mib },
    };
    return [{ raise }];
  },
};

function startWatching(): Watched {
  return { fine: { at: [], mib: [] }, coarse: { at: [], mib: [] }, isLeaking: false };
}

/** Drops what is older than the window, unless too few readings would be left, and what is more than is kept. */
function keep(points: Points, at: number, mib: number, windowMs: number): void {
  points.at.push(at);
  points.mib.push(mib);
  while (
    (points.at[0]! <= at - windowMs && points.at.length > POINTS_MIN) ||
    points.at.length > POINTS_KEPT + WINDOW_MS / 1_000
  ) {
    points.at.shift();
    points.mib.shift();
  }
}

function growthOf({ mib }: Points): number {
  return mib.at(-1)! - mib[0]!;
}

function isLeak({ mib }: Points): boolean {
  if (mib.length < POINTS_MIN) return false;
  const growth = mib.at(-1)! - mib[0]!;
  if (growth < GROWTH_MIB_MIN || risingShare(mib) < RISING_SHARE_MIN) return false;
  return mib.at(-1)! - mib[Math.floor((2 * mib.length) / 3)]! >= LAST_THIRD_MIN * growth;
}

function risingShare(mib: readonly number[]): number {
  let rising = 0;
  for (let i = 1; i < mib.length; i++) if (mib[i]! > mib[i - 1]!) rising++;
  return rising / (mib.length - 1);
}
