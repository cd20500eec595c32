import { open, readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import { findSecrets, type SecretPlace } from './hardcoded-secret.ts';
import { counted, placeCollector, Unmeasured } from './place-collector.ts';
import type { RunningArtefact } from './software.ts';

export interface HardcodedSecretsOptions {
  readonly artefacts: () => readonly RunningArtefact[];
  readonly clock: Clock;
}

const FILES_MAX = 20_000;
const FILE_BYTES_MAX = 2 * 1024 * 1024;
/** Looked at for a zero byte, by which a file is none of text. */
const HEAD_BYTES = 8_192;
/** What is not deployed to be used: tests and what they are fed with, and texts for people. */
const ASIDE =
  /(?:^|\/)(?:tests?|__tests__|specs?|fixtures?|mocks?|__mocks__|testdata|docs?)\/|\.(?:test|spec)\.\w+$|\.(?:md|rst|adoc)$/i;

/** What was found in a file of this state. */
interface Looked {
  readonly mark: string;
  readonly places: readonly SecretPlace[];
}

/**
 * Secrets in the files of artefacts that run. A file that did not change since the last look is not read again. File, line and
 * kind are told, and never the secret. Nothing is proven of secrets without a known form, of packages beside the artefact
 * (`node_modules`), of files of more than 2 MiB, and of tests and documents within it.
 */
export function hardcodedSecrets({ artefacts, clock }: HardcodedSecretsOptions): Collector {
  let known = new Map<string, Looked>();
  return placeCollector({
    name: 'hardcoded-secrets',
    facts: ['auth.secrets.hardcoded'],
    everyMs: 600_000,
    timeoutMs: 300_000,
    placeMs: 60_000,
    places: () => {
      const workloads = Map.groupBy(artefacts(), ({ workload }) => workload);
      return [...workloads].map(([subject, running]) => {
        return { subject, tenants: 'all' as const, paths: [...new Set(running.map(({ path }) => path))] };
      });
    },
    clock,
    look: async ({ paths }, signal) => {
      const found: { file: string; line: number; kind: string }[] = [];
      for (const path of paths) {
        for (const file of await filesOf(path)) {
          signal.throwIfAborted();
          const looked = await lookAt(file, known.get(file));
          known.set(file, looked);
          const name = relative(path, file) || file;
          found.push(...looked.places.map((place) => ({ file: name, ...place })));
        }
      }
      if (known.size > FILES_MAX) known = new Map();
      return { readings: { 'auth.secrets.hardcoded': counted(found.map(tell)) }, transcript: found };
    },
  });
}

function tell({ file, line, kind }: SecretPlace & { readonly file: string }): string {
  return `${kind} in ${file}:${line}`;
}

/** As an artefact's digest counts them: without `node_modules` and dot files. */
async function filesOf(path: string): Promise<readonly string[]> {
  if ((await stat(path)).isFile()) return [path];
  const files: string[] = [];
  const folders = [path];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const full = join(folder, entry.name);
      if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) folders.push(full);
      else if (entry.isFile() && !isAside(relative(path, full))) files.push(full);
    }
    if (files.length > FILES_MAX) throw new Unmeasured(`the artefact has more than ${FILES_MAX} files`);
  }
  return files;
}

function isAside(name: string): boolean {
  return ASIDE.test(name.split(sep).join('/'));
}

async function lookAt(path: string, before: Looked | undefined): Promise<Looked> {
  const { mtimeMs, size } = await stat(path);
  const mark = `${mtimeMs} ${size}`;
  if (before?.mark === mark) return before;
  if (size > FILE_BYTES_MAX) return { mark, places: [] };
  const file = await open(path, 'r');
  try {
    const bytes = await file.readFile();
    if (bytes.subarray(0, HEAD_BYTES).includes(0)) return { mark, places: [] };
    return { mark, places: findSecrets(bytes.toString('utf8')) };
  } finally {
    await file.close();
  }
}
