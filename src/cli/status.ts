import type { Command } from 'commander';
import { isFault } from '../base/errors.ts';
import type { ChildStatus } from '../drivers/process/protocol.ts';
import type { Status } from './answers.ts';
import type { LedgerStatus } from '../ledger/ledger-status.ts';
import { renderClocks } from './breach-clocks.ts';
import { renderOwed } from './duties.ts';
import type { Binder, Invocation } from './invocation.ts';
import { readLedgerStatus, renderLedgerLine } from './ledger-status.ts';
import type { PrintTime } from './moment.ts';
import { type Paint, paintWord } from './paint.ts';
import { type Board, renderInstances, renderIncidents, renderTenants } from './status-tables.ts';
import { clip, renderTable } from './table.ts';

/** How long control may take before the keeper is asked instead. */
const CONTROL_MS = 5_000;
/** And the ledger, of which one line is told. */
const LEDGER_MS = 2_000;

export function declareStatus(program: Command, binder: Binder): void {
  const command = program.command('status').description('what runs, for whom, and what is wrong with it');
  binder.bind(command, runStatus);
}

async function runStatus(invocation: Invocation): Promise<void> {
  const { paint, time, context } = invocation;
  try {
    const [status, ledger] = await Promise.all([readStatus(invocation), ledgerOrNull(invocation)]);
    const board = { paint, time, now: context.clock.now() };
    return invocation.print({ source: 'control', ...status, ledger }, () => renderStatus(status, ledger, board));
  } catch (error) {
    if (!isFault(error, 'control.unreachable') || invocation.hasToken) throw error;
    const processes = await invocation.keeper.list(context.clock.deadline(CONTROL_MS));
    invocation.print({ source: 'keeper', processes }, () => renderProcesses(processes, paint, time));
  }
}

/** The status as control gives it. Rejects with `control.unreachable` or `state.absent`. */
export function readStatus(invocation: Invocation): Promise<Status> {
  return invocation.ask<Status>('GET', '/v1/status', undefined, CONTROL_MS);
}

/** How the ledger is; null when it does not answer, which stops nothing else from being told. With a token it is not asked. */
async function ledgerOrNull(invocation: Invocation): Promise<LedgerStatus | null | undefined> {
  return invocation.hasToken ? undefined : readLedgerStatus(invocation, LEDGER_MS).catch(() => null);
}

/** The whole status for people. */
export function renderStatus(status: Status, ledger: LedgerStatus | null | undefined, board: Board): string {
  const sections = [
    renderHeadline(status, board) + renderLedger(ledger, board),
    // Whoever is bound to one tenant is not told how the fleet is built.
    status.workloads.length + status.system.length > 0 ? renderInstances(status, board) : '',
    renderTenants(status, board),
    status.system.length > 0 ? renderSystem(status, board) : '',
    status.incidents.length > 0
      ? `${board.paint('bold', 'Open incidents')}\n${renderIncidents(status.incidents, board)}`
      : '',
    renderApprovals(status),
    renderClocks(status.breachClocks ?? [], board.paint),
    renderOwed(status.duties ?? []),
  ];
  return sections.filter((section) => section !== '').join('\n');
}

/** Who leads, where to reach it, and what stands in the way of healing. */
export function renderHeadline(status: Status, { paint, time }: Board): string {
  const role = status.leading ? `leading in epoch ${status.epoch}` : 'not leading';
  const lines = [`Kintsugi${status.version ? ` ${status.version}` : ''}, ${role}`];
  const { api, gateway } = status.addresses;
  if (gateway) lines.push(`gateway ${gateway}${api ? `, api ${api}` : ''}`);
  if (!status.fresh)
    lines.push(paint('yellow', 'state cannot be read: nothing is healed, and this is what was last known'));
  for (const { scope, by, reason, expiresAt } of status.stops) {
    const until = expiresAt === null ? 'until it is lifted' : `until ${time(expiresAt)}`;
    lines.push(paint('yellow', `stopped: ${scope} by ${by} ${until}: ${reason}`));
  }
  const unlimited = status.workloads
    .filter(({ instances }) => instances.some(({ limitsEnforced }) => limitsEnforced === false))
    .map(({ name }) => name);
  if (unlimited.length > 0) {
    lines.push(paint('yellow', `no cgroup here: the limits declared for ${unlimited.join(', ')} are not enforced`));
  }
  return `${lines.join('\n')}\n`;
}

function renderLedger(ledger: LedgerStatus | null | undefined, board: Board): string {
  if (ledger === undefined) return '';
  return ledger ? renderLedgerLine(ledger, board) : `${board.paint('yellow', 'the ledger does not answer')}\n`;
}

function renderSystem({ system }: Status, { paint, time }: Board): string {
  const rows = system.map(({ id, state, pid, restarts, startedAt }) => [
    id,
    paintWord(paint, state),
    String(pid ?? '-'),
    String(restarts),
    startedAt === null ? '-' : time(startedAt),
  ]);
  return renderTable(PROCESS_COLUMNS, rows);
}

const PROCESS_COLUMNS = [
  { title: 'process' },
  { title: 'state' },
  { title: 'pid', align: 'right' },
  { title: 'restarts', align: 'right' },
  { title: 'since' },
] as const;

function renderApprovals({ repairs }: Status): string {
  const waiting = repairs.filter((repair) => repair.needsApproval);
  const lines = waiting.map(({ plan, hash, target, incident }) => {
    return `A repair of ${target} waits for you (kintsugi incident show ${incident}):\n  kintsugi approve ${plan} ${hash}\n`;
  });
  return lines.join('');
}

/** What the keeper knows, when control cannot be asked. */
function renderProcesses(processes: readonly ChildStatus[], paint: Paint, time: PrintTime): string {
  const rows = processes.map(({ id, state, pid, restarts, startedAt, version, region, exit }) => [
    id,
    paintWord(paint, state),
    String(pid ?? '-'),
    String(restarts),
    startedAt === null ? '-' : time(startedAt),
    region,
    version > 0 ? String(version) : '',
    exit && state !== 'running' ? clip(exit.signal ?? `code ${exit.code ?? 'unknown'}`, 20) : '',
  ]);
  const columns = [
    ...PROCESS_COLUMNS,
    { title: 'region' },
    { title: 'version', align: 'right' },
    { title: 'ended by' },
  ] as const;
  const warning = paint('yellow', 'control does not answer: this is what the keeper knows');
  return `${warning}\n\n${renderTable(columns, rows)}`;
}
