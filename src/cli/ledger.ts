import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { KinError } from '../base/errors.ts';
import { type IndexedEvent, ledgerClient } from '../ledger/client.ts';
import { CHECKPOINT_FILE } from '../ledger/ledger-directory.ts';
import { QUANTUM_VKEY_FILE, VKEY_FILE } from '../ledger/signing-key.ts';
import { parseCheckpoint } from '../ledger/tlog/checkpoint.ts';
import { textOfNote } from '../ledger/tlog/signed-note.ts';
import { readEntries } from '../ledger/verify.ts';
import { untilInterrupted } from './interruption.ts';
import type { Binder, Invocation } from './invocation.ts';
import { declareLedgerExport } from './ledger-export.ts';
import { renderEntry } from './ledger-lines.ts';
import { declareLedgerPublish } from './ledger-publish.ts';
import { declareLedgerStatus } from './ledger-status.ts';
import { declareLedgerVerify } from './ledger-verify.ts';
import { wholeNumber } from './number-option.ts';

interface FolderOptions {
  readonly dir?: string;
}
interface KeyOptions extends FolderOptions {
  readonly postQuantum?: boolean;
}
interface ShowOptions extends FolderOptions {
  readonly from: number;
  readonly limit: number;
  readonly type?: string;
  readonly tenant?: string;
}
interface TailOptions extends FolderOptions {
  readonly lines: number;
  readonly follow?: boolean;
}

const DIR = ['--dir <folder>', 'a ledger elsewhere, instead of that of the state directory'] as const;
const INDEX_MAX = Number.MAX_SAFE_INTEGER;

export function declareLedger(program: Command, binder: Binder): void {
  const ledger = program.command('ledger').description('the record of all that was done');
  declareLedgerStatus(ledger, binder);
  declareLedgerVerify(ledger, binder);
  const show = ledger
    .command('show')
    .description('print entries, the oldest first')
    .option('--from <index>', 'the first one', wholeNumber(0, INDEX_MAX), 0)
    .option('-n, --limit <number>', 'how many', wholeNumber(1, 1_000_000), 100)
    .option('--type <prefix>', 'only those whose type begins so, for example repair or request.refused')
    .option('--tenant <name>', 'only those of a tenant')
    .option(...DIR);
  binder.bind<ShowOptions>(show, runShow);
  const tail = ledger
    .command('tail')
    .description('print the newest entries')
    .option('-n, --lines <number>', 'how many', wholeNumber(0, 1_000_000), 20)
    .option('-f, --follow', 'go on with each new one until Ctrl-C')
    .option(...DIR);
  binder.bind<TailOptions>(tail, runTail);
  const key = ledger
    .command('key')
    .description('print the public key (vkey), to be noted elsewhere')
    .option('--post-quantum', 'the second key, ML-DSA-44')
    .option(...DIR);
  binder.bind<KeyOptions>(key, runKey);
  declareLedgerExport(ledger, binder);
  declareLedgerPublish(ledger, binder);
}

function folderOf({ state }: Invocation, { dir }: FolderOptions): string {
  const folder = dir ?? state.ledger;
  if (existsSync(join(folder, CHECKPOINT_FILE)) || existsSync(join(folder, VKEY_FILE))) return folder;
  throw new KinError('resource.unknown', `there is no ledger in ${folder}`, { details: { path: folder } });
}

async function runShow(invocation: Invocation, options: ShowOptions): Promise<void> {
  const entries: IndexedEvent[] = [];
  const { from, limit, type = '', tenant } = options;
  for await (const entry of readEntries(folderOf(invocation, options), { from })) {
    if (!entry.event.type.startsWith(type) || (tenant !== undefined && entry.event.tenant !== tenant)) continue;
    entries.push(entry);
    if (entries.length >= limit) break;
  }
  printEntries(invocation, entries);
}

function printEntries(invocation: Invocation, entries: readonly IndexedEvent[]): void {
  const { paint, time } = invocation;
  invocation.print({ entries }, () => entries.map((entry) => renderEntry(entry, paint, time)).join(''));
}

async function runTail(invocation: Invocation, options: TailOptions): Promise<void> {
  if (options.follow && invocation.json) {
    throw new KinError('usage.invalid', '--follow prints lines as they come; with --json there is one document');
  }
  const folder = folderOf(invocation, options);
  const from = Math.max(0, signedSize(folder) - options.lines);
  const entries: IndexedEvent[] = [];
  for await (const entry of readEntries(folder, { from })) entries.push(entry);
  const newest = options.lines === 0 ? [] : entries.slice(-options.lines);
  printEntries(invocation, newest);
  if (options.follow) await followEntries(invocation, (entries.at(-1)?.index ?? from - 1) + 1);
}

/** Files cannot say when they grow: new entries come from the ledger's process. */
async function followEntries({ state, context, paint, time }: Invocation, from: number): Promise<void> {
  const client = ledgerClient(state.socket('ledger'));
  try {
    await untilInterrupted(async (signal) => {
      for await (const entry of client.tail(from, signal)) context.stdout.write(renderEntry(entry, paint, time));
    });
  } finally {
    await client.close();
  }
}

/** What the newest checkpoint covers; only a place to begin reading at. */
function signedSize(folder: string): number {
  const note = readFileSync(join(folder, CHECKPOINT_FILE), 'utf8');
  return parseCheckpoint(textOfNote(note) ?? '')?.size ?? 0;
}

async function runKey(invocation: Invocation, options: KeyOptions): Promise<void> {
  const path = join(folderOf(invocation, options), options.postQuantum ? QUANTUM_VKEY_FILE : VKEY_FILE);
  if (!existsSync(path)) throw new KinError('resource.unknown', 'the ledger has no such key', { details: { path } });
  const vkey = readFileSync(path, 'utf8').trim();
  invocation.print({ vkey }, () => `${vkey}\n`);
}
