import type { Command } from 'commander';
import { printDuration } from '../base/duration.ts';
import { KinError } from '../base/errors.ts';
import { DUTIES } from '../resources/move-rule-words.ts';
import type { DutyAnswer } from './answers.ts';
import type { Binder, Invocation } from './invocation.ts';
import { epochMsOf } from './moment.ts';
import { renderTable } from './table.ts';

interface SignOptions {
  readonly reason: string;
  readonly by?: string;
}

export function declareDuties(program: Command, binder: Binder): void {
  const list = program
    .command('duties')
    .description('what the law lays on moves that were made, and nobody could carry out but a person');
  binder.bind(list, runList);
  const sign = program
    .command('duty')
    .description('one of them')
    .command('sign')
    .description('say that it was done; on record under your name')
    .argument('<id>', 'as `duties` shows it, or the name of a duty for all open ones of it')
    .requiredOption('--reason <text>', 'what was done, or why nothing had to be')
    .option('--by <name>', 'who signs, for the record');
  binder.bind<SignOptions>(sign, runSign);
}

async function readDuties(invocation: Invocation): Promise<readonly DutyAnswer[]> {
  return (await invocation.ask<{ duties: readonly DutyAnswer[] }>('GET', '/v1/duties')).duties;
}

async function runList(invocation: Invocation): Promise<void> {
  const duties = await readDuties(invocation);
  const now = invocation.context.clock.now();
  const rows = duties.map(({ id, duty, clause, move, tenants, incident, owedAt }) => [
    id,
    duty,
    clause,
    move,
    tenants.join(', '),
    incident,
    printDuration(now - epochMsOf(owedAt)),
  ]);
  const columns = ['id', 'duty', 'clause', 'after', 'for', 'incident', 'open for'].map((title) => ({ title }));
  invocation.print({ duties }, () => {
    if (rows.length === 0) return 'nothing is owed\n';
    const words = [...new Set(duties.map(({ duty }) => duty))].map((each) => `${each}: ${DUTIES[each]}`);
    return `${renderTable(columns, rows)}\n${words.join('\n')}\n`;
  });
}

async function runSign(invocation: Invocation, { reason, by }: SignOptions, given = ''): Promise<void> {
  const open = (await readDuties(invocation)).filter(({ id, duty }) => id === given || duty === given);
  if (open.length === 0)
    throw new KinError('resource.unknown', `nothing of the name ${given} is owed; see \`kintsugi duties\``);
  for (const { id } of open)
    await invocation.ask('POST', `/v1/duties/${encodeURIComponent(id)}/sign`, { by: invocation.actor(by), reason });
  invocation.print({ signed: open.map(({ id }) => id) }, () =>
    open.map(({ id, duty }) => `${id} ${duty}: signed\n`).join(''),
  );
}

/** Those that wait for a person, counted by kind, for the status. */
export function renderOwed(duties: readonly DutyAnswer[]): string {
  const kinds = Map.groupBy(duties, ({ duty, clause }) => `${duty} (${clause})`);
  const told = [...kinds].map(([kind, all]) => `  ${all.length} x ${kind}\n`);
  return told.length === 0 ? '' : `Owed by law after moves (kintsugi duties):\n${told.join('')}`;
}

/** Those of an incident, each with what came of it. */
export function tellDuties(duties: readonly DutyAnswer[]): string {
  return duties
    .map(({ id, duty, clause, tenants, metAt, metBy, result }) => {
      const met = metBy === 'control' ? result : `signed by ${metBy}: ${result}`;
      return `${duty} (${clause}) for ${tenants.join(', ')}: ${metAt === null ? `open; kintsugi duty sign ${id}` : met}`;
    })
    .join('\n');
}
