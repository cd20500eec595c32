import type { Command } from 'commander';
import type { Binder, Invocation } from './invocation.ts';
import { renderTable } from './table.ts';

/** What a playbook may do without a person, and why. */
export interface TrustSummary {
  readonly playbook: string;
  readonly level: string;
  readonly reason: string;
  readonly drilledAt: string | null;
  /** Requests that its repairs cost in the window of the budget. */
  readonly harm: number;
  readonly harmMax: number;
}

export function declareTrust(program: Command, binder: Binder): void {
  const trust = program.command('trust').description('how far each playbook goes without a person, and why');
  binder.bind(trust, async (invocation) => {
    const { trust: rows } = await invocation.ask<{ trust: readonly TrustSummary[] }>('GET', '/v1/trust');
    invocation.print({ trust: rows }, () => renderTrust(invocation, rows));
  });
  const pardon = trust
    .command('pardon')
    .description('let a playbook run alone again after its harm took that away')
    .argument('<playbook>')
    .requiredOption('--reason <text>', 'why, for the record')
    .option('--by <name>', 'who pardons, for the record');
  binder.bind<{ by?: string; reason: string }>(pardon, async (invocation, { by: given, reason }, playbook) => {
    const by = invocation.actor(given);
    await invocation.ask('POST', '/v1/pardon', { playbook, by, reason });
    invocation.print({ playbook, by, reason }, () => `${playbook} is pardoned by ${by}\n`);
  });
}

function renderTrust({ time }: Invocation, rows: readonly TrustSummary[]): string {
  const columns = [
    { title: 'playbook' },
    { title: 'goes as far as' },
    { title: 'drilled' },
    { title: 'harm', align: 'right' },
    { title: 'why' },
  ] as const;
  return renderTable(
    columns,
    rows.map(({ playbook, level, reason, drilledAt, harm, harmMax }) => [
      playbook,
      level,
      drilledAt === null ? 'never' : time(drilledAt),
      `${harm} of ${harmMax}`,
      reason,
    ]),
  );
}
