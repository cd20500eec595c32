import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { toIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import { socketClient } from '../base/socket-http.ts';
import type { Erasure, Hold } from '../ledger/erasure-file.ts';
import type { StandingHold } from '../ledger/retention/legal-holds.ts';
import type { Revealed } from '../ledger/subject-routes.ts';
import { coveredBy, outcomeOf } from './hold-lines.ts';
import type { Binder, Invocation } from './invocation.ts';
import { renderTable } from './table.ts';

interface By {
  readonly by?: string;
}
interface Because extends By {
  readonly reason: string;
}
interface EraseOptions extends By {
  readonly basis: string;
}

const BY = ['--by <name>', 'who does it, for the record'] as const;
const WHY = ['--reason <text>', 'why, for the record'] as const;
const TENANT = [
  '<tenant>',
  'as whose customer they are known; - for requests of which no tenant was recognised',
] as const;
const SUBJECT = [
  '<subject>',
  'key:<name>, sub:<name>, ip:<address>, or what the workload calls them; - reads it from standard input, so that it is not in the history of the shell',
] as const;
/** An erasure reads the whole record. */
const ANSWER_MS = 600_000;

export function declareSubject(program: Command, binder: Binder): void {
  const subject = program.command('subject').description('people whose data are on record: hold, erase, read');
  const erase = subject
    .command('erase')
    .description('ask that everything on record about somebody be made unreadable; another person has to approve')
    .argument(...TENANT)
    .argument(...SUBJECT)
    .requiredOption('--basis <text>', 'on what legal basis, for example "GDPR Art. 17(1)(b)"')
    .option(...BY);
  binder.bind<EraseOptions>(erase, runErase);
  const approve = subject
    .command('approve')
    .description('approve an erasure that another person asked for; nothing brings the data back after that')
    .argument('<erasure>', 'its id, as `subject show` prints it')
    .option(...BY);
  binder.bind<By>(approve, runApprove);
  const withdraw = subject
    .command('withdraw')
    .description('take back an erasure that has not begun')
    .argument('<erasure>', 'its id')
    .requiredOption(...WHY)
    .option(...BY);
  binder.bind<Because>(withdraw, runWithdraw);
  declareHolds(subject, binder);
  const show = subject.command('show').description('erasures, holds and the age of the keys');
  binder.bind(show, runShow);
  const rotate = subject
    .command('rotate')
    .description('wrap all keys anew now: copies of them from before are useless afterwards')
    .option(...BY);
  binder.bind<By>(rotate, runRotate);
  const reveal = subject
    .command('reveal')
    .description('print who an entry is about, in the clear; that this was read is put on record first')
    .argument('<entry>', 'its index')
    .requiredOption(...WHY)
    .option(...BY);
  binder.bind<Because>(reveal, runReveal);
}

function declareHolds(subject: Command, binder: Binder): void {
  const hold = subject
    .command('hold')
    .description('let nothing be erased about somebody, whoever approved it, until it is released')
    .argument(...TENANT)
    .argument(...SUBJECT)
    .requiredOption(...WHY)
    .option(...BY);
  binder.bind<Because>(hold, runHold);
  const release = subject
    .command('release')
    .description('end a hold; erasures that are approved and waited for it are done')
    .argument('<hold>', 'its id')
    .requiredOption(...WHY)
    .option(...BY);
  binder.bind<Because>(release, runRelease);
}

/** Asks the ledger's process, which alone has the keys. */
async function ask<T>(invocation: Invocation, what: string, body: object): Promise<T> {
  const { state, context } = invocation;
  const ledger = socketClient(state.socket('ledger'), 'ledger.unreachable');
  try {
    const answer = ledger.call<T>('POST', `/v1/subjects/${what}`, body, context.clock.deadline(ANSWER_MS));
    return await invocation.waiting('the ledger', answer);
  } finally {
    await ledger.close();
  }
}

function nameOf(word: string): string {
  const name = word === '-' ? readFileSync(0, 'utf8').trim() : word;
  if (name === '') throw new KinError('usage.invalid', 'whom it is about is missing');
  return name;
}

async function runErase(invocation: Invocation, { basis, by: given }: EraseOptions, tenant = '', word = '') {
  const by = invocation.actor(given);
  const erasure = await ask<Erasure>(invocation, 'erase', { tenant, subject: nameOf(word), legalBasis: basis, by });
  invocation.print(erasure, () => {
    const next = `kintsugi subject approve ${erasure.id} --by <somebody else>`;
    return `${erasure.id} waits for another person than ${by}:\n  ${next}\n`;
  });
}

async function runApprove(invocation: Invocation, { by: given }: By, request = ''): Promise<void> {
  const erasure = await ask<Erasure>(invocation, 'approve', { request, by: invocation.actor(given) });
  invocation.print(erasure, () => outcomeOf(erasure));
}

async function runWithdraw(invocation: Invocation, { by, reason }: Because, request = ''): Promise<void> {
  const erasure = await ask<Erasure>(invocation, 'withdraw', { request, by: invocation.actor(by), reason });
  invocation.print(erasure, () => `${erasure.id} is withdrawn\n`);
}

async function runHold(invocation: Invocation, { by, reason }: Because, tenant = '', word = ''): Promise<void> {
  const asked = { tenant, subject: nameOf(word), by: invocation.actor(by), reason };
  const hold = await ask<Hold>(invocation, 'hold', asked);
  invocation.print(hold, () => `${hold.id} stands: nothing of this person is erased until it is released\n`);
}

async function runRelease(invocation: Invocation, { by, reason }: Because, hold = ''): Promise<void> {
  const asked = { hold, by: invocation.actor(by), reason };
  const { erased } = await ask<{ erased: readonly Erasure[] }>(invocation, 'release', asked);
  invocation.print({ hold, erased }, () => `${hold} is released\n${erased.map(outcomeOf).join('')}`);
}

interface Shown {
  readonly erasures: readonly Erasure[];
  readonly holds: readonly StandingHold[];
  readonly vault: { readonly epoch: number; readonly epochStartedAt: number; readonly keys: number };
}

async function runShow(invocation: Invocation): Promise<void> {
  const shown = await ask<Shown>(invocation, 'show', {});
  invocation.print(shown, () => renderShown(invocation, shown));
}

function renderShown({ time }: Invocation, { erasures, holds, vault }: Shown): string {
  const { epoch, epochStartedAt, keys } = vault;
  const erasureRows = erasures.map(({ id, state, tenant, legalBasis, requestedBy, requestedAt, approvedBy, entry }) => {
    const by = [requestedBy, ...(approvedBy === undefined ? [] : [approvedBy])].join(', ');
    return [id, state, tenant, legalBasis, by, time(requestedAt), entry === undefined ? '' : `entry ${entry}`];
  });
  const holdRows = holds.map((hold) => [hold.id, coveredBy(hold), hold.reason, hold.by, time(hold.at)]);
  const titles = (...words: string[]) => words.map((title) => ({ title }));
  return [
    erasures.length === 0
      ? 'no erasure was asked for\n'
      : renderTable(
          titles('erasure', 'state', 'tenant', 'basis', 'asked, approved', 'asked at', 'on record'),
          erasureRows,
        ),
    holds.length === 0 ? 'no hold stands\n' : renderTable(titles('hold', 'on', 'reason', 'by', 'since'), holdRows),
    `${keys} keys, in epoch ${epoch} since ${time(toIso(epochStartedAt))}\n`,
  ].join('\n');
}

async function runRotate(invocation: Invocation, { by }: By): Promise<void> {
  const rotated = await ask<{ epoch: number; keys: number }>(invocation, 'rotate', { by: invocation.actor(by) });
  const { epoch, keys } = rotated;
  invocation.print(rotated, () => `epoch ${epoch}: ${keys} keys are wrapped anew; copies from before are useless\n`);
}

async function runReveal(invocation: Invocation, { by, reason }: Because, word = ''): Promise<void> {
  if (!/^\d{1,15}$/.test(word)) throw new KinError('usage.invalid', `${word} is not the index of an entry`);
  const asked = { index: Number(word), by: invocation.actor(by), reason };
  const { id, personal } = await ask<{ id: string; personal: readonly Revealed[] }>(invocation, 'reveal', asked);
  invocation.print({ id, personal }, () => {
    if (personal.length === 0) return `entry ${word} is about nobody\n`;
    return personal.map(({ role, data }) => `${role}  ${data === null ? 'erased' : JSON.stringify(data)}\n`).join('');
  });
}
