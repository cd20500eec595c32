import type { ControlFault } from './drill-control-fault.ts';
import type { Preparation } from './drill-faults.ts';
import type { Status } from './answers.ts';
import { chooseProcess } from './drill-target.ts';

/**
 * The ledger stands still (SIGSTOP) and nothing is recorded. Gateways keep what they cannot hand over; tenants with
 * `audit: required` are refused once that is not safe any more. Nothing is lost when it goes on: the keeper kills what hangs
 * and starts it again.
 */
export async function auditGap({ world, status }: Preparation): Promise<ControlFault> {
  const { id, pid } = chooseProcess(status, 'ledger', undefined);
  return {
    target: `process ${id}`,
    about: `${id} stands still: no access is recorded`,
    facts: ['audit.canary.missing', 'audit.canary.seconds'],
    subjects: status.tenants.map(({ name }) => name),
    words: [id],
    undo: { kind: 'signal', id, signal: 'SIGCONT' },
    inject: () => world.signal(id, 'SIGSTOP'),
    mended: async () => isAnother(await world.status(), id, pid),
  };
}

/** The process runs under another pid than before. */
function isAnother(status: Status | undefined, id: string, pid: number | null): boolean {
  const now = status?.system.find((each) => each.id === id);
  return now?.state === 'running' && now.pid !== null && now.pid !== pid;
}
