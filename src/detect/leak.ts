import { type Detector, NO_CHANGES } from './detector.ts';
import { instanceSubject } from './symptom.ts';

interface Point {
  readonly at: number;
  readonly mib: number;
}
type State = Readonly<Record<string, readonly Point[]>>;

const WINDOW_MS = 20_000;
const POINTS_MIN = 12;
/** Start-up and the first garbage collections look like a leak. */
const GROWTH_MIB_MIN = 96;
/** Nearly every step must go up: a saw-tooth of garbage collection does not. */
const RISING_SHARE_MIN = 0.8;

/** Memory that only grows, long enough and far enough to be no warm-up. */
export const leakDetector: Detector<State> = {
  name: 'leak',
  start: () => ({}),
  step(state, sample) {
    if (sample.kind === 'retired' || sample.kind === 'exit') {
      const { [sample.instance]: _gone, ...rest } = state;
      return { state: rest, changes: [{ clear: 'leak', subject: instanceSubject(sample) }] };
    }
    if (sample.kind !== 'memory') return { state, changes: NO_CHANGES };
    const point = { at: sample.at, mib: sample.residentBytes / 2 ** 20 };
    const points = [...(state[sample.instance] ?? []), point].filter((each) => each.at > sample.at - WINDOW_MS);
    const next = { ...state, [sample.instance]: points };
    const subject = instanceSubject(sample);
    const growth = points.at(-1)!.mib - points[0]!.mib;
    const rising = points.filter((each, i) => i > 0 && each.mib > points[i - 1]!.mib).length / (points.length - 1);
    const leaking = points.length >= POINTS_MIN && growth >= GROWTH_MIB_MIN && rising >= RISING_SHARE_MIN;
    if (!leaking)
      return { state: next, changes: growth < GROWTH_MIB_MIN / 2 ? [{ clear: 'leak', subject }] : NO_CHANGES };
    const raise = {
      name: 'leak' as const,
      subject,
      since: sample.at,
      at: sample.at,
      vantages: [sample.vantage],
      reason: `${sample.instance} grew by ${Math.round(growth)} MiB in ${Math.round((sample.at - points[0]!.at) / 1000)} s`,
      evidence: { growthMib: growth, residentMib: point.mib },
    };
    return { state: next, changes: [{ raise }] };
  },
};
