import { cpus } from 'node:os';
import { BASELINES, type Baseline } from './baseline.ts';
import { type Corpus, readCorpus } from './corpus.ts';
import { baselineCost, type Cost, streamCost } from './cost.ts';
import { type HealthyResult, runHealthy } from './healthy.ts';
import { normalised, PROFILES, rowValues, sweep } from './nab-score.ts';
import { type PublishedScore, scorePublished } from './published.ts';
import {
  type Best,
  bestSetting,
  createScoreTable,
  type Halves,
  halvesOf,
  type Judged,
  scoreAt,
  type ScoreTable,
  totalAt,
} from './score-table.ts';
import { ladder, type Setting, settings } from './setting.ts';
import { type Trace, traceBaseline, traceStream } from './trace.ts';

/** What one contestant reached on one corpus; every figure is with the setting that is best for the whole corpus. */
export interface CorpusResult {
  readonly corpus: string;
  readonly standard: Best;
  readonly lowFp: Best;
  readonly lowFn: Best;
  /** Windows and alerts with the best standard setting. */
  readonly hit: number;
  readonly missed: number;
  readonly alertsOutside: number;
  readonly halves: Halves;
  /** The standard score with both sensitivities at 1, as they are unless told otherwise; only of the whole detector. */
  readonly atDefault?: number;
  /** NAB's own sweep over the scores, without grouping; only of the baselines. */
  readonly ungrouped?: Readonly<Record<string, number>>;
}

export interface ContestantResult {
  readonly name: string;
  readonly description: string;
  readonly cost: Cost;
  readonly corpora: readonly CorpusResult[];
  /** The one setting whose worst corpus is best, with the standard score of each corpus; only with several corpora. */
  readonly together?: { readonly setting: Setting; readonly standard: Readonly<Record<string, number>> };
}

/** Everything that one run found, as `--json` prints it. */
export interface DetectReport {
  readonly bench: 'detect';
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly seed: number;
  readonly corpora: readonly {
    readonly name: string;
    readonly labels: Corpus['labels'];
    readonly series: number;
    readonly points: number;
    readonly windows: number;
  }[];
  readonly contestants: readonly ContestantResult[];
  /** Incidents where nothing is wrong: seeded noise of several kinds. */
  readonly healthy: readonly HealthyResult[];
  readonly published: readonly PublishedScore[];
}

interface Contestant {
  readonly name: string;
  readonly description: string;
  readonly settings: readonly Setting[];
  readonly baseline?: Baseline;
}

const NOVEL = [0, ...ladder(1, 20, 28)];
const LOCAL = [0, ...ladder(0.5, 16, 21)];
const SILENT = [0];
const INVERSE_THRESHOLDS = [0, ...ladder(0.01, 2, 60)];
const DEFAULT: Setting = { novel: 1, local: 1 };

const WHOLE = 'kintsugi';

const CONTESTANTS: readonly Contestant[] = [
  {
    name: 'kintsugi, novel',
    description: 'the channel "never seen before" alone',
    settings: settings(NOVEL, SILENT),
  },
  {
    name: 'kintsugi, local',
    description: 'the channel "locally unusual" alone',
    settings: settings(SILENT, LOCAL),
  },
  {
    name: WHOLE,
    description: 'both channels, each with a sensitivity',
    settings: settings(NOVEL, LOCAL),
  },
  ...BASELINES.map((baseline) => ({
    name: baseline.name,
    description: `${baseline.description}; grouped into incidents like either of our channels`,
    settings: [...settings(INVERSE_THRESHOLDS, SILENT), ...settings(SILENT, INVERSE_THRESHOLDS)],
    baseline,
  })),
];

