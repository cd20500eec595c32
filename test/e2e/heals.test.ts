import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { InstanceStatus } from '../../src/cli/answers.ts';
import type { LedgerEvent } from '../../src/ledger/entry.ts';
import { ClinicLoad, readAtOnce, UNHARMED } from './clinic-load.ts';
import { ROOT, until } from './program.ts';
import { Stack } from './stack.ts';

const RELEASE_2 = join(ROOT, 'examples', 'clinic', 'release-2.yaml');
const TEST_MS = 240_000;

let stack: Stack;

beforeAll(async () => {
  stack = await Stack.create();
  await stack.up();
}, 150_000);

afterAll(() => stack.close(), 150_000);

/** Types of the entries about an incident and its repairs, once its end is among them. */
async function story(incident: string): Promise<readonly string[]> {
  const isAbout = ({ subject, data }: LedgerEvent) => subject === incident || data['incident'] === incident;
  const events = await until(`the story of ${incident} is in the ledger`, async () => {
    const found = (await stack.entries()).filter(isAbout);
    return found.some(({ type }) => type === 'incident.closed') ? found : undefined;
  });
  // Duties are seen to on the side, whenever the watch looks.
  return events.map(({ type }) => type).filter((type) => !type.startsWith('duty.'));
}

const HEALED_STORY = [
  'incident.opened',
  'plan.made',
  'repair.opened',
  'repair.intent',
  'repair.applied',
  'repair.verified',
  'repair.ended',
  'incident.closed',
];

test(
  'an instance that is killed is replaced, no request that may be repeated fails, and the story is on record',
  async () => {
    const load = await ClinicLoad.start(stack);
    const victim = await stack.instance('records');
    const { id, pid, region, ordinal } = victim;
    await makeSlow(victim, 1_000);
    const answers = readAtOnce(stack, 'clinic-de', 12);
    // The other instance has answered: what went to the slow one is under way there.
    await Promise.any(answers);
    process.kill(pid, 'SIGKILL');
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ status: 200, retried: false });
    const incident = await stack.closed(id);
    expect(incident).toMatchObject({ cause: 'instance-died', outcome: 'healed', subject: `instance ${id}` });
    const { instances } = await stack.workload('records');
    const successor = instances.find((each) => each.region === region && each.ordinal === ordinal);
    expect(successor).toMatchObject({ ready: true, running: true, role: 'occupant' });
    expect(successor?.id).not.toBe(id);
    await until('the successor serves', async () =>
      (await stack.entries()).some(({ type, data }) => type === 'request.served' && data['instance'] === successor?.id),
    );
    expect((await load.stop()).total).toMatchObject(UNHARMED);
    expect(await story(incident.id)).toEqual(HEALED_STORY);
    const served = (await stack.entries()).filter(({ type }) => type === 'request.served');
    expect(served.some(({ data }) => Number(data['attempts']) > 1 && data['status'] === 200)).toBe(true);
  },
  TEST_MS,
);

/** Through the test hook of the clinic's services. */
async function makeSlow({ host, port }: InstanceStatus, ms: number): Promise<void> {
  const body = JSON.stringify({ fault: 'slow', parameter: ms });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`http://${host}:${port}/_drill`, { method: 'POST', headers, body });
  expect(answer.ok).toBe(true);
}

test(
  'an instance that hangs is replaced, and no request that may be repeated fails',
  async () => {
    const load = await ClinicLoad.start(stack);
    const { id, pid } = await stack.instance('records');
    process.kill(pid, 'SIGSTOP');
    const incident = await stack.closed(id);
    expect(incident).toMatchObject({ cause: 'instance-hung', outcome: 'healed' });
    expect((await stack.keeper.list()).find((each) => each.id === id)).toMatchObject({ state: 'exited' });
    expect((await load.stop()).total).toMatchObject(UNHARMED);
    expect(await story(incident.id)).toEqual(HEALED_STORY);
  },
  TEST_MS,
);

test(
  'a bad release is rolled back without a person, and applying it again changes nothing',
  async () => {
    await until('version 1 has soaked', async () => (await stack.workload('records')).lastKnownGood === 1);
    const load = await ClinicLoad.start(stack);
    const applied = await stack.cli('apply', '-f', RELEASE_2);
    expect(applied).toMatchObject({ code: 0, err: '' });
    expect(applied.out).toContain('version 2');
    const incident = await until('the release is healed', async () =>
      (await stack.incidents()).find(({ cause, state }) => cause === 'version' && state === 'closed'),
    );
    expect(incident).toMatchObject({ outcome: 'healed', workload: 'records' });
    const { repairs } = await stack.incident(incident.id);
    expect(repairs).toMatchObject([{ outcome: 'healed', approvedBy: null, plan: { needsApproval: false } }]);
    const { targetVersion, instances } = await stack.workload('records');
    expect(targetVersion).toBe(1);
    expect(instances).toHaveLength(4);
    for (const instance of instances) expect(instance).toMatchObject({ version: 1, ready: true, role: 'occupant' });
    expect((await stack.status()).stops).toEqual([]);
    const { leaks, missing, stale } = (await load.stop()).total;
    expect({ leaks, missing, stale }).toEqual({ leaks: 0, missing: 0, stale: 0 });
    await expectUnchangedBy(RELEASE_2);
  },
  TEST_MS,
);

async function expectUnchangedBy(file: string): Promise<void> {
  const before = await stack.workload('records');
  const again = JSON.parse((await stack.cli('apply', '-f', file, '--json')).out) as { applied: unknown[] };
  expect(again.applied).toMatchObject([{ key: 'Workload/records', change: 'unchanged', generation: 2 }]);
  const after = await stack.workload('records');
  expect(after.targetVersion).toBe(1);
  expect(after.instances.map(({ id, pid }) => [id, pid])).toEqual(before.instances.map(({ id, pid }) => [id, pid]));
}
