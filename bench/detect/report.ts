import { renderTable } from '../recovery/report.ts';
import type { ContestantResult, DetectReport } from './detect.ts';
import type { HealthyResult } from './healthy.ts';
import type { PublishedScore } from './published.ts';
import type { Setting } from './setting.ts';

/** The report as Markdown that can be read as it is. */
export function renderDetect(report: DetectReport): string {
  const { corpora, contestants, healthy, published } = report;
  const facts = corpora.map(
    ({ name, labels, series, points, windows }) =>
      `- ${name}: ${series} series, ${points} points, ${windows} windows from labels on ${labels}\n`,
  );
  const tables = corpora.map(({ name }) => `## ${name}\n\n${renderCorpus(name, contestants)}`);
  return `# detect

- ${report.date.slice(0, 16)}Z; ${report.cpu}, Node ${report.node}, seed ${report.seed}
${facts.join('')}
Scores as NAB normalises them: 0 for silence, 100 for perfection. One setting for the whole corpus, the best for each
profile. *Unseen half*: the setting is chosen on one half of the series, the other half is scored, mean and standard
deviation over ${contestants[0]?.corpora[0]?.halves.splits ?? 0} splits in both directions. Sensitivities are novel / local; of a baseline, one over its threshold.

${tables.join('\n')}
${renderCosts(contestants)}${renderTogether(contestants)}
${renderHealthy(healthy)}${renderPublished(published)}`;
}

function renderCorpus(corpus: string, contestants: readonly ContestantResult[]): string {
  const head = [
    '',
    'standard',
    'low FP',
    'low FN',
    'unseen half',
    'hit',
    'missed',
    'outside',
    'sensitivity',
    'ungrouped',
    'at 1 / 1',
  ];
  const rows = contestants.flatMap(({ name, corpora }) =>
    corpora
      .filter((each) => each.corpus === corpus)
      .map(({ standard, lowFp, lowFn, halves, hit, missed, alertsOutside, ungrouped, atDefault }) => [
        name,
        ...[standard, lowFp, lowFn].map(({ score }) => score.toFixed(1)),
        `${halves.unseen.mean.toFixed(1)} ± ${halves.unseen.deviation.toFixed(1)}`,
        ...[hit, missed, alertsOutside].map(String),
        renderSetting(standard.setting),
        ungrouped?.['standard']?.toFixed(1) ?? '-',
        atDefault?.toFixed(1) ?? '-',
      ]),
  );
  return renderTable([head, ...rows]);
}

function renderCosts(contestants: readonly ContestantResult[]): string {
  const head = ['', 'ns per point', 'heap per series', 'JSON per series'];
  const bytes = (count: number | undefined) => (count === undefined ? '-' : `${(count / 1024).toFixed(1)} KiB`);
  const rows = contestants.map(({ name, cost }) => [
    name,
    String(cost.nsPerPoint),
    bytes(cost.heapBytesPerSeries),
    bytes(cost.jsonBytesPerSeries),
  ]);
  return `## Cost\n\n${renderTable([head, ...rows])}`;
}

function renderTogether(contestants: readonly ContestantResult[]): string {
  const known = contestants.flatMap(({ name, together }) => (together === undefined ? [] : [{ name, ...together }]));
  if (known.length === 0) return '';
  const corpora = Object.keys(known[0]!.standard);
  const rows = known.map(({ name, standard, setting }) => [
    name,
    ...corpora.map((corpus) => standard[corpus]!.toFixed(1)),
    renderSetting(setting),
  ]);
  return `\n## One setting for all corpora, standard\n\n${renderTable([['', ...corpora, 'sensitivity'], ...rows])}`;
}

function renderHealthy(healthy: readonly HealthyResult[]): string {
  const sensitivities = Object.keys(healthy[0]?.incidents ?? {});
  const head = ['', 'every', 'points', ...sensitivities.map((each) => `sensitivity ${each}`)];
  const rows = healthy.map(({ kind, intervalMs, points, incidents }) => [
    kind,
    `${intervalMs / 1_000} s`,
    String(points),
    ...sensitivities.map((each) => incidents[each]!.toFixed(2)),
  ]);
  return `## Nothing wrong: incidents per series\n\n${renderTable([head, ...rows])}`;
}

function renderPublished(published: readonly PublishedScore[]): string {
  if (published.length === 0) return '';
  const head = ['results of', 'files', 'windows', 'without labels', 'missing', 'standard', 'low FP', 'low FN'];
  const rows = published.map(({ detector, files, windows, unlabelled, missing, profiles }) => [
    detector,
    ...[files, windows, unlabelled, missing].map(String),
    ...['standard', 'lowFp', 'lowFn'].map((profile) => profiles[profile]!.score.toFixed(2)),
  ]);
  return `\n## Published results\n\n${renderTable([head, ...rows])}`;
}

function renderSetting({ novel, local }: Setting): string {
  const render = (value: number) => (value === 0 ? 'off' : value.toPrecision(3));
  return `${render(novel)} / ${render(local)}`;
}
