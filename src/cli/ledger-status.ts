import type { Command } from 'commander';
import { printDuration } from '../base/duration.ts';
import { socketClient } from '../base/socket-http.ts';
import type { LedgerStatus } from '../ledger/ledger-status.ts';
import type { LegalHold } from '../ledger/retention/legal-holds.ts';
import type { Binder, Invocation } from './invocation.ts';
import { epochMsOf, type PrintTime } from './moment.ts';
import type { Paint } from './paint.ts';
import { renderRows } from './table.ts';

const ANSWER_MS = 10_000;

interface HoldOptions {
  readonly reason: string;
  readonly tenant?: string;
  readonly by?: string;
}

export function declareLedgerStatus(ledger: Command, binder: Binder): void {
  const status = ledger.command('status').description('what is signed, witnessed, kept, held and read again');
  binder.bind(status, runStatus);
  const hold = ledger.command('hold').description('legal holds: what they cover is not pruned, however old it is');
  const set = hold
    .command('set')
    .description('hold all entries, or those of a tenant')
    .argument('<id>', 'a name for it: a case number')
    .requiredOption('--reason <text>', 'why; it goes on record, so no personal data')
    .option('--tenant <name>', 'only what has entries of this tenant')
    .option('--by <name>', 'who does it; the account when left out');
  binder.bind<HoldOptions>(set, (invocation, options, id = '') =>
    changeHold(invocation, '/v1/holds', { ...options, id }),
  );
  const lift = hold
    .command('lift')
    .description('let retention have its way again')
    .argument('<id>', 'of the hold')
    .requiredOption('--reason <text>', 'why; it goes on record')
    .option('--by <name>', 'who does it; the account when left out');
  binder.bind<HoldOptions>(lift, (invocation, options, id = '') =>
    changeHold(invocation, '/v1/holds/lift', { ...options, id }),
  );
}

async function asked<T>(
  { state, context }: Invocation,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<T> {
  const client = socketClient(state.socket('ledger'), 'ledger.unreachable');
  try {
    return await client.call<T>(method, path, body, context.clock.deadline(ANSWER_MS));
  } finally {
    await client.close();
  }
}

async function runStatus(invocation: Invocation): Promise<void> {
  const status = await invocation.waiting('the ledger', asked<LedgerStatus>(invocation, 'GET', '/v1/status'));
  const { paint, time, context } = invocation;
  invocation.print(status, () => renderLedgerStatus(status, { paint, time, now: context.clock.now() }));
}

async function changeHold(
  invocation: Invocation,
  path: string,
  { id, reason, tenant, by }: HoldOptions & { readonly id: string },
) {
  const body = { id, reason, by: invocation.actor(by), ...(tenant === undefined ? {} : { tenant }) };
  const holds = await asked<readonly LegalHold[]>(invocation, 'POST', path, body);
  const standing = holds.map((hold) => hold.id).join(', ');
  invocation.print({ holds }, () => (standing === '' ? 'no hold stands\n' : `standing: ${standing}\n`));
}

/** The whole status for people. */
function renderLedgerStatus(
  { vkey, size, signedSize, witnessed, retention, selfCheck }: LedgerStatus,
  { paint, time, now }: { readonly paint: Paint; readonly time: PrintTime; readonly now: number },
): string {
  const { checked, rounds, fault } = selfCheck;
  const rows = [
    ['key', vkey],
    ['entries', `${size}, ${signedSize} of them under the signed checkpoint`],
    ...witnessRows(witnessed, (since) => {
      const age = printDuration(now - epochMsOf(since));
      return paint('yellow', `unwitnessed since ${time(since)} (${age}); entries are taken and signed as before`);
    }),
    ...retentionRows(retention, paint, time),
    [
      'self-check',
      fault ? paint('red', `entry ${fault.index}: ${fault.reason}`) : `${checked} read again, ${rounds} rounds`,
    ],
  ] as const;
  return renderRows(rows.map(([name = '', value = '']) => [name, value]));
}

function witnessRows(witnessed: LedgerStatus['witnessed'], unwitnessed: (since: string) => string): string[][] {
  if (!witnessed) return [['witnessed', 'no: the ledger has no witnesses']];
  const { size, unwitnessedSince, witnesses } = witnessed;
  const state = unwitnessedSince === undefined ? '' : `; ${unwitnessed(unwitnessedSince)}`;
  const each = witnesses.map(({ name, state: last, reason }) => [
    '  witness',
    `${name} ${last}${reason === undefined || last === 'cosigned' ? '' : `: ${reason}`}`,
  ]);
  return [['witnessed', `${size} entries${state}`], ...each];
}

function retentionRows(
  { first, minimumIndex, policy, holds, fault }: LedgerStatus['retention'],
  paint: Paint,
  time: PrintTime,
) {
  const kept = first === 0 ? 'everything' : `from entry ${first} on, shown from ${minimumIndex} on`;
  const types = Object.entries(policy?.types ?? {}).map(([type, days]) => `, ${type}* ${days} days`);
  const rule = policy ? `for ${policy.keepDays} days${types.join('')}` : 'no retention policy, so nothing is pruned';
  return [
    ['kept', `${kept}; ${rule}`],
    ...(fault === undefined ? [] : [['', paint('red', `cannot prune: ${fault}`)]]),
    ...holds.map(({ id, by, at, reason, tenant }) => [
      '  hold',
      `${id} on ${tenant === undefined ? 'everything' : `tenant ${tenant}`} by ${by} since ${time(at)}: ${reason}`,
    ]),
  ];
}
