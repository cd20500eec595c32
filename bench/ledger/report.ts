import { renderTable } from '../recovery/report.ts';
import { type Spread, spreadOf } from '../recovery/statistics.ts';
import type { Trial } from './trial.ts';

export interface ContestantReport {
  readonly name: string;
  readonly inFlight: number;
  readonly perSecond: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly callerCpuUs: Spread;
  readonly bytesPerEntry: number | null;
  readonly rounds: readonly Trial[];
}

/** How many times as fast one is as another, by the pairs of the same round. */
export interface Ratio {
  readonly of: string;
  readonly to: string;
  readonly ratio: Spread;
}

export interface LedgerReport {
  readonly bench: 'ledger';
  readonly date: string;
  readonly machine: object;
  /** Of the last 1, 5 and 15 minutes, at the end. */
  readonly load: readonly number[];
  readonly seconds: number;
  readonly contestants: readonly ContestantReport[];
  readonly ratios: readonly Ratio[];
  /** What an append costs the thread that makes the entry, with 4096 in flight. */
  readonly appendCpuUs: Spread;
  readonly verifiedPerSecond: Spread;
}

export function contestantReport(name: string, inFlight: number, rounds: readonly Trial[]): ContestantReport {
  const spread = (of: (trial: Trial) => number) => spreadOf(rounds.map(of));
  return {
    name,
    inFlight,
    perSecond: spread(({ perSecond }) => perSecond),
    p50Ms: spread(({ p50Ms }) => p50Ms),
    p99Ms: spread(({ p99Ms }) => p99Ms),
    callerCpuUs: spread(({ callerCpuUs }) => callerCpuUs),
    bytesPerEntry: rounds.at(-1)?.bytesPerEntry ?? null,
    rounds,
  };
}

/** The ratio of two contestants; rounds are compared with themselves, since what else runs changes from one to the next. */
export function ratioOf(of: ContestantReport, to: ContestantReport): Ratio {
  const label = ({ name, inFlight }: ContestantReport) => `${name}, ${inFlight} in flight`;
  const ratios = of.rounds.map(({ perSecond }, round) => perSecond / (to.rounds[round]?.perSecond ?? Number.NaN));
  return { of: label(of), to: label(to), ratio: spreadOf(ratios) };
}

/** The report as Markdown that can be read as it is. */
export function renderLedger(report: LedgerReport): string {
  const { contestants, ratios, verifiedPerSecond, appendCpuUs, load, date, seconds } = report;
  const rounds = contestants[0]?.rounds.length ?? 0;
  const rows = contestants.map((each) => [
    `${each.name}, ${each.inFlight} in flight`,
    range(each.perSecond, 0),
    range(each.p50Ms, 2),
    range(each.p99Ms, 1),
    range(each.callerCpuUs, 2),
    each.bytesPerEntry === null ? '-' : each.bytesPerEntry.toFixed(0),
  ]);
  const titles = ['', 'durable records/s', 'p50 ms', 'p99 ms', 'caller µs CPU each', 'bytes each'];
  const compared = ratios.map(({ of, to, ratio }) => [of, to, range(ratio, 2)]);
  return `# ledger

- ${date.slice(0, 16)}Z, Node ${process.version}, ${rounds} rounds of ${seconds} s each, interleaved; median (least-most); load ${load.map((each) => each.toFixed(1)).join(' ')}
- records of 300 bytes; each caller waits until its record is durable
- an append costs the thread that makes the entry ${range(appendCpuUs, 2)} µs of processor, with 4096 in flight
- offline verification: ${range(verifiedPerSecond, 0)} entries/s

${renderTable([titles, ...rows])}
How many times as many, by the pairs of each round:

${renderTable([['', 'beside', 'times'], ...compared])}`;
}

function range({ median, min, max }: Spread, digits: number): string {
  const print = (value: number | null) => (value === null ? '-' : value.toFixed(digits));
  return `${print(median)} (${print(min)}-${print(max)})`;
}
