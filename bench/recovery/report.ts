import type { Entry } from './contestant.ts';
import type { Fault } from './fault.ts';
import type { Calm, Figures } from './figures.ts';
import type { Machine } from './machine.ts';
import { type Spread, spreadOf } from './statistics.ts';

export interface FaultResult extends Figures {
  readonly fault: string;
  readonly restoredMs: number | null;
  readonly verifiedMs: number | null | undefined;
}

export interface RoundResult {
  readonly contestant: string;
  readonly round: number;
  readonly calm: Calm;
  readonly faults: readonly FaultResult[];
}

interface Settings {
  readonly rounds: number;
  readonly requestsPerSecond: number;
  readonly deadlineMs: number;
  readonly watchMsMin: number;
}

const FIGURES = ['failed', 'late', 'lastFeltMs', 'restoredMs', 'verifiedMs', 'gapMs', 'p99Ms'] as const;
const CALM_FIGURES = ['failed', 'p50Ms', 'p99Ms'] as const;

/** One line of a table: what one contestant did, over all rounds. A figure that it never gives is left out. */
export interface SummaryRow {
  readonly fault: string;
  readonly contestant: string;
  readonly figures: Readonly<Record<string, Spread>>;
}

/** Everything that one run found, as `--json` prints it. */
export interface RecoveryReport {
  readonly bench: 'recovery';
  readonly date: string;
  readonly machine: Machine;
  readonly settings: Settings;
  readonly contestants: readonly { readonly name: string; readonly description: string; readonly skipped?: string }[];
  readonly faults: readonly {
    readonly name: string;
    readonly description: string;
    readonly lateMs: number;
    readonly watchMsMax: number;
  }[];
  readonly summary: readonly SummaryRow[];
  readonly rounds: readonly RoundResult[];
}

export function createReport(found: {
  readonly date: string;
  readonly machine: Machine;
  readonly settings: Settings;
  readonly entries: readonly Entry[];
  readonly faults: readonly Fault[];
  readonly results: readonly RoundResult[];
}): RecoveryReport {
  const { date, machine, settings, entries, faults, results } = found;
  const names = entries.filter(({ skipped }) => skipped === undefined).map(({ name }) => name);
  const of = (name: string) => results.filter(({ contestant }) => contestant === name);
  const faultRows = faults.flatMap((fault) =>
    names.map((contestant) => {
      const seen = of(contestant).flatMap((round) => round.faults.filter((each) => each.fault === fault.name));
      return { fault: fault.name, contestant, figures: spreads(FIGURES, seen) };
    }),
  );
  const calmRows = names.map((contestant) => {
    const seen = of(contestant).map(({ calm }) => calm);
    return { fault: 'none', contestant, figures: spreads(CALM_FIGURES, seen) };
  });
  return {
    bench: 'recovery',
    date,
    machine,
    settings,
    contestants: entries.map(({ name, description, skipped }) => ({ name, description, ...(skipped && { skipped }) })),
    faults: faults.map(({ name, description, lateMs, watchMsMax }) => ({ name, description, lateMs, watchMsMax })),
    summary: [...faultRows, ...calmRows],
    rounds: results,
  };
}

function spreads<Name extends string>(
  names: readonly Name[],
  seen: readonly { readonly [name in Name]: number | null | undefined }[],
): Record<string, Spread> {
  const known = names.map((name) => [name, seen.map((each) => each[name]).filter((v) => v !== undefined)] as const);
  return Object.fromEntries(known.filter(([, values]) => values.length > 0).map(([name, v]) => [name, spreadOf(v)]));
}

const TITLES: Readonly<Record<string, string>> = {
  failed: 'failed requests',
  late: 'late requests',
  lastFeltMs: 'felt for',
  restoredMs: 'three serve again',
  verifiedMs: 'verified, incident closed',
  gapMs: 'longest gap',
  p50Ms: 'p50',
  p99Ms: 'p99',
};

/** The report as Markdown that can be read as it is. */
export function renderReport(report: RecoveryReport): string {
  const { settings, faults, summary } = report;
  const tables = faults.map(({ name, description, lateMs, watchMsMax }) => {
    const rows = summary.filter(({ fault }) => fault === name);
    return `## ${name}: ${description}\n\n${renderRows(FIGURES, rows)}\nLate: after more than ${lateMs} ms. In time: within ${watchMsMax / 1_000} s.\n`;
  });
  const calm = summary.filter(({ fault }) => fault === 'none');
  return `# recovery

${renderFacts(report)}
Median (least to most) of ${settings.rounds} rounds. Times are counted from the fault.

${tables.join('\n')}
## Nothing broken

${renderRows(CALM_FIGURES, calm)}`;
}

function renderFacts({ date, machine, settings, contestants }: RecoveryReport): string {
  const { cores, cpu, memoryGiB, loadAverage, kernel, node, haproxy = 'none', supervisor = 'none' } = machine;
  const { requestsPerSecond, deadlineMs, watchMsMin } = settings;
  const facts = [
    `${date.slice(0, 16)}Z; ${cores} cores (${cpu}), ${memoryGiB} GiB, load average ${loadAverage} at the start; ${kernel}, Node ${node}, HAProxy ${haproxy}, supervisor ${supervisor}`,
    `${requestsPerSecond} requests/s, Poisson, open loop, GET and PUT; clients wait ${deadlineMs / 1_000} s and repeat nothing`,
    `each fault is watched for ${watchMsMin / 1_000} s (p99 is of these), and longer while it is not repaired`,
    ...contestants.map(({ name, description, skipped }) => `${name}: ${skipped ? `skipped, ${skipped}` : description}`),
  ];
  return facts.map((fact) => `- ${fact}\n`).join('');
}

function renderRows(names: readonly string[], rows: readonly SummaryRow[]): string {
  const head = ['', ...names.map((name) => TITLES[name]!)];
  const body = rows.map(({ contestant, figures }) => [
    contestant,
    ...names.map((name) => renderSpread(name, figures[name])),
  ]);
  return renderTable([head, ...body]);
}

/** An aligned Markdown table; the first row has the titles. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |\n`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('');
}

function renderSpread(name: string, spread: Spread | undefined): string {
  if (spread === undefined) return '-';
  const { median, min, max } = spread;
  const render = (value: number | null) => renderValue(name, value);
  return min === max ? render(median) : `${render(median)} (${render(min)} to ${render(max)})`;
}

function renderValue(name: string, value: number | null): string {
  if (value === null) return 'not in time';
  if (!name.endsWith('Ms')) return String(value);
  return value < 1_000 ? `${value < 10 ? value : Math.round(value)} ms` : `${(value / 1_000).toFixed(1)} s`;
}
