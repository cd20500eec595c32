import { type Column, renderTable } from '../../src/cli/table.ts';
import type { Score } from './score.ts';
import { baselineOf, figuresOf, type Judgement, missedAims, type PackFigures, packsOf } from './scoreboard.ts';

/** The scoreboard for people: packs first, then scenario by scenario with what is wrong, then the aims. */
export function renderReport(judgements: readonly Judgement[]): string {
  const missed = missedAims(judgements);
  return [
    renderPacks(judgements),
    ...[...packsOf(judgements)].map(([pack, all]) => `${pack}\n${renderScenarios(all)}`),
    missed.length === 0
      ? 'All aims are met.\n'
      : `${missed.length} aims are missed:\n${missed.map((line) => `  ${line}\n`).join('')}`,
  ].join('\n');
}

const PACK_COLUMNS: readonly Column[] = [
  { title: 'pack' },
  { title: 'healer' },
  { title: 'scenarios', align: 'right' },
  { title: 'resolved', align: 'right' },
  { title: 'cause right', align: 'right' },
  { title: 'detected', align: 'right' },
  { title: 'healed', align: 'right' },
  { title: 'tenant-min', align: 'right' },
  { title: 'touched', align: 'right' },
  { title: 'false', align: 'right' },
  { title: 'forbidden', align: 'right' },
  { title: 'unlawful', align: 'right' },
];

function renderPacks(judgements: readonly Judgement[]): string {
  const rows = [...packsOf(judgements)].flatMap(([pack, all]) => {
    const own = packRow(pack, all[0]!.healer, figuresOf(all.map(({ score }) => score)));
    const baseline = baselineOf(all);
    return baseline.length === 0 ? [own] : [own, packRow('', 'baseline', figuresOf(baseline))];
  });
  return renderTable(PACK_COLUMNS, rows);
}

function packRow(pack: string, healer: string, figures: PackFigures): readonly string[] {
  return [
    pack,
    healer,
    String(figures.scenarios),
    share(figures.resolved, figures.scenarios),
    share(figures.causeRight, figures.causeJudged),
    seconds(figures.medianDetectMs),
    seconds(figures.medianHealMs),
    figures.tenantMinutesHarmed.toFixed(1),
    String(figures.instancesTouched),
    String(figures.falseHeals),
    String(figures.forbidden),
    String(figures.unlawful),
  ];
}

const SCENARIO_COLUMNS: readonly Column[] = [
  { title: '' },
  { title: 'scenario' },
  { title: 'cause' },
  { title: 'detected', align: 'right' },
  { title: 'healed', align: 'right' },
  { title: 'tenant-min', align: 'right' },
  { title: 'baseline' },
  { title: 'why' },
];

function renderScenarios(judgements: readonly Judgement[]): string {
  const rows = judgements.flatMap(({ scenario, score, baseline, unguarded }) => {
    const harm =
      unguarded === null ? [] : [unguarded.isHarmful ? 'harm without its guards' : 'no harm without its guards'];
    const [first = '', ...others] = [...score.reasons, ...(unguarded?.isHarmful === false ? harm : [])];
    const row = [
      score.resolved ? 'ok' : '--',
      scenario,
      score.causeRight === null ? '' : score.causeRight ? 'right' : 'wrong',
      seconds(score.detectMs),
      seconds(score.healMs),
      score.tenantMinutesHarmed.toFixed(1),
      baselineText(baseline),
      first,
    ];
    return [row, ...others.map((reason) => ['', '', '', '', '', '', '', reason])];
  });
  return renderTable(SCENARIO_COLUMNS, rows);
}

function baselineText(baseline: Score | null): string {
  if (baseline === null) return '';
  return `${baseline.resolved ? 'ok' : '--'} ${baseline.tenantMinutesHarmed.toFixed(1)}`;
}

function share(part: number, of: number): string {
  return of === 0 ? '' : `${part} (${Math.floor((part / of) * 100)} %)`;
}

function seconds(ms: number | null): string {
  return ms === null ? '' : `${(ms / 1_000).toFixed(1)} s`;
}
