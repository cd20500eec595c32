import { beforeEach, expect, test } from 'vitest';
import { useMigratedDatabase } from '../../test/fixtures/migrated-database.ts';
import { holdLease } from '../../test/sim/held-lease.ts';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import type { Register } from '../evidence/register.ts';
import { createRecord } from '../heal/record.ts';
import type { Database } from '../store/database.ts';
import { RegisterDesk } from './register-desk.ts';

const DAY_MS = 86_400_000;

let database: Database;

useMigratedDatabase((its) => {
  database = its;
});
/** Ms that the clock of the process is ahead. */
let ahead = 0;

beforeEach(async () => {
  ahead = 0;
  for (const table of ['register', 'outbox'] as const) await database.kysely.deleteFrom(table).execute();
});

async function desk(): Promise<RegisterDesk> {
  const record = createRecord(systemClock, systemRandom);
  const clock = { ...systemClock, now: () => systemClock.now() + ahead };
  return new RegisterDesk({
    database,
    lease: await holdLease(database),
    record,
    clock,
    tenants: () => ['clinic', 'shop'],
  });
}

function register(categories: readonly string[], missing: readonly string[] = []): Register {
  const nobody = { office: null, representative: null, dataProtectionOfficer: null };
  const regionsMeasured = { instances: ['eu'], stores: null, backups: null, logs: null, keys: null, support: null };
  const offices = { displayName: null, controller: null, representative: null, dataProtectionOfficer: null };
  const said = {
    categories,
    dataClasses: [],
    regionsPermitted: ['eu'],
    regionsMeasured,
    transfers: {},
    processors: {},
    measures: {},
    missing,
  };
  return { form: 1, processor: nobody, controllers: { clinic: { ...offices, ...said } } };
}

async function facts(of: RegisterDesk): Promise<readonly unknown[]> {
  const all = await of.collector().collect(new AbortController().signal);
  return all.map(({ name, subject, measured }) => [name, subject, 'value' in measured ? measured.value : 'unknown']);
}

test('what says the same is the same version on the same day, and anything else is a new one with an entry', async () => {
  const of = await desk();
  expect((await of.keep(register(['storage']), {}, 'anna')).current).toMatchObject({ version: 1, madeBy: 'anna' });
  expect((await of.keep(register(['storage']), {}, 'bert')).current).toMatchObject({ version: 1, madeBy: 'anna' });
  const { current, before } = await of.keep(register(['storage', 'backup']), {}, 'bert');
  expect([current.version, before?.version]).toEqual([2, 1]);
  expect(current.digest).not.toBe(before?.digest);
  ahead = DAY_MS;
  expect((await of.keep(register(['storage', 'backup']), {}, 'anna')).current).toMatchObject({
    version: 3,
    digest: current.digest,
  });
  const entries = await database.kysely.selectFrom('outbox').select('event').execute();
  expect(entries).toHaveLength(3);
  expect(await of.read(2)).toEqual(current);
  expect(await of.read(9)).toBeUndefined();
});

test('its age and its gaps are facts for the tenants that it names; for others they are unknown', async () => {
  const of = await desk();
  expect(new Set((await facts(of)).map((each) => (each as unknown[])[2]))).toEqual(new Set(['unknown']));
  await of.keep(register([], ['categories of processing']), {}, 'anna');
  ahead = 3 * DAY_MS;
  expect(await facts(of)).toEqual([
    ['register.ageDays', 'clinic', 3],
    ['register.fieldsMissing', 'clinic', 1],
    ['register.ageDays', 'shop', 'unknown'],
    ['register.fieldsMissing', 'shop', 'unknown'],
  ]);
});
