import { sql } from 'kysely';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { useMigratedDatabase } from '../../test/fixtures/migrated-database.ts';
import { diagnosisOf } from '../../test/sim/plans.ts';
import { systemClock as clock, toIso } from '../base/clock.ts';
import { systemRandom as random } from '../base/random.ts';
import { Posture } from '../comply/posture.ts';
import type { World } from '../drivers/world.ts';
import { closeIncident, openIncident } from '../heal/incident-store.ts';
import { createRecord } from '../heal/record.ts';
import { builtinProfiles } from '../resources/builtin-profiles.ts';
import { compileProfile } from '../resources/profile.ts';
import type { Database } from '../store/database.ts';
import { incidentRecords } from './incident-facts.ts';

const HOUR_MS = 3_600_000;
const TENANTS = ['clinic', 'hospital'];
const CONTROL = 'hipaa-164.312.a.1';
const record = createRecord(clock, random);
const ago = (hours: number) => toIso(clock.now() - hours * HOUR_MS);

let database: Database;
let posture: Posture;
let exceptions: object[];

useMigratedDatabase((its) => {
  database = its;
});

beforeAll(async () => {
  posture = new Posture();
  const frameworks = builtinProfiles().map(compileProfile);
  const terms = { regions: ['eu'], processors: [], dataClasses: [], availability: 0.99 };
  const tenants = TENANTS.map((name) => ({ terms: { ...terms, name }, frameworks: ['hipaa'], contract: {} }));
  posture.declare({ tenants, frameworks, deviations: [] }, clock.now());
}, 60_000);
beforeEach(async () => {
  exceptions = [];
  await sql`truncate violation, incident cascade`.execute(database.kysely);
});

async function violated(
  of: { goodAt?: string | null; foundAt?: string; healedAt?: string | null; control?: string } = {},
) {
  const { goodAt = ago(30), foundAt = ago(29), healedAt = ago(20), control = CONTROL } = of;
  const row = { tenant: 'clinic', framework: 'hipaa', control, good_at: goodAt, bad_at: foundAt, found_at: foundAt };
  const { id } = await database.kysely.insertInto('violation').values(row).returning('id').executeTakeFirstOrThrow();
  if (healedAt)
    await database.kysely.updateTable('violation').set({ healed_at: healedAt }).where('id', '=', id).execute();
}

/** An incident that was open at these hours before now, and that names the control for these tenants. */
async function answered(
  from: number,
  until: number | null,
  tenants: readonly string[] = ['clinic'],
  more: object = {},
) {
  const subject = { kind: 'store', name: 'postgresql/records/eu' } as never;
  const clause = { framework: 'hipaa', control: CONTROL, clause: '164.312(a)(1)', title: 'Access' };
  const violates = [{ ...clause, tenants, tenantsTotal: tenants.length, remedies: [], advice: [] }];
  const [symptom] = diagnosisOf('compliance', subject).evidence;
  const evidence = [{ ...symptom!, name: 'fact-rls.enabled' as const, evidence: { violated: violates as never } }];
  const diagnosis = diagnosisOf('compliance', subject, { evidence, key: `${from} ${tenants.join()}`, ...more });
  await database.transaction(async (tx) => {
    const { id } = await openIncident(tx, diagnosis, ago(from), random, record);
    await sql`update incident set opened_at = ${ago(from)} where id = ${id}`.execute(tx);
    if (until === null) return;
    await closeIncident(tx, id, 'healed', record);
    await sql`update incident set closed_at = ${ago(until)} where id = ${id}`.execute(tx);
  });
}

async function incomplete() {
  const declared = { tenants: TENANTS.map((name) => ({ metadata: { name } })), exceptions };
  const collector = incidentRecords({ database, posture, clock, world: { declared } as unknown as World });
  const facts = await collector.collect(new AbortController().signal);
  return Object.fromEntries(facts.map(({ subject, measured }) => [subject, measured]));
}

const NONE = { kind: 'value', value: 0 };

test('a violation that was healed without an incident is counted for its tenant, and named', async () => {
  await violated();
  expect(await incomplete()).toEqual({
    clinic: { kind: 'value', value: 1, detail: `${CONTROL} without an incident` },
    hospital: NONE,
  });
});

test('one that an incident names is complete, open or closed; not by one of another tenant or time', async () => {
  await violated();
  await answered(29, 19, ['hospital']);
  await answered(60, 50);
  await answered(5, 4);
  expect(await incomplete()).toMatchObject({ clinic: { value: 1 }, hospital: NONE });
  await answered(29, 20);
  expect(await incomplete()).toEqual({ clinic: NONE, hospital: NONE });
  await violated({ healedAt: null, foundAt: ago(3), goodAt: ago(3.5) });
  expect(await incomplete()).toMatchObject({ clinic: { value: 1 } });
  await answered(3, null);
  expect(await incomplete()).toMatchObject({ clinic: NONE });
});

test('what opens no incident by intention is not counted', async () => {
  await violated({ goodAt: null });
  await violated({ foundAt: ago(29), healedAt: ago(28.5) });
  await violated({ control: 'hipaa-164.308.a.7.ii.B' });
  await violated({ control: 'no-control-any-more' });
  expect(await incomplete()).toMatchObject({ clinic: NONE });
  await violated();
  exceptions = [{ spec: { control: CONTROL, tenants: ['clinic'] } }];
  expect(await incomplete()).toMatchObject({ clinic: NONE });
  exceptions = [{ spec: { control: CONTROL, tenants: ['hospital'] } }];
  expect(await incomplete()).toMatchObject({ clinic: { value: 1 } });
});

test('an incident that is over and does not say how it ended is incomplete', async () => {
  await answered(29, 20, ['hospital']);
  await sql`update incident set outcome = null`.execute(database.kysely);
  expect(await incomplete()).toMatchObject({ clinic: NONE, hospital: { value: 1 } });
});
