import { DataFault } from './data-fault.ts';
import { decimalOf, readLines, shown } from './data-text.ts';

/** Columns of one CSV file, by row. */
export interface SeriesFile {
  readonly path: string;
  /** Milliseconds since 1970; a timestamp without a zone is read as UTC. */
  readonly times: Float64Array;
  /** The columns that were asked for, by their names. */
  readonly columns: ReadonlyMap<string, Float64Array>;
}

const ROWS_MAX = 10_000_000;
const STAMP = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(?:Z|\+00:00)?$/;

/** A timestamp as the public corpora write it, in milliseconds; undefined when it is none. */
export function timeOf(text: string): number | undefined {
  const match = STAMP.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(numberOf);
  const time = Date.UTC(year, month - 1, day, hour, minute, second) + Math.floor(numberOf(match[7]) * 1_000);
  const isReal = month <= 12 && hour < 24 && minute < 60 && second < 60;
  return isReal && new Date(time).getUTCDate() === day ? time : undefined;
}

function numberOf(part: string | undefined): number {
  return Number(part ?? 0);
}

/**
 * Reads a CSV file whose first column is a timestamp. `needed` are columns of numbers that it must have, named in any
 * case; other columns are not looked at. An empty cell is a reading that is missing: NaN. Throws `DataFault` with the line
 * of the first bad row.
 */
export function readSeriesFile(path: string, needed: readonly string[]): SeriesFile {
  const lines = readLines(path);
  const header = cellsOf(lines[0] ?? '').map((name) => name.toLowerCase());
  if (header[0] !== 'timestamp') throw new DataFault(path, 1, 'the first column is not called timestamp');
  const missing = needed.find((name) => !header.includes(name));
  if (missing !== undefined) throw new DataFault(path, 1, `there is no column ${missing}`);
  const rows = lines.length - 1;
  if (rows < 1) throw new DataFault(path, 1, 'there is no row');
  if (rows > ROWS_MAX) throw new DataFault(path, ROWS_MAX + 2, `more than ${ROWS_MAX} rows`);
  const times = new Float64Array(rows);
  const columns = needed.map((name) => ({ at: header.indexOf(name), values: new Float64Array(rows) }));
  for (let row = 0; row < rows; row++) {
    const cells = cellsOf(lines[row + 1]!);
    if (cells.length !== header.length) {
      throw new DataFault(path, row + 2, `${cells.length} columns instead of ${header.length}`);
    }
    times[row] = timeIn(path, row + 2, cells[0]!);
    for (const { at, values } of columns) values[row] = numberIn(path, row + 2, cells[at]!);
  }
  return { path, times, columns: new Map(needed.map((name, i) => [name, columns[i]!.values])) };
}

function timeIn(path: string, line: number, cell: string): number {
  const time = timeOf(cell);
  if (time === undefined) throw new DataFault(path, line, `"${shown(cell)}" is no timestamp`);
  return time;
}

function numberIn(path: string, line: number, cell: string): number {
  if (cell === '') return Number.NaN;
  return decimalOf(cell, path, line);
}

function cellsOf(line: string): string[] {
  return line.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
}
