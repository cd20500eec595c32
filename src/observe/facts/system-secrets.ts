import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import { LogReader } from '../log-reader.ts';
import { commandLines } from '../command-lines.ts';
import { counted, placeCollector, Unmeasured } from './place-collector.ts';
import { credentialForms } from './credential-forms.ts';

/** A secret that Kintsugi made, by its name, and the file that holds it. */
export interface SecretFile {
  readonly name: string;
  readonly path: string;
}

export interface SystemSecretsOptions {
  readonly secrets: () => readonly SecretFile[];
  readonly clock: Clock;
}

export interface ReadableSecretsOptions extends SystemSecretsOptions {
  /** Logs of this machine. */
  readonly logs: string;
}

const DAY_MS = 86_400_000;
/** Shorter ones would be found in words. */
const LENGTH_MIN = 12;
/** Group or others may read a file, or enter a folder. */
const READ_BY_OTHERS = 0o044;
const ENTER_BY_OTHERS = 0o011;

/** Where a secret can be read, and which: names, and never the secret. */
interface Readable {
  readonly place: string;
  readonly what: string;
}

const SUBJECT = { subject: 'secrets', tenants: 'all' as const };

/**
 * The age of the oldest secret of a system account that Kintsugi generated: the time since its file was last written. Of
 * secrets that others keep nothing is proven.
 */
export function secretAges({ secrets, clock }: SystemSecretsOptions): Collector {
  return placeCollector({
    name: 'secret-ages',
    facts: ['auth.secrets.ageDays'],
    everyMs: 3_600_000,
    timeoutMs: 20_000,
    placeMs: 15_000,
    places: () => [SUBJECT],
    clock,
    look: async () => {
      const files = await Promise.all(
        secrets().map(async ({ name, path }) => ({ name, writtenAt: (await stat(path)).mtimeMs })),
      );
      const [oldest] = files.toSorted((a, b) => a.writtenAt - b.writtenAt);
      if (!oldest) throw new Unmeasured('no secret was generated yet');
      const days = Math.max(0, clock.now() - oldest.writtenAt) / DAY_MS;
      const measured = { kind: 'value' as const, value: days, detail: `${oldest.name} is the oldest` };
      return { readings: { 'auth.secrets.ageDays': measured }, transcript: files };
    },
  });
}

/**
 * Where authentication factors can be read: the exact values of all secrets that Kintsugi generated, and known forms of
 * others (`password=`, a password in a URL, an authorization header), in the logs of this machine; the same values in
 * command lines, which everybody on a machine can read; and files of secrets that others may open. Told is the place
 * and the name of the secret. Nothing is proven of logs elsewhere, of factors in other forms, and of what stood in a log before its last 4 MiB.
 */
export function readableSecrets({ secrets, logs, clock }: ReadableSecretsOptions): Collector {
  const reader = new LogReader(logs);
  return placeCollector({
    name: 'readable-secrets',
    facts: ['auth.secrets.readable'],
    everyMs: 300_000,
    timeoutMs: 120_000,
    placeMs: 100_000,
    places: () => [SUBJECT],
    clock,
    look: async (_, signal) => {
      const files = secrets();
      const values = await valuesOf(files);
      const logged = await reader.read((text) => [...named(values, text), ...credentialForms(text)], signal);
      const shown = await commandLines((text) => named(values, text));
      const open = await openFiles(files);
      const found: readonly Readable[] = [...logged, ...shown, ...open];
      const measured = counted(found.map(({ place, what }) => `${what} in ${place}`));
      return { readings: { 'auth.secrets.readable': measured }, transcript: found };
    },
  });
}

async function valuesOf(files: readonly SecretFile[]): Promise<ReadonlyMap<string, string>> {
  const pairs = await Promise.all(
    files.map(async ({ name, path }) => [name, (await readFile(path, 'utf8')).trim()] as const),
  );
  return new Map(pairs.filter(([, value]) => value.length >= LENGTH_MIN));
}

/** Names of the secrets that stand in a text. */
function named(values: ReadonlyMap<string, string>, text: string): readonly string[] {
  return [...values].flatMap(([name, value]) => (text.includes(value) ? [`the secret ${name}`] : []));
}

/** Files that are not shut, in folders that are not shut: a shut folder at any height keeps others out. */
async function openFiles(files: readonly SecretFile[]): Promise<readonly Readable[]> {
  const open: Readable[] = [];
  for (const { name, path } of files) {
    if (((await stat(path)).mode & READ_BY_OTHERS) === 0) continue;
    let folder = dirname(path);
    while (((await stat(folder)).mode & ENTER_BY_OTHERS) !== 0 && folder !== dirname(folder)) folder = dirname(folder);
    if (folder === dirname(folder)) open.push({ place: 'its file, which others may read', what: `the secret ${name}` });
  }
  return open;
}
