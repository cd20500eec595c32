import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DataFault } from '../detect/data-fault.ts';
import { decimalOf, readLines, shown } from '../detect/data-text.ts';

/** One series of the M4 competition: what was known and what came. */
export interface M4Series {
  readonly id: string;
  readonly train: readonly number[];
  readonly test: readonly number[];
}

const TRAIN = 'Hourly-train.csv';
const TEST = 'Hourly-test.csv';
const DEPTH_MAX = 3;
const TRAIN_MIN = 2;

interface Row {
  readonly line: number;
  readonly values: readonly number[];
}

/** Reads the hourly series below `folder`. Throws `DataFault` with file and line where they are not as published. */
export function readM4(folder: string): readonly M4Series[] {
  const [trainPath, testPath] = [fileBelow(folder, TRAIN), fileBelow(folder, TEST)];
  const train = readRows(trainPath);
  const test = readRows(testPath);
  const lengths = new Set([...test.values()].map(({ values }) => values.length));
  for (const [id, { line, values }] of test) {
    if (!train.has(id)) throw new DataFault(testPath, line, `${id} has no series in ${TRAIN}`);
    if (lengths.size > 1 && values.length !== Math.max(...lengths)) {
      throw new DataFault(testPath, line, `${id} has ${values.length} values, others have ${Math.max(...lengths)}`);
    }
  }
  return [...train].map(([id, { line, values }]) => {
    const truth = test.get(id);
    if (truth === undefined) throw new DataFault(trainPath, line, `${id} has no series in ${TEST}`);
    if (values.length < TRAIN_MIN) throw new DataFault(trainPath, line, `${id} has fewer than ${TRAIN_MIN} values`);
    return { id, train: values, test: truth.values };
  });
}

function fileBelow(folder: string, name: string): string {
  if (!existsSync(folder)) throw new DataFault(folder, 0, 'there is no such folder');
  const search = (path: string, depth: number): string | undefined => {
    const entries = readdirSync(path, { withFileTypes: true });
    if (entries.some((entry) => entry.isFile() && entry.name === name)) return join(path, name);
    const inner = depth > 0 ? entries.filter((entry) => entry.isDirectory()) : [];
    return inner.map((entry) => search(join(path, entry.name), depth - 1)).find((found) => found !== undefined);
  };
  const found = search(folder, DEPTH_MAX);
  if (found === undefined) throw new DataFault(folder, 0, `there is no ${name} below it`);
  return found;
}

/** A header, then a row for each series: its name, its values, and empty cells up to the longest. */
function readRows(path: string): ReadonlyMap<string, Row> {
  const lines = readLines(path);
  if (!/^"?(?:V1|id)"?,/i.test(lines[0] ?? ''))
    throw new DataFault(path, 1, 'the header must begin with V1 and a comma');
  const rows = new Map<string, Row>();
  lines.slice(1).forEach((text, at) => {
    const line = at + 2;
    const [id = '', ...cells] = text.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
    if (!/^[A-Za-z]+\d+$/.test(id)) throw new DataFault(path, line, `"${shown(id)}" is no name of a series`);
    if (rows.has(id)) throw new DataFault(path, line, `${id} comes twice`);
    rows.set(id, { line, values: valuesOf(cells, path, line) });
  });
  if (rows.size === 0) throw new DataFault(path, 1, 'there is no series below the header');
  return rows;
}

function valuesOf(cells: readonly string[], path: string, line: number): readonly number[] {
  const isEmpty = (cell: string) => cell === '' || cell === 'NA';
  const end = cells.findIndex(isEmpty);
  const known = end < 0 ? cells : cells.slice(0, end);
  if (end >= 0 && !cells.slice(end).every(isEmpty)) {
    throw new DataFault(path, line, `value ${end + 1} is missing within the series`);
  }
  if (known.length === 0) throw new DataFault(path, line, 'the series has no values');
  return known.map((cell) => decimalOf(cell, path, line));
}
