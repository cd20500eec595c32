import { existsSync, readdirSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import { csvPaths, readWindows } from './corpus.ts';
import { DataFault } from './data-fault.ts';
import type { Span } from './label-windows.ts';
import { normalised, PROFILES, rowValues, sweep } from './nab-score.ts';
import { readSeriesFile } from './series-file.ts';

/** Scores of somebody's result files, by NAB's own procedure: one threshold for all files, the best for each profile. */
export interface PublishedScore {
  readonly detector: string;
  readonly files: number;
  readonly windows: number;
  /** Result files without labels in the corpus: they are left out of the score. */
  readonly unlabelled: number;
  /** Labelled files without a result; a score with some missing is no score of the corpus. */
  readonly missing: number;
  readonly profiles: Readonly<Record<string, { readonly score: number; readonly threshold: number | null }>>;
}

/**
 * Reads result files in NAB's layout, `<detector>/<folder>/<detector>_<file>.csv` with `timestamp` and `anomaly_score`.
 * `dir` is the folder of one detector, or of several. Windows come from the labels of `corpus`.
 */
export function scorePublished(dir: string, corpus: string): PublishedScore[] {
  const labels = join(corpus, 'labels', 'combined_windows.json');
  if (!existsSync(labels)) throw new DataFault(corpus, 0, 'results need a corpus with labels/combined_windows.json');
  const windows = readWindows(labels);
  if (!existsSync(dir)) throw new DataFault(dir, 0, 'there is no such folder');
  const detectors = detectorDirs(resolve(dir), windows);
  if (detectors.length === 0) throw new DataFault(dir, 0, 'no result file in it belongs to a labelled series');
  return detectors.map((path) => scoreDetector(path, windows));
}

function detectorDirs(dir: string, windows: ReadonlyMap<string, unknown>): string[] {
  const isDetector = (path: string) => resultFiles(path).some(({ name }) => windows.has(name));
  if (isDetector(dir)) return [dir];
  const folders = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map(({ name }) => join(dir, name)).filter(isDetector);
}

/** Result files with the names of the series that they are of. Tables of scores lie in the folder itself. */
function resultFiles(dir: string): { readonly path: string; readonly name: string }[] {
  const prefix = `${basename(dir)}_`;
  return csvPaths(dir).flatMap((path) => {
    const parts = relative(dir, path).split(sep);
    const [folder, file] = parts;
    const isResult = parts.length === 2 && file!.startsWith(prefix);
    return isResult ? [{ path, name: `${folder}/${file!.slice(prefix.length)}` }] : [];
  });
}

function scoreDetector(dir: string, windows: ReadonlyMap<string, readonly Span[]>): PublishedScore {
  const results = resultFiles(dir);
  const labelled = results.filter(({ name }) => windows.has(name));
  const scored = labelled.map(({ path, name }) => readResult(path, windows.get(name)!));
  const count = scored.reduce((sum, { values }) => sum + values.windows, 0);
  const profiles = PROFILES.map((profile) => {
    const best = sweep(scored, profile);
    const threshold = Number.isFinite(best.threshold) ? best.threshold : null;
    return [profile.name, { score: normalised(best.score, count, profile), threshold }] as const;
  });
  return {
    detector: basename(dir),
    files: labelled.length,
    windows: count,
    unlabelled: results.length - labelled.length,
    missing: windows.size - labelled.length,
    profiles: Object.fromEntries(profiles),
  };
}

function readResult(path: string, windows: readonly Span[]) {
  const file = readSeriesFile(path, ['anomaly_score']);
  const known = new Set(file.times);
  const loose = windows.flat().find((time) => !known.has(time));
  if (loose !== undefined) {
    throw new DataFault(path, 0, `a window of it begins or ends at ${new Date(loose).toISOString()}, which is no row`);
  }
  const scores = file.columns.get('anomaly_score')!.map((score) => (Number.isNaN(score) ? -Infinity : score));
  return { values: rowValues(file.times, windows), scores };
}
