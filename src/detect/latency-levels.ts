import { countOf, type Histogram, slotMs } from './histogram.ts';

/** What is compared of latencies, the more particular first: how many take far longer than the rest, and all of them. */
export const LEVELS = ['slowest', 'all'] as const;
export type Level = (typeof LEVELS)[number];

/** So many times the geometric mean is far longer. */
export const FAR_TIMES = 3;

/**
 * `all`: the mean of the natural logarithms of milliseconds. One answer that takes a hundred times as long moves it little, and
 * what makes all of them take a fifth longer moves it by the same, however fast they are. `slowest`: the share that takes more
 * than three times as long as that mean. Both mean the same of few requests and of many. Of a histogram that is not empty.
 */
export function levelsOf(histogram: Histogram): Readonly<Record<Level, number>> {
  const count = countOf(histogram);
  const all = histogram.reduce((sum, here, slot) => sum + here * Math.log(slotMs(slot)), 0) / count;
  const far = FAR_TIMES * Math.exp(all);
  const slowest = histogram.reduce((sum, here, slot) => sum + (slotMs(slot) > far ? here : 0), 0) / count;
  return { all, slowest };
}
