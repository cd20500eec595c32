import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import { DataFault } from './data-fault.ts';
import { pointWindows, type Span } from './label-windows.ts';
import { readText } from './data-text.ts';
import { readSeriesFile, timeOf } from './series-file.ts';

/** One labelled series. Windows are pairs of timestamps, both inclusive, in order. */
export interface LabelledSeries {
  /** `folder/file.csv`, below `data`. */
  readonly name: string;
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly windows: readonly Span[];
}

export interface Corpus {
  readonly name: string;
  /** `windows`: NAB's own labels. `points`: labels in the third column, widened to windows as NAB widens its own. */
  readonly labels: 'windows' | 'points';
  readonly series: readonly LabelledSeries[];
}

const LABELS = join('labels', 'combined_windows.json');

/**
 * Reads a corpus in NAB's layout: `data/<folder>/<file>.csv` with `timestamp,value`, and the windows in
 * `labels/combined_windows.json`. Without that file each CSV must carry its labels (0 or 1) in a column `label`.
 * Throws `DataFault` for whatever does not fit.
 */
export function readCorpus(dir: string): Corpus {
  const labelPath = join(dir, LABELS);
  const hasWindows = existsSync(labelPath);
  const paths = seriesPaths(dir);
  const windows = hasWindows ? readWindows(labelPath) : new Map<string, readonly Span[]>();
  const series = paths.map((path) => {
    const name = relative(join(dir, 'data'), path).split(sep).join('/');
    return hasWindows ? windowSeries(path, name, windows.get(name), labelPath) : pointSeries(path, name);
  });
  return { name: basename(resolve(dir)), labels: hasWindows ? 'windows' : 'points', series };
}

/** The CSV files below `dir/data`, in the order of their names. */
function seriesPaths(dir: string): string[] {
  const data = join(dir, 'data');
  if (!existsSync(data) || !statSync(data).isDirectory()) throw new DataFault(dir, 0, 'there is no folder data in it');
  const paths = csvPaths(data);
  if (paths.length === 0) throw new DataFault(data, 0, 'there is no CSV file in it');
  return paths;
}

export function csvPaths(dir: string): string[] {
  const pathOf = (entry: Dirent) => join(entry.parentPath, entry.name);
  const entries = readdirSync(dir, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.csv'))
    .map(pathOf)
    .sort();
}

function windowSeries(
  path: string,
  name: string,
  windows: readonly Span[] | undefined,
  labels: string,
): LabelledSeries {
  const file = readSeriesFile(path, ['value']);
  if (windows === undefined) throw new DataFault(labels, 0, `there is no entry for ${name}`);
  const known = new Set(file.times);
  const loose = windows.flat().find((time) => !known.has(time));
  if (loose !== undefined) {
    throw new DataFault(path, 0, `a window of it begins or ends at ${new Date(loose).toISOString()}, which is no row`);
  }
  return { name, times: file.times, values: file.columns.get('value')!, windows };
}

function pointSeries(path: string, name: string): LabelledSeries {
  const file = readSeriesFile(path, ['value', 'label']);
  const labels = file.columns.get('label')!;
  const bad = labels.findIndex((label) => label !== 0 && label !== 1);
  if (bad >= 0) {
    const label = Number.isNaN(labels[bad]) ? 'missing' : `${labels[bad]}, neither 0 nor 1`;
    throw new DataFault(path, bad + 2, `the label is ${label}`);
  }
  return { name, times: file.times, values: file.columns.get('value')!, windows: pointWindows(file.times, labels) };
}

/** NAB's `combined_windows.json`: for each file a list of pairs of timestamps. */
export function readWindows(path: string): ReadonlyMap<string, readonly Span[]> {
  const text = readText(path);
  const parsed = parseJson(path, text);
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) {
    throw new DataFault(path, 1, 'it is no object of file names');
  }
  return new Map(
    Object.entries(parsed).map(([name, list]) => {
      const line = lineOf(text, `"${name}"`);
      if (!Array.isArray(list)) throw new DataFault(path, line, `the windows of ${name} are no list`);
      return [name, list.map((pair) => spanOf(path, text, line, pair))];
    }),
  );
}

function spanOf(path: string, text: string, line: number, pair: unknown): Span {
  if (!Array.isArray(pair) || pair.length !== 2) throw new DataFault(path, line, 'a window is no pair of timestamps');
  const [from, to] = pair.map((stamp: unknown) => {
    const time = typeof stamp === 'string' ? timeOf(stamp) : undefined;
    if (time !== undefined) return time;
    throw new DataFault(path, lineOf(text, JSON.stringify(stamp)) || line, `${JSON.stringify(stamp)} is no timestamp`);
  });
  if (from! > to!) throw new DataFault(path, lineOf(text, JSON.stringify(pair[0])), 'a window ends before it begins');
  return [from!, to!];
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const at = /position (\d+)/.exec(message);
    const line = at === null ? text.split('\n').length : text.slice(0, Number(at[1])).split('\n').length;
    throw new DataFault(path, line, `it is no JSON: ${message}`);
  }
}

function lineOf(text: string, part: string): number {
  const at = text.indexOf(part);
  return at < 0 ? 0 : text.slice(0, at).split('\n').length;
}
