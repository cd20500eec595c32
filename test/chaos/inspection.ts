import type { IncidentSummary } from '../../src/cli/answers.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import type { ClinicLoad } from '../e2e/clinic-load.ts';
import { until } from '../e2e/program.ts';
import { markedPids, type Stack } from '../e2e/stack.ts';

/** Something that is not as it should be. */
export interface Finding {
  readonly what: string;
  readonly detail: string;
}

const ENDS = ['healed', 'unwound', 'stuck', 'escalated', 'refused'];
const QUIET_WITHIN_MS = 180_000;

/** Waits for quiet, then looks at everything that a crash could have broken. */
export async function inspect(stack: Stack, load: ClinicLoad) {
  const findings: Finding[] = [];
  const find = (what: string, detail: string) => void findings.push({ what, detail });
  const isQuiet = await quiet(stack);
  if (!isQuiet) find('not quiet', `after ${QUIET_WITHIN_MS / 1_000} s something is still not ready or still open`);
  const report = await load.stop();
  const { incidents } = await stack.control.call<{ incidents: IncidentSummary[] }>('GET', '/v1/incidents?limit=1000');
  const { repairs } = await stack.control.call<{ repairs: { id: string; outcome: string | null; target: string }[] }>(
    'GET',
    '/v1/repairs?limit=1000',
  );
  for (const { id, outcome, target } of repairs) {
    if (outcome === null || !ENDS.includes(outcome)) find('repair without an end', `${id} on ${target}`);
    if (outcome === 'stuck') find('stuck repair', `${id} on ${target}`);
  }
  const doubles = Map.groupBy(markedPids(stack.state), ({ id }) => id);
  for (const [id, pids] of doubles)
    if (pids.length > 1) find('runs twice', `${id}: ${pids.map(({ pid }) => pid).join(', ')}`);
  const verified = await stack.cli('ledger', 'verify', '--json');
  if (verified.code !== 0) find('the record is not whole', verified.out.slice(0, 300));
  const { total } = report;
  if (total.leaks > 0) find('data of another tenant', `${total.leaks} answers`);
  if (total.missing > 0 || total.stale > 0) find('lost writes', `${total.missing} missing, ${total.stale} stale`);
  const outcomes = Object.groupBy(incidents, ({ outcome }) => outcome ?? 'open');
  const facts = {
    requests: total.requests,
    'failed, safe to repeat': total.failedIdempotent,
    incidents: incidents.length,
    repairs: repairs.length,
    ...Object.fromEntries(Object.entries(outcomes).map(([name, list]) => [`incidents ${name}`, list?.length ?? 0])),
  };
  return { findings, facts };
}

async function quiet(stack: Stack): Promise<boolean> {
  const untilMs = clock.monotonicMs() + QUIET_WITHIN_MS;
  while (clock.monotonicMs() < untilMs) {
    try {
      await until('everything is ready and nothing is open', async () => {
        const { leading, fresh, workloads, system, incidents } = await stack.status();
        const instances = workloads.flatMap((each) => each.instances);
        const isWhole = instances.every(({ ready, role }) => ready && role === 'occupant');
        return (
          leading && fresh && isWhole && system.every(({ state }) => state === 'running') && incidents.length === 0
        );
      });
      return true;
    } catch {
      // Looked at again until the time is over.
    }
  }
  return false;
}
