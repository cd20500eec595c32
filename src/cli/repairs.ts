import type { Command } from 'commander';
import type { RepairSummary } from './answers.ts';
import type { Binder, Invocation } from './invocation.ts';
import { printDuration } from '../base/duration.ts';
import { epochMsOf } from './moment.ts';
import { wholeNumber } from './number-option.ts';
import { paintWord } from './paint.ts';
import { renderTable } from './table.ts';

interface Saying {
  readonly by?: string;
  readonly reason: string;
}

export function declareRepairs(program: Command, binder: Binder): void {
  const list = program
    .command('repairs')
    .description('what was done about incidents, newest first')
    .option('-n, --limit <number>', 'how many', wholeNumber(1, 1_000), 20);
  binder.bind<{ limit: number }>(list, runRepairs);
  const approve = program
    .command('approve')
    .description('let a plan run that waits for a person; exactly the plan with this hash')
    .argument('<plan>', 'id of the plan')
    .argument('<hash>', 'as `status` and `incident show` print it')
    .option('--by <name>', 'who approves, for the record');
  binder.bind<{ by?: string }>(approve, async (invocation, options, plan, hash) => {
    const by = invocation.actor(options.by);
    const { missing } = await invocation.ask<{ missing: number }>('POST', '/v1/approve', { plan, hash, by });
    const still = missing > 0 ? `; it cannot be undone, so ${missing} more has to approve it` : '';
    invocation.print({ plan, hash, by, missing }, () => `${plan} is approved by ${by}${still}\n`);
  });
  const reject = program
    .command('reject')
    .description('refuse a plan that waits for a person; a new one is made while the incident is open')
    .argument('<plan>', 'id of the plan')
    .requiredOption('--reason <text>', 'why, for the record')
    .option('--by <name>', 'who refuses, for the record');
  binder.bind<Saying>(reject, async (invocation, { by: given, reason }, plan) => {
    const by = invocation.actor(given);
    await invocation.ask('POST', '/v1/reject', { plan, by, reason });
    invocation.print({ plan, by, reason }, () => `${plan} is refused by ${by}\n`);
  });
  const cancel = program
    .command('cancel')
    .description('end a repair: a step under way is finished, nothing new is begun, what was done is undone')
    .argument('<repair>', 'id of the repair')
    .requiredOption('--reason <text>', 'why, for the record')
    .option('--by <name>', 'who cancels, for the record');
  binder.bind<Saying>(cancel, async (invocation, { by: given, reason }, repair) => {
    const by = invocation.actor(given);
    await invocation.ask('POST', '/v1/cancel', { repair, by, reason });
    invocation.print({ repair, by, reason }, () => `${repair} is being undone; see \`kintsugi repairs\`\n`);
  });
}

async function runRepairs(invocation: Invocation, { limit }: { limit: number }): Promise<void> {
  const { repairs } = await invocation.ask<{ repairs: readonly RepairSummary[] }>('GET', `/v1/repairs?limit=${limit}`);
  invocation.print({ repairs }, () => renderRepairs(invocation, repairs));
}

function renderRepairs({ paint, time, context }: Invocation, repairs: readonly RepairSummary[]): string {
  if (repairs.length === 0) return 'no repair is on record\n';
  const rows = repairs.map((repair) => {
    const endedMs = repair.endedAt === null ? context.clock.now() : epochMsOf(repair.endedAt);
    return [
      repair.id,
      paintWord(paint, stateOf(repair)),
      repair.target,
      repair.moves.join(' > '),
      time(repair.startedAt),
      printDuration(endedMs - epochMsOf(repair.startedAt)),
      repair.incident,
      repair.reason ?? '',
    ];
  });
  const columns = [
    { title: 'repair' },
    { title: 'state' },
    { title: 'target' },
    { title: 'ladder' },
    { title: 'started' },
    { title: 'took', align: 'right' },
    { title: 'incident' },
    { title: 'reason' },
  ] as const;
  return renderTable(columns, rows);
}

function stateOf({ outcome, needsApproval }: RepairSummary): string {
  return outcome ?? (needsApproval ? 'to approve' : 'running');
}
