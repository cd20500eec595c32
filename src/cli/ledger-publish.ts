import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { KinError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { sendPublicFile } from '../ledger/public-files.ts';
import { tenantRecord } from '../ledger/tenant-record.ts';
import { startPublicServer } from '../ledger/public-server.ts';
import { indexOfEvent, receiptOf } from '../ledger/receipt.ts';
import { parseCheckpoint } from '../ledger/tlog/checkpoint.ts';
import { readCheckpointNote } from '../ledger/tlog/log-source.ts';
import { textOfNote } from '../ledger/tlog/signed-note.ts';
import { untilInterrupted } from './interruption.ts';
import type { Binder, Invocation } from './invocation.ts';
import { FROM, type FromOptions, originOf } from './log-origin.ts';
import { faultOfLog } from './log-target.ts';
import { portNumber } from './number-option.ts';

interface ReceiptOptions extends FromOptions {
  readonly out?: string;
}
interface RecordOptions {
  readonly payloads?: boolean;
  readonly dir?: string;
}
interface ServeOptions extends FromOptions {
  readonly host: string;
  readonly port: number;
}

const PAGE = new URL('../ledger/page/verify.html', import.meta.url);

export function declareLedgerPublish(ledger: Command, binder: Binder): void {
  const receipt = ledger
    .command('receipt')
    .description('print the proof that an entry is on record, for `kintsugi ledger verify` and other tools')
    .argument('<id>', 'of the event')
    .option('-o, --out <file>', 'write it there; .tlog-proof is the usual ending')
    .option(...FROM);
  binder.bind<ReceiptOptions>(receipt, runReceipt);
  const record = ledger
    .command('record')
    .description('write the record of one tenant, which that tenant can verify without the others')
    .argument('<tenant>', 'its name')
    .argument('<file>', 'where to')
    .option('--payloads', 'with the sealed personal data, which only the keys in the vault open')
    .option('--dir <folder>', 'a ledger elsewhere, instead of that of the state directory');
  binder.bind<RecordOptions>(record, runRecord);
  const page = ledger
    .command('page')
    .description('print a page that verifies receipts and exports in any browser, from one file and offline')
    .option('-o, --out <file>', 'write it there');
  binder.bind<{ readonly out?: string }>(page, runPage);
  const serve = ledger
    .command('serve')
    .description('serve the public files of the ledger over HTTP, read-only, until Ctrl-C')
    .option('--host <address>', 'to listen on', '127.0.0.1')
    .option('--port <number>', 'to listen on; 0 takes any free one', portNumber, 8390)
    .option(...FROM);
  binder.bind<ServeOptions>(serve, runServe);
}

async function runReceipt(invocation: Invocation, { from, out }: ReceiptOptions, id = ''): Promise<void> {
  try {
    const { source } = await invocation.waiting('the ledger', originOf(invocation, from));
    const checkpoint = parseCheckpoint(textOfNote(await readCheckpointNote(source)) ?? '');
    const index = await indexOfEvent(source, id, checkpoint?.size ?? 0);
    const receipt = await receiptOf(source, index);
    if (!receipt) throw new KinError('resource.unknown', `entry ${index} is not under a checkpoint yet`);
    if (out === undefined) invocation.print({ id, index, receipt: receipt.text }, () => receipt.text);
    else {
      writeText(out, receipt.text);
      invocation.print({ id, index, file: out }, () => `receipt of entry ${index} written to ${out}\n`);
    }
  } catch (error) {
    throw faultOfLog(error);
  }
}

async function runRecord(invocation: Invocation, options: RecordOptions, tenant = '', file = ''): Promise<void> {
  const { clock } = invocation.context;
  const dir = options.dir ?? invocation.state.ledger;
  const lines: string[] = [];
  const payloads = options.payloads === true;
  for await (const line of tenantRecord(dir, tenant, { clock, payloads })) lines.push(line);
  writeText(file, lines.join(''));
  const entries = lines.length - 1;
  invocation.print({ tenant, file, entries, payloads }, () => `${entries} entries of ${tenant} written to ${file}\n`);
}

async function runPage(invocation: Invocation, { out }: { readonly out?: string }): Promise<void> {
  const html = readFileSync(PAGE, 'utf8');
  if (out === undefined) {
    invocation.print({ html }, () => html);
    return;
  }
  writeText(out, html);
  invocation.print({ file: out }, () => `page written to ${out}\n`);
}

function writeText(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (cause) {
    throw new KinError('state.unwritable', `cannot write ${path}`, { cause, details: { path } });
  }
}

/** A running ledger is served as it grows; the files of one that does not run as they are. */
async function runServe(invocation: Invocation, { from, host, port }: ServeOptions): Promise<void> {
  const { context, state } = invocation;
  const socket = state.socket('ledger');
  const { source } = await originOf(invocation, from ?? (existsSync(socket) ? socket : undefined));
  const log = createLog('ledger-serve', 'error');
  await untilInterrupted(async (signal) => {
    const handle = (request: Parameters<typeof sendPublicFile>[1], response: Parameters<typeof sendPublicFile>[2]) =>
      sendPublicFile(source, request, response).catch((error: unknown) => {
        throw faultOfLog(error);
      });
    const server = await startPublicServer({ host, port, clock: context.clock, log, handle });
    invocation.print({ url: server.url }, () => `serving the ledger on ${server.url} (checkpoint, tile/...)\n`);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await server.close();
  });
}
