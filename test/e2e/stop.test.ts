import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './program.ts';
import { CLINIC, Stack } from './stack.ts';

const TEST_MS = 240_000;
/** Entries that say that something was done to the fleet, or is about to be. */
const DEEDS = /^(plan|repair\.(?!refused)|rollout)/;

let stack: Stack;
let victim: string;
let known: readonly string[];

beforeAll(async () => {
  stack = await Stack.create();
  await stack.up();
}, 150_000);

afterAll(() => stack.close(), 150_000);

async function instanceIds(): Promise<readonly string[]> {
  const instances = (await stack.keeper.list()).filter(({ role }) => role === 'instance');
  return instances.map(({ id }) => id).sort();
}

/** An open incident of each of these instances says that the stop stands against healing. */
function untilRefused(...instances: readonly string[]): Promise<true> {
  return until(`nothing is healed of ${instances.join(', ')}`, async () => {
    const { leading, incidents } = await stack.status();
    const refused = incidents.filter(({ refusal }) => refusal?.guards.some(({ guard }) => guard === 'stop'));
    const subjects = refused.map(({ subject }) => subject);
    return leading && instances.every((id) => subjects.includes(`instance ${id}`));
  });
}

/** The keeper remembers what it started, and the ledger what was planned: neither has anything from after the stop. */
async function expectNothingDone(): Promise<void> {
  expect(await instanceIds()).toEqual(known);
  const types = (await stack.entries()).map(({ type }) => type);
  expect(types).toContain('stop.set');
  expect(types.slice(types.indexOf('stop.set')).filter((type) => DEEDS.test(type))).toEqual([]);
}

test(
  'while the stop is on, a dead instance is not replaced, and its incident says why',
  async () => {
    // Until then the rollout of the first version is under way.
    await until('everything is rolled out', async () =>
      (await stack.status()).workloads.every(({ phase }) => phase === 'soaking' || phase === 'steady'),
    );
    known = await instanceIds();
    expect(await stack.cli('stop', '--reason', 'audit')).toMatchObject({ code: 0, err: '' });
    const { id, pid } = await stack.instance('records');
    victim = id;
    process.kill(pid, 'SIGKILL');
    await untilRefused(victim);
    const incident = (await stack.status()).incidents.find(({ subject }) => subject === `instance ${victim}`);
    expect(incident?.refusal?.guards).toMatchObject([{ guard: 'stop', reason: 'stopped by tester: audit' }]);
    await until('the stop is on record', async () =>
      (await stack.entries()).some(({ type, subject }) => type === 'repair.refused' && subject === incident?.id),
    );
    await expectNothingDone();
  },
  TEST_MS,
);

test(
  'the stop outlives the death of everything, and a new apply of the same manifests',
  async () => {
    await stack.kill9All();
    stack.begin();
    await untilRefused(...known);
    await expectNothingDone();
    expect(await stack.cli('apply', '-f', CLINIC)).toMatchObject({ code: 0, err: '' });
    expect((await stack.status()).stops).toMatchObject([{ scope: 'global', reason: 'audit', by: 'tester' }]);
    await untilRefused(...known);
    await expectNothingDone();
    expect((await stack.keeper.list()).filter(({ role, pid }) => role === 'instance' && pid !== null)).toEqual([]);
  },
  TEST_MS,
);

test(
  'after resume everything is healed',
  async () => {
    expect(await stack.cli('resume', '--reason', 'audit is over')).toMatchObject({ code: 0, err: '' });
    for (const id of known) expect(await stack.closed(id)).toMatchObject({ cause: 'instance-died', outcome: 'healed' });
    await until('all instances serve again', async () => {
      const instances = (await stack.status()).workloads.flatMap((each) => each.instances);
      return instances.length === known.length && instances.every(({ role, ready }) => role === 'occupant' && ready);
    });
    expect(known).toContain(victim);
  },
  TEST_MS,
);
