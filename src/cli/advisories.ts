import { existsSync, readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { toIso } from '../base/clock.ts';
import { digestOfJson } from '../base/digest.ts';
import { makeFolderDurably, writeDurably } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import { ledgerClient } from '../ledger/client.ts';
import { type LedgerEvent, OCSF } from '../ledger/entry.ts';
import { type Advisory, advisorySchema, severityOf } from '../resources/advisory.ts';
import type { Binder, Invocation } from './invocation.ts';

/** A file is one advisory or a list of them; the largest ones of OSV have some hundred kilobytes. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;
const LEDGER_MS = 10_000;

export function declareAdvisories(program: Command, binder: Binder): void {
  const advisories = program
    .command('advisories')
    .description('known vulnerabilities, by which the age of unpatched ones in what runs is measured');
  const bring = advisories
    .command('import')
    .description('take in advisories in OSV form (https://osv.dev), as GitHub and others give them away')
    .argument('<path...>', 'JSON files of one advisory or a list, or folders of them')
    .option('--by <name>', 'who imports, for the record');
  binder.bind<{ by?: string }>(bring, (invocation, { by }, ...paths) =>
    runImport(
      invocation,
      paths.flatMap((each) => each ?? []),
      invocation.actor(by),
    ),
  );
}

async function runImport(invocation: Invocation, paths: readonly string[], by: string): Promise<void> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const advisories = (await Promise.all(files.map(readAdvisories))).flat();
  if (!existsSync(invocation.state.root)) throw invocation.absent();
  // Nothing is taken in unless all of it can be, and nothing without an entry that says so.
  const digest = digestOfAdvisories(advisories);
  const entry = await record(invocation, by, { digest, advisories: advisories.length });
  const folder = invocation.state.advisories;
  makeFolderDurably(folder);
  let added = 0;
  for (const advisory of advisories) {
    const path = join(folder, `${encodeURIComponent(advisory.id)}.json`);
    const text = `${JSON.stringify(advisory)}\n`;
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
    writeDurably(path, text);
    added += 1;
  }
  const critical = advisories.filter((each) => severityOf(each) === 'critical').length;
  const npm = advisories.filter(({ affected }) => affected.some((each) => each.package?.ecosystem === 'npm')).length;
  invocation.print({ read: advisories.length, new: added, critical, npm, digest, entry }, () => {
    return `${advisories.length} advisories, ${added} of them new or changed; ${critical} critical, ${npm} about npm packages\non record as entry ${entry} of the ledger\n`;
  });
}

/** The same advisories have the same digest, in whatever order and files they came. */
function digestOfAdvisories(advisories: readonly Advisory[]): string {
  const byId = advisories.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return digestOfJson(byId);
}

/** Resolves with the number of the entry. Rejects with `ledger.unreachable`, and then nothing was done. */
async function record({ state, context }: Invocation, by: string, data: JsonObject): Promise<number> {
  const ledger = ledgerClient(state.socket('ledger'));
  const event: LedgerEvent = {
    id: newId('evt', context.random),
    at: toIso(context.clock.now()),
    type: 'advisories.imported',
    class: OCSF.configurationChange,
    actor: { kind: 'operator', name: by },
    subject: 'advisories',
    data,
  };
  try {
    const { indices } = await ledger.append([event], context.clock.deadline(LEDGER_MS));
    return indices[0]!;
  } finally {
    await ledger.close();
  }
}

async function filesOf(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new KinError('usage.invalid', `cannot read ${path}`, { cause });
  });
  if (!found.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((each) => each.isFile() && each.name.endsWith('.json'))
    .map((each) => join(each.parentPath, each.name));
}

async function readAdvisories(path: string): Promise<readonly Advisory[]> {
  const { size } = await stat(path);
  if (size > FILE_BYTES_MAX) throw new KinError('usage.invalid', `${path} is larger than 256 MiB: split it`);
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new KinError('usage.invalid', `${path} is not JSON`, { cause });
  }
  const all: readonly unknown[] = Array.isArray(data) ? data : [data];
  return all.map((each, index) => {
    const { data: advisory, error } = advisorySchema.safeParse(each);
    if (advisory) return advisory;
    const [issue] = error.issues;
    const place = [...(Array.isArray(data) ? [index] : []), ...(issue?.path ?? [])].join('.');
    throw new KinError('usage.invalid', `${path} is no advisory in OSV form: ${place || 'it'}: ${issue?.message}`);
  });
}
