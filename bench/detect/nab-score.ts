import { type Span, probationRows } from './label-windows.ts';

/** What a detection is worth to one kind of user, as NAB publishes its profiles. */
export interface Profile {
  readonly name: 'standard' | 'lowFp' | 'lowFn';
  readonly tpWeight: number;
  readonly fnWeight: number;
  readonly fpWeight: number;
}

export const PROFILES: readonly Profile[] = [
  { name: 'standard', tpWeight: 1, fnWeight: 1, fpWeight: 0.11 },
  { name: 'lowFp', tpWeight: 1, fnWeight: 1, fpWeight: 0.22 },
  { name: 'lowFn', tpWeight: 1, fnWeight: 2, fpWeight: 0.11 },
];

/** What an alert at each row of one series is worth, before the weights of a profile. */
export interface RowValues {
  /** Rows from this one on are scored. */
  readonly from: number;
  /** For each row the number of its window, or -1. */
  readonly window: Int32Array;
  /** In a window from 1 at its left edge to nearly 0 at its right; outside from 0 just behind a window to -1. */
  readonly value: Float64Array;
  /** Windows with at least one row that is scored. */
  readonly windows: number;
}

/** Detections of one series against its windows, in numbers of rows and of windows. */
export interface Tally {
  readonly score: number;
  readonly hit: number;
  readonly missed: number;
  readonly alertsOutside: number;
}

export interface Swept {
  /** An alert is a row whose score is at least this; infinite when no alert at all is best. */
  readonly threshold: number;
  readonly score: number;
}

const STEEPNESS = 5;
const FAR_BEHIND = 3;

/** NAB's value of each row, from its windows alone. */
export function rowValues(times: Float64Array, windows: readonly Span[]): RowValues {
  const rows = times.length;
  const window = new Int32Array(rows).fill(-1);
  const value = new Float64Array(rows);
  let next = 0;
  let current: { readonly right: number; readonly width: number; readonly toMs: number } | undefined;
  let before: { readonly right: number; readonly width: number } | undefined;
  for (let row = 0; row < rows; row++) {
    const span = windows[next];
    if (span !== undefined && times[row] === span[0]) {
      const right = times.indexOf(span[1]);
      current = { right, width: right - times.indexOf(span[0]) + 1, toMs: span[1] };
      next += 1;
    }
    if (current === undefined) {
      value[row] = before === undefined ? -1 : sigmoid((row - before.right) / (before.width - 1));
      continue;
    }
    window[row] = next - 1;
    value[row] = sigmoid(-(current.right - row + 1) / current.width) / sigmoid(-1);
    if (times[row] === current.toMs) {
      before = { right: row, width: current.width };
      current = undefined;
    }
  }
  const from = Math.ceil(probationRows(rows));
  return { from, window, value, windows: new Set(window.subarray(from).filter((id) => id >= 0)).size };
}

function sigmoid(position: number): number {
  return position >= FAR_BEHIND ? -1 : 2 / (1 + Math.exp(STEEPNESS * position)) - 1;
}

/** Scores the rows where there was an alert; `rows` ascend. Only the best alert counts in a window, each one outside. */
export function scoreAlerts(values: RowValues, rows: readonly number[], profile: Profile): Tally {
  const best = new Map<number, number>();
  let outside = 0;
  let alertsOutside = 0;
  for (const row of rows) {
    if (row < values.from) continue;
    const id = values.window[row]!;
    if (id >= 0) best.set(id, Math.max(best.get(id) ?? -Infinity, values.value[row]!));
    else {
      outside += values.value[row]!;
      alertsOutside += 1;
    }
  }
  const inside = [...best.values()].reduce((sum, value) => sum + value, 0);
  const missed = values.windows - best.size;
  const score = inside * profile.tpWeight - missed * profile.fnWeight + outside * profile.fpWeight;
  return { score, hit: best.size, missed, alertsOutside };
}

/**
 * Sweeps every distinct score of all series as the one threshold of the corpus, as NAB does, and returns the best.
 * Of equal results the higher threshold wins.
 */
export function sweep(
  all: readonly { readonly values: RowValues; readonly scores: Float64Array }[],
  profile: Profile,
): Swept {
  const rows = all
    .flatMap(({ values, scores }, series) =>
      Array.from(scores.subarray(values.from), (score, at) => ({ score, series, row: at + values.from })),
    )
    .sort((a, b) => b.score - a.score);
  const bests = all.map(
    ({ values }) => new Map<number, number>([...values.window].map((id) => [id, -profile.fnWeight])),
  );
  let total = -profile.fnWeight * all.reduce((sum, { values }) => sum + values.windows, 0);
  let best: Swept = { threshold: Infinity, score: total };
  rows.forEach(({ score, series, row }, at) => {
    const { values } = all[series]!;
    const id = values.window[row]!;
    if (id < 0) total += values.value[row]! * profile.fpWeight;
    else {
      const worth = values.value[row]! * profile.tpWeight;
      const held = bests[series]!.get(id)!;
      if (worth > held) {
        total += worth - held;
        bests[series]!.set(id, worth);
      }
    }
    if (rows[at + 1]?.score !== score && total > best.score) best = { threshold: score, score: total };
  });
  return best;
}

/** 0 for a detector that never alerts, 100 for one that alerts at the left edge of each window and nowhere else. */
export function normalised(score: number, windows: number, profile: Profile): number {
  const silent = -windows * profile.fnWeight;
  return windows === 0 ? 0 : (100 * (score - silent)) / (windows * profile.tpWeight - silent);
}
