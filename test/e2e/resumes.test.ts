import { afterAll, beforeAll, expect, test } from 'vitest';
import type { IncidentAnswer, IncidentSummary } from '../../src/cli/answers.ts';
import { until } from './program.ts';
import { Stack } from './stack.ts';

const TEST_MS = 240_000;

let stack: Stack;

beforeAll(async () => {
  stack = await Stack.create();
  await stack.up();
}, 150_000);

afterAll(() => stack.close(), 150_000);

async function killSystem(id: string): Promise<void> {
  await stack.keeper.signal(id, { signal: 'SIGKILL', reason: 'test' });
}

async function incidentAbout(instance: string): Promise<IncidentSummary | undefined> {
  const { incidents } = await stack.control.call<{ incidents: IncidentSummary[] }>('GET', '/v1/incidents');
  return incidents.find(({ subject }) => subject === `instance ${instance}`);
}

/** Kills an instance, lets the repair write its intent, kills the healer `times` times, and tells how it ended. */
async function killHealerInRepair(times: number): Promise<{ answer: IncidentAnswer; slot: string[] }> {
  const { instances } = await stack.workload('records');
  const victim = instances.find(({ region, ordinal, ready }) => ready && region === 'eu' && ordinal === 0);
  if (victim?.pid == null) throw new Error('records has no instance to kill');
  process.kill(victim.pid, 'SIGKILL');
  for (let i = 0; i < times; i += 1) {
    await until('a repair is under way', async () => {
      const status = await stack.status().catch(() => undefined);
      return status?.leading === true && status.repairs.length > 0;
    });
    await killSystem('control');
  }
  await until('the repair has ended', async () => {
    const incident = await incidentAbout(victim.id).catch(() => undefined);
    return incident?.state === 'closed';
  });
  const incident = await incidentAbout(victim.id);
  const answer = await stack.control.call<IncidentAnswer>('GET', `/v1/incidents/${incident?.id}`);
  const after = await stack.workload('records');
  const slot = after.instances.filter(({ region, ordinal }) => region === 'eu' && ordinal === 0).map(({ id }) => id);
  return { answer, slot };
}

test(
  'a repair whose healer is killed in the middle is resumed by the next leader, with one successor and one journal',
  async () => {
    for (const times of [1, 2]) {
      const { answer, slot } = await killHealerInRepair(times);
      expect(answer.incident.outcome).toBe('healed');
      expect(answer.repairs).toHaveLength(1);
      const events = answer.repairs[0]!.journal.map(({ event }) => event);
      expect(events).toEqual(['opened', 'intent', 'applied', 'verified', 'ended']);
      expect(slot).toHaveLength(1);
      // Nothing that was started for this slot runs besides the one that has it.
      const running = (await stack.keeper.list()).filter(
        ({ workload, region, state, id }) =>
          workload === 'records' && region === 'eu' && state === 'running' && id.includes('-eu-0-'),
      );
      expect(running.map(({ id }) => id)).toEqual(slot);
    }
  },
  TEST_MS,
);
