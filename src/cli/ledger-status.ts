import type { Command } from 'commander';
import { printDuration } from '../base/duration.ts';
import { socketClient } from '../base/socket-http.ts';
import type { LedgerStatus } from '../ledger/ledger-status.ts';
import type { HoldsChanged } from '../ledger/retention/hold-desk.ts';
import { coveredBy, outcomeOf } from './hold-lines.ts';
import type { Binder, Invocation } from './invocation.ts';
import { epochMsOf, type PrintTime } from './moment.ts';
import type { Paint } from './paint.ts';
import { renderRows } from './table.ts';

const ANSWER_MS = 10_000;
/** Lifting a hold does the erasures that waited for it, and these read the whole record. */
const LIFT_MS = 600_000;

interface HoldOptions {
  readonly reason: string;
  readonly tenant?: string;
  readonly by?: string;
}

export function declareLedgerStatus(ledger: Command, binder: Binder): void {
  const status = ledger.command('status').description('what is signed, witnessed, kept, held and read again');
  binder.bind(status, runStatus);
  const hold = ledger
    .command('hold')
    .description('legal holds: what they cover is neither pruned nor erased; see also `subject hold`');
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
  { body, withinMs = ANSWER_MS }: { readonly body?: unknown; readonly withinMs?: number } = {},
): Promise<T> {
  const client = socketClient(state.socket('ledger'), 'ledger.unreachable');
  try {
    return await client.call<T>(method, path, body, context.clock.deadline(withinMs));
  } finally {
    await client.close();
  }
}

/** How the ledger of this state directory is. Rejects with `ledger.unreachable`. */
export function readLedgerStatus(invocation: Invocation, withinMs = ANSWER_MS): Promise<LedgerStatus> {
  return asked<LedgerStatus>(invocation, 'GET', '/v1/status', { withinMs });
}

async function runStatus(invocation: Invocation): Promise<void> {
  const status = await invocation.waiting('the ledger', readLedgerStatus(invocation));
  const { paint, time, context } = invocation;
  invocation.print(status, () => renderLedgerStatus(status, { paint, time, now: context.clock.now() }));
}

async function changeHold(
  invocation: Invocation,
  path: string,
  { id, reason, tenant, by }: HoldOptions & { readonly id: string },
) {
  const body = { id, reason, by: invocation.actor(by), ...(tenant === undefined ? {} : { tenant }) };
  const { holds, erased } = await asked<HoldsChanged>(invocation, 'POST', path, { body, withinMs: LIFT_MS });
  const standing = holds.map((hold) => hold.id).join(', ');
  invocation.print({ holds, erased }, () => {
    return `${standing === '' ? 'no hold stands' : `standing: ${standing}`}\n${erased.map(outcomeOf).join('')}`;
  });
}

interface Board {
  readonly paint: Paint;
  readonly time: PrintTime;
  readonly now: number;
}

/** The whole status for people. */
export function renderLedgerStatus(status: LedgerStatus, board: Board): string {
  const { vkey, size, signedSize, witnessed, retention, tiers, tieringFault } = status;
  const rows = [
    ['key', vkey],
    ['entries', `${size}, ${signedSize} of them under the signed checkpoint`],
    ...witnessRows(witnessed, board),
    ...tiers.map((tier, at) => [at === 0 ? 'stored' : '', tierText(tier)]),
    ...(tieringFault === undefined ? [] : [['', board.paint('red', `cannot compress: ${tieringFault}`)]]),
    ...retentionRows(retention, board.paint, board.time),
    ['self-check', selfCheckText(status, board)],
  ];
  return renderRows(rows.map(([name = '', value = '']) => [name, value]));
}

/** What of the ledger belongs into one line beside everything else. */
export function renderLedgerLine(status: LedgerStatus, board: Board): string {
  const since = status.witnessed?.unwitnessedSince;
  const parts = [
    `ledger ${status.size} entries`,
    ...(since === undefined ? [] : [unwitnessedText(since, board)]),
    selfCheckText(status, board),
  ];
  return `${parts.join('; ')}\n`;
}

function unwitnessedText(since: string, { paint, time, now }: Board): string {
  return paint('yellow', `unwitnessed since ${time(since)} (${printDuration(now - epochMsOf(since))})`);
}

/** How much of it was read again; rounded down, so that only all is 100 %. */
function selfCheckText({ selfCheck }: Pick<LedgerStatus, 'selfCheck'>, { paint, time, now }: Board): string {
  const { coverage, lastRoundAt, fault } = selfCheck;
  if (fault) return paint('red', `damaged at entry ${fault.index}: ${fault.reason}`);
  const share = `${(Math.floor(coverage * 1000) / 10).toFixed(1)} % read again`;
  if (lastRoundAt === undefined) return `${share} since the start`;
  return `${share}, all of it at ${time(lastRoundAt)} (${printDuration(now - epochMsOf(lastRoundAt))} ago)`;
}

function tierText({ tier, segments, entries, bytes }: LedgerStatus['tiers'][number]): string {
  const how = { hot: 'as written', warm: 'compressed', cold: 'compressed further' }[tier];
  return `${tier}: ${entries} entries in ${segments} segments, ${(bytes / 1e6).toFixed(1)} MB ${how}`;
}

function witnessRows(witnessed: LedgerStatus['witnessed'], board: Board): string[][] {
  if (!witnessed) return [['witnessed', 'no: the ledger has no witnesses']];
  const { size, unwitnessedSince, witnesses } = witnessed;
  const taken = 'entries are taken and signed as before';
  const state = unwitnessedSince === undefined ? '' : `; ${unwitnessedText(unwitnessedSince, board)}; ${taken}`;
  const each = witnesses.map(({ name, state: last, reason }) => [
    '  witness',
    `${name} ${last}${reason === undefined || last === 'cosigned' ? '' : `: ${reason}`}`,
  ]);
  return [['witnessed', `${size} entries${state}`], ...each];
}

function retentionRows(
  { first, minimumIndex, policy, holds, doubtedMs = 0, fault }: LedgerStatus['retention'],
  paint: Paint,
  time: PrintTime,
) {
  const kept = first === 0 ? 'everything' : `from entry ${first} on, shown from ${minimumIndex} on`;
  const types = Object.entries(policy?.types ?? {}).map(([type, days]) => `, ${type}* ${days} days`);
  const rule = policy ? `for ${policy.keepDays} days${types.join('')}` : 'no retention policy, so nothing is pruned';
  return [
    ['kept', `${kept}; ${rule}`],
    ...(policy && doubtedMs > 0
      ? [['', `nothing is pruned before it has seen its clock for ${printDuration(doubtedMs)} more`]]
      : []),
    ...(fault === undefined ? [] : [['', paint('red', `cannot prune: ${fault}`)]]),
    ...holds.map((hold) => [
      '  hold',
      `${hold.id} on ${coveredBy(hold)} by ${hold.by} since ${time(hold.at)}: ${hold.reason}`,
    ]),
  ];
}
