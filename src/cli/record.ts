import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { KinError } from '../base/errors.ts';
import { readSigningKey } from '../evidence/dsse.ts';
import { RECORD_COLUMNS } from '../evidence/people-records.ts';
import { RECORDS_TYPE, signStatement } from '../evidence/signed-statement.ts';
import { RECORD_KIND_NAMES, RECORD_KINDS } from '../resources/record-kinds.ts';
import { lineOf } from '../resources/signer.ts';
import type { Binder, Invocation } from './invocation.ts';
import { epochMsOf } from './moment.ts';
import { renderTable } from './table.ts';

interface RecordLine {
  readonly id: string;
  readonly kind: string;
  readonly about: string;
  readonly done: string;
  readonly expires: string;
  readonly owner: string;
  readonly reference: string;
  readonly signer: string;
  readonly withdrawnAt: string | null;
}

const KEY = ['--key <file>', "the signer's Ed25519 private key, PEM"] as const;
const BY = ['--by <name>', 'who does it, for the record'] as const;

/** `kintsugi record`: what people did and signed, as facts for the controls that wait for it. */
export function declareRecord(program: Command, binder: Binder): void {
  const kinds = RECORD_KIND_NAMES.map(
    (kind) => `  ${kind.padEnd(22)} ${RECORD_KINDS[kind].about.padEnd(10)} ${RECORD_KINDS[kind].what}`,
  );
  const record = program
    .command('record')
    .description('signed records of people: trainings, reviews, contracts, tests')
    .addHelpText(
      'after',
      `\nA file is CSV: ${RECORD_COLUMNS.join(',')}\n\nKinds, and what each is about:\n${kinds.join('\n')}`,
    );
  const list = record.command('list', { isDefault: true }).description('what is on record, and until when it counts');
  binder.bind(list, async (invocation) => {
    const { records } = await invocation.ask<{ records: readonly RecordLine[] }>('GET', '/v1/records');
    invocation.print({ records }, () => renderRecords(invocation, records));
  });
  const take = record
    .command('import')
    .description('import a signed file; nothing of it is kept when one line is wrong')
    .argument('<file>', 'as `record sign` wrote it; or CSV, with --key')
    .option(...KEY)
    .option(...BY);
  binder.bind<{ key?: string; by?: string }>(take, runImport);
  const sign = record
    .command('sign')
    .description('sign a CSV file, for somebody else to import')
    .argument('<file>', 'CSV')
    .requiredOption(...KEY)
    .requiredOption('-o, --out <file>', 'where the signed file is written');
  binder.bind<{ key: string; out: string }>(sign, async (invocation, { key, out }, file = '') => {
    writeFileSync(out, signStatement(RECORDS_TYPE, readText(file), readSigningKey(key)), { flag: 'wx' });
    invocation.print({ file: out }, () => `signed: ${out}\n`);
  });
  const show = record
    .command('key')
    .description('print the line for `spec.signers` of the Policy')
    .argument('<file>', KEY[1]);
  binder.bind(show, async (invocation, _options, file = '') => {
    const publicKey = lineOf(readSigningKey(file).publicKey);
    invocation.print({ publicKey }, () => `${publicKey}\n`);
  });
  const withdraw = record
    .command('withdraw')
    .description('say that a record no longer counts; it stays on record')
    .argument('<id>')
    .requiredOption('--reason <text>', 'why; it is kept in the ledger')
    .option(...BY);
  binder.bind<{ reason: string; by?: string }>(withdraw, async (invocation, { reason, by }, id = '') => {
    await invocation.ask('POST', `/v1/records/${encodeURIComponent(id)}/withdraw`, {
      by: invocation.actor(by),
      reason,
    });
    invocation.print({ id }, () => `${id} is withdrawn\n`);
  });
}

async function runImport(invocation: Invocation, { key, by }: { key?: string; by?: string }, file = ''): Promise<void> {
  const text = readText(file);
  const envelope = key === undefined ? text : signStatement(RECORDS_TYPE, text, readSigningKey(key));
  const body = { file, envelope, by: invocation.actor(by) };
  const done = await invocation.ask<{ imported: number; known: number }>('POST', '/v1/records', body);
  invocation.print(done, () => {
    const known = done.known === 0 ? '' : `, ${done.known} known already`;
    return `${done.imported} imported${known}\n`;
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KinError('usage.invalid', `cannot read ${file}`, { cause });
  }
}

function renderRecords({ paint, context }: Invocation, records: readonly RecordLine[]): string {
  if (records.length === 0) return 'no record was imported: see `kintsugi record --help`\n';
  const now = context.clock.now();
  const columns = ['record', 'kind', 'about', 'done', 'expires', 'owner', 'signed by', 'reference'].map((title) => ({
    title,
  }));
  const rows = records.map(({ id, kind, about, done, expires, owner, signer, reference, withdrawnAt }) => {
    const isOver = epochMsOf(`${expires}T00:00:00Z`) <= now;
    const until = withdrawnAt === null ? expires : 'withdrawn';
    return [
      id,
      kind,
      about,
      done,
      isOver || withdrawnAt !== null ? paint('red', until) : until,
      owner,
      signer,
      reference,
    ];
  });
  return renderTable(columns, rows);
}
