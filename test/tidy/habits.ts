import { isTest } from './layers.ts';
import type { Source } from './source.ts';

/** Time and chance come from `base/`, so that the whole loop runs in virtual time. Each with what to use instead. */
const BANNED: Readonly<Record<string, string>> = {
  Date: 'clock.now() and toIso()',
  setTimeout: 'clock.sleep() or clock.after()',
  setInterval: 'clock.every()',
  setImmediate: 'clock.sleep(0)',
  'Math.random': 'random.next()',
  'AbortSignal.timeout': 'clock.deadline()',
  'performance.now': 'clock.monotonicMs()',
  'process.hrtime': 'clock.monotonicMs()',
};

const BANNED_MODULES = ['timers', 'timers/promises', 'perf_hooks'];

/** Names that say nothing about what is inside. */
const EMPTY_NAMES = ['utils', 'util', 'helpers', 'helper', 'manager', 'common', 'misc'];

/** A second dot says what kind of thing it is, as in `x.test.ts` and `x.good.yaml`. */
const KEBAB = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)?\.[a-z]+$/;
/** Pages that everybody looks for under these names. */
const FOLDER_PAGE = /^(?:examples\/(?:.+\/)?README|bench\/[a-z-]+\/RESULTS)\.md$/;

/** Written so that the patterns do not find themselves: this file is searched as well. */
const LEFTOVERS = /\bTO(?:DO)\b|\bFIX(?:ME)\b/;
const MACHINE_PATHS = /(?<![\w.-])\/wor[k]\/|\/tmp\/bash_job[s]/;

export function bannedComplaints({ path, uses, imports }: Source): string[] {
  if (path.startsWith('src/base/') || isTest(path)) return [];
  const names = uses
    .filter(({ name }) => Object.hasOwn(BANNED, name))
    .map(({ name, line }) => `${path}:${line} uses ${name}; use ${BANNED[name]}`);
  const modules = imports
    .filter(({ target }) => BANNED_MODULES.includes(target.replace('node:', '')))
    .map(({ target }) => `${path} imports ${target}; use a Clock`);
  return [...names, ...modules];
}

/** Kebab-case, and no folder or file whose name could hold anything. */
export function nameComplaints(path: string): string[] {
  const parts = path.split('/');
  const file = parts.at(-1) ?? '';
  const words = parts.flatMap((part) => part.split(/[-.]/));
  const empty = words.find((word) => EMPTY_NAMES.includes(word));
  return [
    ...(KEBAB.test(file) || FOLDER_PAGE.test(path) ? [] : [`${path} is not kebab-case`]),
    ...(empty === undefined ? [] : [`${path} is called ${empty}; name what it holds`]),
  ];
}

export function leftoverComplaints(path: string, text: string): string[] {
  return linesWith(LEFTOVERS, text).map((line) => `${path}:${line} leaves work behind; do it or decide against it`);
}

export function machinePathComplaints(path: string, text: string): string[] {
  return linesWith(MACHINE_PATHS, text).map((line) => `${path}:${line} names a path of one machine`);
}

export function longFileComplaints(path: string, text: string, linesMax: number): string[] {
  const lines = text.split('\n').length - 1;
  return lines < linesMax ? [] : [`${path} has ${lines} lines; fewer than ${linesMax} is the limit`];
}

export function longFunctionComplaints({ path, functions }: Source, linesMax: number): string[] {
  return functions
    .filter(({ lines }) => lines > linesMax)
    .map(
      ({ name, line, lines }) => `${path}:${line} ${name} has ${lines} lines of its own; the ratchet is ${linesMax}`,
    );
}

/** A lock file that names a registry host installs from nowhere else. */
export function lockComplaints(lock: string): string[] {
  return linesWith(/"resolved"|https?:\/\/[^"]*\.tgz/, lock).map(
    (line) => `package-lock.json:${line} names a registry`,
  );
}

/** Only `1.2.3` or `1.2.3-beta.4`: what was tested is what is installed. */
export function versionComplaints(manifest: Readonly<Record<string, unknown>>): string[] {
  const groups = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];
  return groups
    .flatMap((group) => Object.entries(manifest[group] ?? {}))
    .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/.test(String(version)))
    .map(([name, version]) => `package.json asks for ${name} ${version}; pin one version`);
}

function linesWith(pattern: RegExp, text: string): number[] {
  return text.split('\n').flatMap((line, at) => (pattern.test(line) ? [at + 1] : []));
}
