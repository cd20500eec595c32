/** What goes on when processes of Kintsugi are killed: the traffic, the record, and a stop that somebody set. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fromIso, systemClock as clock } from '../../src/base/clock.ts';
import type { ChildStatus } from '../../src/drivers/process/protocol.ts';
import { ClinicLoad, type LoadReport, readAtOnce, UNHARMED } from './clinic-load.ts';
import { until } from './program.ts';
import { CLINIC, markedPids, Stack } from './stack.ts';

const TEST_MS = 240_000;
/** Tenants of whom no access may go unrecorded. */
const AUDITED = ['clinic-de', 'hospital-us'];
/** Entries that say that something was done to the fleet, or is about to be. */
const DEEDS = /^(plan|repair\.(?!refused)|rollout)/;

let stack: Stack;
let load: ClinicLoad;
/** The instances that there were when the stop was set. */
let known: readonly string[];

beforeAll(async () => {
  stack = await Stack.create();
  await stack.up();
}, 150_000);

afterAll(() => stack.close(), 150_000);

async function child(id: string): Promise<ChildStatus> {
  const found = (await stack.keeper.list()).find((each) => each.id === id);
  if (!found) throw new Error(`the keeper has no ${id}`);
  return found;
}

async function kill9(id: string): Promise<void> {
  const { pid } = await child(id);
  if (pid === null) throw new Error(`${id} does not run`);
  process.kill(pid, 'SIGKILL');
  await until(`${id} runs again`, async () => {
    const now = await child(id);
    return now.state === 'running' && now.pid !== null && now.pid !== pid;
  });
}

/** Everything of Kintsugi does its work: one leads on fresh state, and what is served reaches the ledger. */
async function untilWhole(): Promise<void> {
  await until('control leads and everything is ready', async () => {
    const { leading, fresh, workloads, system } = await stack.status();
    const instances = workloads.flatMap((each) => each.instances);
    return leading && fresh && [...instances.map(({ ready }) => ready), ...system.map(isRunning)].every(Boolean);
  });
  for (const gateway of [0, 1]) {
    const since = clock.now();
    await until(`gateway ${gateway} serves and records`, async () => {
      // Clients keep their connections; which gateway gets a new one is up to chance.
      await Promise.all(readAtOnce(stack, 'shop', 2));
      return (await stack.entries()).some(
        ({ type, at, data }) => type === 'request.served' && data['gateway'] === gateway && fromIso(at) > since,
      );
    });
  }
}

function isRunning({ state }: { readonly state: string }): boolean {
  return state === 'running';
}

/** Every good answer to a tenant who asks for records of it is on record. */
async function expectOnRecord({ tenants }: LoadReport): Promise<void> {
  for (const tenant of AUDITED) {
    // One more than reported: the load's first request waits for the gateway.
    const succeeded = 1 + (tenants[tenant]?.succeeded ?? Number.NaN);
    expect(succeeded).toBeGreaterThan(1);
    await until(`${succeeded} requests of ${tenant} are on record`, async () => {
      const served = (await stack.entries()).filter(
        (each) => each.type === 'request.served' && each.tenant === tenant && fromIso(each.at) >= load.startedAt,
      );
      expect(new Set(served.map(({ id }) => id)).size).toBe(served.length);
      return served.length >= succeeded;
    });
  }
}

describe('one process', () => {
  beforeEach(async () => {
    load = await ClinicLoad.start(stack);
  }, 150_000);

  afterEach(async () => {
    await load.stop().catch(() => undefined);
  }, 150_000);

  for (const id of ['ledger', 'control', 'postgres', 'gateway-1']) {
    test(
      `kill -9 of ${id} harms no request that may be repeated and loses no record`,
      async () => {
        await kill9(id);
        await untilWhole();
        const report = await load.stop();
        expect(report.total).toMatchObject(UNHARMED);
        await expectOnRecord(report);
        expect((await stack.incidents()).filter(({ state }) => state === 'open')).toEqual([]);
      },
      TEST_MS,
    );
  }

  test(
    'kill -9 of the keeper harms nothing: the next one goes on with the same processes and doubles none',
    async () => {
      const pids = async () => Object.fromEntries((await stack.keeper.list()).map(({ id, pid }) => [id, pid]));
      const before = await pids();
      const marked = markedPids(stack.state);
      await stack.kill9Keeper();
      await stack.up();
      expect(await pids()).toEqual(before);
      expect(new Set(marked.map(({ id }) => id)).size).toBe(marked.length);
      expect(markedPids(stack.state)).toEqual(marked);
      await untilWhole();
      const report = await load.stop();
      expect(report.total).toMatchObject({ ...UNHARMED, failedOther: 0, retried: 0 });
      await expectOnRecord(report);
    },
    TEST_MS,
  );
});

describe('a stop', () => {
  let victim: string;

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
      for (const id of known)
        expect(await stack.closed(id)).toMatchObject({ cause: 'instance-died', outcome: 'healed' });
      await until('all instances serve again', async () => {
        const instances = (await stack.status()).workloads.flatMap((each) => each.instances);
        return instances.length === known.length && instances.every(({ role, ready }) => role === 'occupant' && ready);
      });
      expect(known).toContain(victim);
    },
    TEST_MS,
  );
});

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
