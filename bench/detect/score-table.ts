import { seededRandom } from '../../src/base/random.ts';
import type { LabelledSeries } from './corpus.ts';
import { normalised, PROFILES, type Profile, type RowValues, scoreAlerts, type Tally } from './nab-score.ts';
import { alertRows, type Setting } from './setting.ts';
import type { Trace } from './trace.ts';

/** A series with what its rows are worth and what a contestant said of them. */
export interface Judged {
  readonly series: LabelledSeries;
  readonly values: RowValues;
  readonly trace: Trace;
}

/** The tally of each series under each setting, by profile. */
export interface ScoreTable {
  readonly settings: readonly Setting[];
  readonly judged: readonly Judged[];
  readonly tallies: readonly (readonly (readonly Tally[])[])[];
}

export interface Best {
  /** 0 for silence, 100 for perfection, as NAB normalises. */
  readonly score: number;
  readonly setting: Setting;
}

/** What comes out when the setting is chosen on one half of the series and the other half is scored. */
export interface Halves {
  readonly splits: number;
  /** The other half with the setting of the first: mean and standard deviation over the splits. */
  readonly unseen: Spread;
  /** The same half with its own best setting. */
  readonly own: Spread;
}

interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

const SPLITS = 50;

export function createScoreTable(judged: readonly Judged[], settings: readonly Setting[]): ScoreTable {
  const byChannel = judged.map(() => new Map<string, readonly number[]>());
  const rowsOf = (at: number, setting: Setting) => {
    const { series, trace } = judged[at]!;
    const key = `${setting.novel} ${setting.local}`;
    const known = byChannel[at]!.get(key) ?? alertRows(series, trace, setting);
    byChannel[at]!.set(key, known);
    return known;
  };
  const tallies = settings.map(({ novel, local }) =>
    judged.map(({ values }, at) => {
      const rows = merged(rowsOf(at, { novel, local: 0 }), rowsOf(at, { novel: 0, local }));
      return PROFILES.map((profile) => scoreAlerts(values, rows, profile));
    }),
  );
  return { settings, judged, tallies };
}

function merged(one: readonly number[], other: readonly number[]): readonly number[] {
  if (one.length === 0 || other.length === 0) return one.length === 0 ? other : one;
  return [...new Set([...one, ...other])].sort((a, b) => a - b);
}

/** The setting that does best for a profile, over the series named by their numbers; all of them unless told otherwise. */
export function bestSetting(table: ScoreTable, profile: Profile, of = [...table.judged.keys()]): Best {
  const scores = table.settings.map((_, at) => scoreAt(table, at, profile, of));
  const at = scores.reduce((best, score, each) => (score > scores[best]! ? each : best), 0);
  return { score: scores[at]!, setting: table.settings[at]! };
}

export function scoreAt(table: ScoreTable, setting: number, profile: Profile, of: readonly number[]): number {
  const column = PROFILES.indexOf(profile);
  const windows = of.reduce((sum, each) => sum + table.judged[each]!.values.windows, 0);
  const score = of.reduce((sum, each) => sum + table.tallies[setting]![each]![column]!.score, 0);
  return normalised(score, windows, profile);
}

/** Sums over all series: windows hit and missed, alerts outside of any. */
export function totalAt(table: ScoreTable, setting: Setting): Omit<Tally, 'score'> {
  const tallies = table.tallies[table.settings.indexOf(setting)]!.map((byProfile) => byProfile[0]!);
  const sum = (of: (tally: Tally) => number) => tallies.reduce((total, tally) => total + of(tally), 0);
  return {
    hit: sum(({ hit }) => hit),
    missed: sum(({ missed }) => missed),
    alertsOutside: sum(({ alertsOutside }) => alertsOutside),
  };
}

/** Splits the series in two, folder by folder, again and again; both directions of each split count. */
export function halvesOf(table: ScoreTable, profile: Profile, seed: number): Halves {
  const random = seededRandom(seed);
  const unseen: number[] = [];
  const own: number[] = [];
  for (let split = 0; split < SPLITS; split++) {
    const [one, other] = splitByFolder(table.judged, () => random.next());
    for (const [tuned, held] of [
      [one, other],
      [other, one],
    ] as const) {
      const chosen = table.settings.indexOf(bestSetting(table, profile, tuned).setting);
      unseen.push(scoreAt(table, chosen, profile, held));
      own.push(bestSetting(table, profile, held).score);
    }
  }
  return { splits: SPLITS, unseen: spreadOf(unseen), own: spreadOf(own) };
}

/** In each folder the series are shuffled and dealt to the two halves in turn. */
function splitByFolder(judged: readonly Judged[], next: () => number): [number[], number[]] {
  const folders = Map.groupBy(judged.keys(), (at) => judged[at]!.series.name.split('/')[0]!);
  const halves: [number[], number[]] = [[], []];
  let turn = next() < 0.5 ? 0 : 1;
  for (const members of folders.values()) {
    const shuffled = members.map((at) => ({ at, key: next() })).sort((a, b) => a.key - b.key);
    for (const { at } of shuffled) {
      halves[turn % 2]!.push(at);
      turn += 1;
    }
  }
  return halves;
}

function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}