/** Runs every contestant over every corpus, and scores the results of others when there are some. */
export function runDetect(options: {
  readonly corpora: readonly string[];
  readonly results: string | undefined;
  readonly seed: number;
  readonly progress: (line: string) => void;
}): DetectReport {
  const { seed, progress } = options;
  const corpora = options.corpora.map(readCorpus);
  const published = options.results === undefined ? [] : scorePublished(options.results, options.corpora[0]!);
  const values = corpora.map(({ series }) => series.map(({ times, windows }) => rowValues(times, windows)));
  const judge = (trace: (series: Corpus['series'][number]) => Trace): Judged[][] =>
    corpora.map(({ series }, i) =>
      series.map((each, at) => ({ series: each, values: values[i]![at]!, trace: trace(each) })),
    );
  const all = corpora.flatMap(({ series }) => series);
  const own = { judged: judge(traceStream), cost: streamCost(all) };
  const contestants = CONTESTANTS.map((contestant) => {
    progress(contestant.name);
    const { baseline } = contestant;
    const run =
      baseline === undefined
        ? own
        : { judged: judge((series) => traceBaseline(baseline, series)), cost: baselineCost(baseline, all) };
    return judgeContestant(contestant, corpora, run.judged, run.cost, seed);
  });
  progress('healthy series');
  const healthy = runHealthy(seed);
  const facts = corpora.map(({ name, labels, series }, i) => ({
    name,
    labels,
    series: series.length,
    points: series.reduce((sum, { times }) => sum + times.length, 0),
    windows: values[i]!.reduce((sum, each) => sum + each.windows, 0),
  }));
  const cpu = cpus()[0]?.model ?? 'unknown';
  const date = new Date().toISOString();
  return { bench: 'detect', date, node: process.version, cpu, seed, corpora: facts, contestants, healthy, published };
}

function judgeContestant(
  { name, description, settings: tried, baseline }: Contestant,
  corpora: readonly Corpus[],
  judged: readonly (readonly Judged[])[],
  cost: Cost,
  seed: number,
): ContestantResult {
  const tables = judged.map((each) => createScoreTable(each, tried));
  const results = tables.map((table, at) => {
    const [standard, lowFp, lowFn] = PROFILES.map((profile) => bestSetting(table, profile));
    const result = {
      corpus: corpora[at]!.name,
      standard: standard!,
      lowFp: lowFp!,
      lowFn: lowFn!,
      ...totalAt(table, standard!.setting),
      halves: halvesOf(table, PROFILES[0]!, seed),
    };
    if (baseline !== undefined) return { ...result, ungrouped: ungroupedOf(judged[at]!) };
    return name === WHOLE ? { ...result, atDefault: atDefault(judged[at]!) } : result;
  });
  const found = { name, description, cost, corpora: results };
  return tables.length < 2 ? found : { ...found, together: togetherOf(tables, corpora) };
}

function atDefault(judged: readonly Judged[]): number {
  return bestSetting(createScoreTable(judged, [DEFAULT]), PROFILES[0]!).score;
}

function ungroupedOf(judged: readonly Judged[]): Record<string, number> {
  const scored = judged.map(({ values, trace }) => ({ values, scores: trace.novel }));
  const windows = judged.reduce((sum, { values }) => sum + values.windows, 0);
  return Object.fromEntries(
    PROFILES.map((profile) => [profile.name, normalised(sweep(scored, profile).score, windows, profile)]),
  );
}

function togetherOf(
  tables: readonly ScoreTable[],
  corpora: readonly Corpus[],
): NonNullable<ContestantResult['together']> {
  const { settings: tried } = tables[0]!;
  const scores = tried.map((_, at) =>
    tables.map((table) => scoreAt(table, at, PROFILES[0]!, [...table.judged.keys()])),
  );
  const worst = scores.map((each) => Math.min(...each));
  const best = worst.reduce((leader, score, at) => (score > worst[leader]! ? at : leader), 0);
  const standard = Object.fromEntries(corpora.map(({ name }, i) => [name, scores[best]![i]!]));
  return { setting: tried[best]!, standard };
}
