import { zeros } from './zeros.ts';

/** How many past values are kept. A power of two, so that an index is a mask. */
const PAST_MAX = 256;
const MASK = PAST_MAX - 1;

/** The last values of a series, without their times. `length` starts anew where neighbours are no neighbours: at a gap. */
export interface History {
  values: number[];
  next: number;
  length: number;
}

export function startHistory(): History {
  return { values: zeros(PAST_MAX), next: 0, length: 0 };
}

/** The value `back` points ago, 1 for the newest; only meaningful up to `length`. */
export function past(history: History, back: number): number {
  return history.values[(history.next - back) & MASK]!;
}

export function remember(history: History, value: number): void {
  history.values[history.next] = value;
  history.next = (history.next + 1) & MASK;
  if (history.length < PAST_MAX) history.length += 1;
}

export function forgetNeighbours(history: History): void {
  history.length = 0;
}
