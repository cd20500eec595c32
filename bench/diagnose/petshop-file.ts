import type { Readings } from '../../src/diagnose/graph/call-node.ts';
import type { Reading } from '../../src/detect/forecast/order-statistics.ts';
import { DataFault } from '../detect/data-fault.ts';
import { decimalOf, readLines } from '../detect/data-text.ts';

/** One `metrics.csv` of PetShop: readings of every node, in the units of the project (milliseconds, shares). */
export interface MetricsFile {
  /** Start of each interval, milliseconds since 1970. */
  readonly times: readonly number[];
  readonly nodes: ReadonlyMap<string, Readings>;
}

const HEADER = ['microservice', 'metric', 'statistic', 'unix_timestamp'];
const TAILS = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p95', 0.95],
  ['p99', 0.99],
] as const;

/** Cells of a CSV file without quotes. Throws `DataFault` at the first row that has not the width of the first. */
function readCells(path: string): string[][] {
  const rows = readLines(path).map((line) => line.split(','));
  rows.forEach((row, at) => {
    if (row.length !== rows[0]!.length) {
      throw new DataFault(path, at + 1, `${row.length} cells, but the first line has ${rows[0]!.length}`);
    }
  });
  return rows;
}

/** Throws `DataFault` with the line of the first thing that is not as the layout says. */
export function readMetrics(path: string): MetricsFile {
  const rows = readCells(path);
  HEADER.forEach((name, at) => {
    if (rows[at]?.[0] !== name) throw new DataFault(path, at + 1, `the first cell must be ${name}`);
  });
  const body = rows.slice(HEADER.length);
  if (body.length === 0) throw new DataFault(path, HEADER.length, 'there is no reading below the header');
  const times = body.map((row, at) => {
    const seconds = numberOf(row[0]!, path, at + HEADER.length + 1);
    if (seconds === null) throw new DataFault(path, at + HEADER.length + 1, 'the timestamp is missing');
    return seconds * 1_000;
  });
  times.forEach((time, at) => {
    if (at > 0 && time <= times[at - 1]!) throw new DataFault(path, at + HEADER.length + 1, 'time goes backwards');
  });
  return { times, nodes: nodesOf(rows, body, path) };
}

function nodesOf(rows: readonly string[][], body: readonly string[][], path: string): Map<string, Readings> {
  const columns = new Map<string, Map<string, Reading[]>>();
  for (let column = 1; column < rows[0]!.length; column++) {
    const [node, metric, statistic] = [rows[0]![column]!, rows[1]![column]!, rows[2]![column]!];
    if (node === '') throw new DataFault(path, 1, `column ${column + 1} names no node`);
    const series = columns.get(node) ?? new Map<string, Reading[]>();
    const key = `${metric} ${statistic}`;
    if (series.has(key)) throw new DataFault(path, 1, `${node} has ${key} twice`);
    series.set(
      key,
      body.map((row, at) => numberOf(row[column]!, path, at + HEADER.length + 1)),
    );
    columns.set(node, series);
  }
  const absent: Reading[] = body.map(() => null);
  return new Map([...columns].map(([node, series]) => [node, toReadings((key) => series.get(key) ?? absent)]));
}

function toReadings(series: (key: string) => readonly Reading[]): Readings {
  const scaled = (key: string, scale: (value: number) => number) =>
    series(key).map((value) => (value === null ? null : scale(value)));
  const toMs = (seconds: number) => seconds * 1_000;
  return {
    requests: series('requests Sum'),
    failedShare: scaled('availability Average', (percent) => 1 - percent / 100),
    latencyMs: scaled('latency Average', toMs),
    tailsMs: TAILS.map(([name, quantile]) => ({ quantile, ms: scaled(`latency ${name}`, toMs) })),
  };
}

/** An empty cell is a reading that is missing. */
function numberOf(cell: string, path: string, line: number): Reading {
  if (cell === '' || cell.toLowerCase() === 'nan') return null;
  return decimalOf(cell, path, line);
}

/** `graph.csv`: a matrix of who (row) calls whom (column). */
export function readGraph(path: string): ReadonlyMap<string, readonly string[]> {
  const [header = [], ...rows] = readCells(path);
  const names = header.slice(1);
  if (names.length === 0) throw new DataFault(path, 1, 'there is no node');
  const graph = new Map<string, readonly string[]>();
  rows.forEach(([caller = '', ...cells], at) => {
    if (graph.has(caller)) throw new DataFault(path, at + 2, `${caller} has two rows`);
    if (!names.includes(caller)) throw new DataFault(path, at + 2, `${caller} has no column`);
    graph.set(
      caller,
      names.filter((_, column) => (numberOf(cells[column]!, path, at + 2) ?? 0) > 0),
    );
  });
  return graph;
}
