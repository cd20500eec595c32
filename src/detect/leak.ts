import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { instanceSubject } from './symptom.ts';

interface Points {
  /** Times and readings in MiB, oldest first, of one length. */
  readonly at: number[];
  readonly mib: number[];
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

/** Memory that only grows, long enough and far enough to be no warm-up. */
export const leakDetector: Detector<Record<string, Points>> = {
  name: 'leak',
  start: () => ({}),
  step(state, sample) {
    if (sample.kind === 'retired' || sample.kind === 'exit') {
      delete state[sample.instance];
      return [{ clear: 'leak', subject: instanceSubject(sample) }];
    }
    if (sample.kind !== 'memory') return NO_CHANGES;
    const points = entryOf(state, sample.instance, () => ({ at: [], mib: [], isLeaking: false }));
    keep(points, sample.at, sample.residentBytes / 2 ** 20);
    const { at, mib } = points;
    const now = mib.at(-1)!;
    const growth = now - mib[0]!;
    const subject = instanceSubject(sample);
    const leaking = mib.length >= POINTS_MIN && growth >= GROWTH_MIB_MIN && risingShare(mib) >= RISING_SHARE_MIN;
    if (!leaking) {
      if (!points.isLeaking || growth >= GROWTH_MIB_MIN / 2) return NO_CHANGES;
      points.isLeaking = false;
      return [{ clear: 'leak', subject }];
    }
    points.isLeaking = true;
    const raise = {
      name: 'leak' as const,
      subject,
      since: at[0]!,
      at: sample.at,
      vantages: [sample.vantage],
      reason: `${sample.instance} grew by ${Math.round(growth)} MiB in ${Math.round((sample.at - at[0]!) / 1000)} s`,
      evidence: { growthMib: growth, residentMib: now },
    };
    return [{ raise }];
  },
};

/** Drops what is older than the window, unless too few readings would be left, and what is more than is kept. */
function keep(points: Points, at: number, mib: number): void {
  points.at.push(at);
  points.mib.push(mib);
  while (
    (points.at[0]! <= at - WINDOW_MS && points.at.length > POINTS_MIN) ||
    points.at.length > POINTS_KEPT + WINDOW_MS / 1_000
  ) {
    points.at.shift();
    points.mib.shift();
  }
}

function risingShare(mib: readonly number[]): number {
  let rising = 0;
  for (let i = 1; i < mib.length; i++) if (mib[i]! > mib[i - 1]!) rising++;
  return rising / (mib.length - 1);
}
