import { VERSION } from '../base/product.ts';
import { open, rename, rm } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { KinError } from '../base/errors.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import { type EventExport, exportEvents } from '../ledger/event-export.ts';
import { FORMS, type FormName } from '../ledger/forms/form.ts';
import { exportLog } from '../ledger/log-export.ts';
import { formatVkey } from '../ledger/tlog/note-key.ts';
import type { Binder, Invocation } from './invocation.ts';
import { FROM, type FromOptions, originOf } from './log-origin.ts';
import { faultOfLog, givenPolicy, requiredPolicy, TRUST_OPTIONS, type TrustOptions } from './log-target.ts';
import { wholeNumber } from './number-option.ts';

interface EventOptions {
  readonly out?: string;
  readonly first?: number;
  readonly type?: string;
  readonly tenant?: string;
}
interface ExportOptions extends FromOptions, TrustOptions, EventOptions {
  readonly format?: FormName;
}

const EVENT_OPTIONS = ['out', 'first', 'type', 'tenant'] as const satisfies readonly (keyof EventOptions)[];

export function declareLedgerExport(ledger: Command, binder: Binder): void {
  const command = ledger
    .command('export')
    .description('verify the ledger and write it: as static files for any web server, or its events for other tools')
    .argument('[folder]', 'where the static files go; an export that is there is continued')
    .addOption(
      new Option('--format <schema>', 'events as NDJSON instead, in the schema of others').choices(Object.keys(FORMS)),
    )
    .option('-o, --out <file>', 'with --format: write them there; without, they are printed')
    .option('--first <index>', 'with --format: begin at this entry', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option('--type <prefix>', 'with --format: only events whose type begins so, for example repair')
    .option('--tenant <name>', 'with --format: only events of a tenant')
    .option(...FROM)
    .option(...TRUST_OPTIONS[0])
    .option(...TRUST_OPTIONS[1]);
  binder.bind<ExportOptions>(command, runExport);
}

async function runExport(invocation: Invocation, options: ExportOptions, folder?: string): Promise<void> {
  const { format } = options;
  if (format !== undefined && folder !== undefined) {
    throw new KinError('usage.invalid', 'with --format there is no folder: give a file with --out');
  }
  if (format === undefined && folder === undefined) {
    throw new KinError('usage.invalid', 'give the folder for the static files, or --format for events');
  }
  const alone = EVENT_OPTIONS.find((name) => format === undefined && options[name] !== undefined);
  if (alone !== undefined) throw new KinError('usage.invalid', `--${alone} goes with --format`);
  const origin = await invocation.waiting('the ledger', originOf(invocation, options.from));
  const policy = givenPolicy(options) ?? origin.policy ?? requiredPolicy(options);
  try {
    if (folder !== undefined) return await exportFiles(invocation, { source: origin.source, policy, folder });
    if (format !== undefined) await exportAs(invocation, options, { source: origin.source, policy, form: format });
  } catch (error) {
    throw faultOfLog(error);
  }
}

type Origin = Pick<EventExport, 'source' | 'policy'>;

async function exportFiles(invocation: Invocation, { source, policy, folder }: Origin & { readonly folder: string }) {
  const { log, written } = await invocation.waiting('the export', exportLog(source, policy, folder));
  const { size, root } = log.checkpoint;
  const vkey = formatVkey(log.log.key);
  const document = { folder, size, root: root.toString('base64'), vkey, written };
  invocation.print(document, () => `exported ${size} entries to ${folder} (${written} files written)\nkey ${vkey}\n`);
}

async function exportAs(
  invocation: Invocation,
  { out, first = 0, type = '', tenant }: EventOptions,
  origin: Origin & Pick<EventExport, 'form'>,
): Promise<void> {
  const isWanted = (event: LedgerEvent, index: number) =>
    index >= first && event.type.startsWith(type) && (tenant === undefined || event.tenant === tenant);
  const wanted = { ...origin, isWanted, version: VERSION };
  if (out === undefined) {
    if (invocation.json) throw new KinError('usage.invalid', 'events are lines: with --json give a file with --out');
    return await printWhole(invocation, wanted);
  }
  const exported = await invocation.waiting('the export', writeWhole(out, wanted));
  const { written, size } = exported;
  invocation.print({ file: out, ...exported }, () => `exported ${written} of ${size} entries to ${out}\n`);
}

/** Goes at the pace of who reads, and ends early when nobody does (`| head`). */
async function printWhole({ context: { stdout } }: Invocation, wanted: Omit<EventExport, 'write'>): Promise<void> {
  let isRead = true;
  const write = async (lines: string) => {
    stdout.write(lines);
    await stdout.drained?.().catch((cause: NodeJS.ErrnoException) => {
      isRead = cause.code !== 'EPIPE';
      throw new KinError('state.unwritable', 'cannot write the output', { cause });
    });
  };
  await exportEvents({ ...wanted, write }).catch((error: unknown) => {
    if (isRead) throw error;
  });
}

/** The file appears when the last line of it is proven; until then it has another name. */
async function writeWhole(path: string, wanted: Omit<EventExport, 'write'>) {
  const beside = `${path}.tmp`;
  const file = await open(beside, 'w').catch((cause: unknown) => {
    throw new KinError('state.unwritable', `cannot write ${path}`, { cause, details: { path } });
  });
  try {
    const exported = await exportEvents({ ...wanted, write: (lines) => file.appendFile(lines) });
    await file.close();
    await rename(beside, path);
    return exported;
  } catch (error) {
    await file.close();
    await rm(beside, { force: true });
    throw error;
  }
}
