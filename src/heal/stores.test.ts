import { sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { useMigratedDatabase } from '../../test/fixtures/migrated-database.ts';
import { holdLease } from '../../test/sim/held-lease.ts';
import { diagnosisOf, planOf } from '../../test/sim/plans.ts';
import { systemClock } from '../base/clock.ts';
import { newId } from '../base/ids.ts';
import { systemRandom } from '../base/random.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { fencedTransaction } from '../store/lease.ts';
import type { ThrowawayPostgres } from '../store/throwaway-postgres.ts';
import { readBudgets, spendBudgets } from './budgets.ts';
import { closeIncident, openIncident, readIncident, readOpenIncidents, refuseIncident } from './incident-store.ts';
import type { Plan } from './plan.ts';
import { createPostgresqlDetectionMemory } from './postgresql-detection-memory.ts';
import { planHash } from './plan-hash.ts';
import { createRecord } from './record.ts';
import { createRepairStore, openRepair, readJournal, readOpenRepairs, readPastRepairs } from './repair-store.ts';
import { addStop, liftStops, readStops } from './stop-store.ts';

const record = createRecord(systemClock, systemRandom);
const diagnosis = diagnosisOf('instance-hung', {
  kind: 'instance',
  name: 'records-0',
  workload: 'records',
  version: 1,
});
const TABLES = [
  'detection_state',
  'repair_journal',
  'repair',
  'plan',
  'incident',
  'budget',
  'stop',
  'outbox',
  'lease',
] as const;

let server: ThrowawayPostgres;
let database: Database;

useMigratedDatabase((its, on) => {
  database = its;
  server = on;
});

beforeEach(async () => {
  for (const table of TABLES) await database.kysely.deleteFrom(table).execute();
});

/** What reached the outbox since the last look: `incident.opened`, in order. */
async function recorded(): Promise<string[]> {
  const rows = await database.kysely.selectFrom('outbox').select('event').orderBy('seq').execute();
  await database.kysely.deleteFrom('outbox').execute();
  return rows.map(({ event }) => (event as { type: string }).type);
}

const lead = () => holdLease(database);

const open = (at = '2026-01-01T00:00:00.000Z') =>
  database.transaction((tx) => openIncident(tx, diagnosis, at, systemRandom, record));

async function begin(more: Partial<Plan> = {}): Promise<{ id: string; plan: Plan }> {
  const incident = await open();
  const plan = planOf({ id: newId('pln', systemRandom), incident: incident.id, ...more });
  const id = newId('rep', systemRandom);
  await database.transaction((tx) => openRepair(tx, id, plan, 1, record));
  return { id, plan };
}

describe('incidents', () => {
  test('one is open per key, whoever opens it and however often, and it is recorded once', async () => {
    const opened = await Promise.all([open(), open(), open()]);
    expect(new Set(opened.map(({ id }) => id)).size).toBe(1);
    expect(await readOpenIncidents(database)).toHaveLength(1);
    expect(await recorded()).toEqual(['incident.opened']);
  });

  test('after it was closed the same key opens another', async () => {
    const first = await open();
    await database.transaction((tx) => closeIncident(tx, first.id, 'healed', record));
    await database.transaction((tx) => closeIncident(tx, first.id, 'recovered', record));
    expect((await open()).id).not.toBe(first.id);
    expect(await readIncident(database, first.id)).toMatchObject({ state: 'closed', outcome: 'healed' });
    expect(await recorded()).toEqual(['incident.opened', 'incident.closed', 'incident.opened']);
  });

  test('a refusal stands on the incident for people to see', async () => {
    const incident = await open();
    await database.transaction((tx) => refuseIncident(tx, incident, { target: null, guards: [] }, record));
    expect((await readIncident(database, incident.id))?.body.refusal).toEqual({ target: null, guards: [] });
    expect(await recorded()).toEqual(['incident.opened', 'repair.refused']);
  });

  test('a refusal for one tenant is that of this tenant in the record; for several it names them', async () => {
    const incident = await open();
    const refuse = (...tenants: readonly string[]) =>
      database.transaction((tx) => refuseIncident(tx, incident, { target: null, tenants, guards: [] }, record));
    await refuse('shop');
    await refuse('shop', 'clinic');
    const rows = await database.kysely.selectFrom('outbox').select('event').execute();
    const events = rows.map(({ event }) => event as { type: string; tenant?: string; data: object });
    const refused = events.filter(({ type }) => type === 'repair.refused');
    expect(refused).toMatchObject([
      { tenant: 'shop', data: { tenants: ['shop'] } },
      { data: { tenants: ['shop', 'clinic'] } },
    ]);
    expect(refused[1]).not.toHaveProperty('tenant');
  });
});

describe('repairs', () => {
  test('a target has one at a time: the second takes nothing, and its budget is not spent', async () => {
    const { id } = await begin();
    const incident = await open();
    const plan = planOf({ id: newId('pln', systemRandom), incident: incident.id });
    const second = database.transaction(async (tx) => {
      await spendBudgets(tx, ['global']);
      await openRepair(tx, 'rep_second', plan, 1, record);
    });
    await expect(second).rejects.toThrow(/repair_target|duplicate/);
    expect((await readOpenRepairs(database)).map((each) => each.id)).toEqual([id]);
    expect(await readBudgets(database, ['global'])).toEqual({ global: 12 });
  });

  test('another target, and the same after the end, are free', async () => {
    const first = await begin();
    await begin({ target: 'slot records/eu/1' });
    const store = createRepairStore({ database, lease: await lead(), record });
    await store.end(first.id, first.plan, 'unwound', 'no step held');
    await begin();
    expect(await readOpenRepairs(database)).toHaveLength(2);
  });

  test('a plan comes back from the database as it was approved, byte for byte', async () => {
    const { id, plan } = await begin();
    const [kept] = await readOpenRepairs(database);
    expect(kept).toEqual({ id, plan });
    expect(planHash(kept!.plan)).toBe(planHash(plan));
    const row = await database.kysely.selectFrom('plan').select('hash').executeTakeFirstOrThrow();
    expect(row.hash).toBe(planHash(plan));
  });

  test('the journal is kept in order, recorded with each entry, and ends with the outcome', async () => {
    const { id, plan } = await begin();
    const store = createRepairStore({ database, lease: await lead(), record });
    await recorded();
    await store.append(id, plan, { moveIndex: 0, event: 'intent', data: { move: 'replace' } });
    await store.append(id, plan, { moveIndex: 0, event: 'applied', data: {} });
    await store.end(id, plan, 'healed', 'good');
    const journal = await readJournal(database, id);
    expect(journal.map(({ seq, event }) => [seq, event])).toEqual([
      [1, 'opened'],
      [2, 'intent'],
      [3, 'applied'],
      [4, 'ended'],
    ]);
    expect(journal.at(-1)?.data).toEqual({ outcome: 'healed', reason: 'good' });
    expect(await recorded()).toEqual(['repair.intent', 'repair.applied', 'repair.ended', 'incident.closed']);
    expect(await readOpenRepairs(database)).toEqual([]);
    expect(await readPastRepairs(database)).toMatchObject([{ id, outcome: 'healed', target: plan.target }]);
  });

  test('an end that healed nothing leaves the incident open, with what was done', async () => {
    const { id, plan } = await begin();
    await createRepairStore({ database, lease: await lead(), record }).end(
      id,
      plan,
      'escalated',
      'a person was called',
    );
    expect(await readIncident(database, plan.incident)).toMatchObject({ state: 'open', outcome: 'escalated' });
  });

  test('a former leader writes nothing: neither journal, nor end, nor record', async () => {
    const { id, plan } = await begin();
    const former = createRepairStore({ database, lease: await lead(), record });
    const current = createRepairStore({ database, lease: await lead(), record });
    await recorded();
    const intent = { moveIndex: 0, event: 'intent' as const, data: {} };
    await expect(former.append(id, plan, intent)).rejects.toMatchObject({ code: 'lease.stale' });
    await expect(former.end(id, plan, 'unwound', '')).rejects.toMatchObject({ code: 'lease.stale' });
    expect(await readJournal(database, id)).toHaveLength(1);
    expect(await recorded()).toEqual([]);
    await current.append(id, plan, intent);
    expect(await readJournal(database, id)).toHaveLength(2);
  });

  test('who does not lead at all is refused before anything is written', async () => {
    const lease = { ...(await lead()), current: () => undefined };
    const write = fencedTransaction(database, lease, (tx) => spendBudgets(tx, ['global']));
    await expect(write).rejects.toMatchObject({ code: 'lease.lost' });
    expect(await readBudgets(database, ['global'])).toEqual({ global: 12 });
  });
});

describe('budgets', () => {
  const spend = (times: number) =>
    database.transaction(async (tx) => {
      for (let i = 0; i < times; i++) await spendBudgets(tx, ['global', 'workload records']);
    });
  const passed = (seconds: number) =>
    database.kysely
      .updateTable('budget')
      .set({ updated_at: sql<string>`updated_at - ${seconds} * interval '1 second'` })
      .execute();

  test('a scope that was never used is full; what was spent is gone for whoever asks', async () => {
    expect(await readBudgets(database, ['global', 'workload records'])).toEqual({ global: 12, 'workload records': 6 });
    await spend(4);
    const other = await openDatabase(server.connection);
    const left = await readBudgets(other, ['global', 'workload records']);
    await other.close();
    expect(left['global']).toBeCloseTo(8, 0);
    expect(left['workload records']).toBeCloseTo(2, 0);
  });

  test('they refill with the time of the database, up to what they hold', async () => {
    await spend(6);
    await passed(20);
    const left = await readBudgets(database, ['global', 'workload records']);
    expect(left['global']).toBeCloseTo(8, 0);
    expect(left['workload records']).toBeCloseTo(1, 0);
    await passed(3_600);
    expect(await readBudgets(database, ['global', 'workload records'])).toEqual({ global: 12, 'workload records': 6 });
    await spend(1);
    expect((await readBudgets(database, ['global']))['global']).toBeCloseTo(11, 0);
  });
});

describe('stops', () => {
  const set = (id: string, scope: string, expiresAt: number | null = null) =>
    database.transaction((tx) => addStop(tx, { id, scope, reason: 'maintenance', by: 'ada', expiresAt }, record));
  const scopes = async () => (await readStops(database)).map(({ scope }) => scope);

  test('they stand after a restart of everything, and only being lifted ends them', async () => {
    await set('stp_1', 'global');
    await set('stp_2', 'workload records');
    await set('stp_3', 'global');
    const other = await openDatabase(server.connection);
    expect(await readStops(other)).toHaveLength(3);
    await other.close();
    expect(await database.transaction((tx) => liftStops(tx, 'global', 'ada', 'done', record))).toBe(2);
    expect(await scopes()).toEqual(['workload records']);
    expect(await database.transaction((tx) => liftStops(tx, 'global', 'ada', 'done', record))).toBe(0);
    expect(await recorded()).toEqual(['stop.set', 'stop.set', 'stop.set', 'stop.lifted']);
  });

  test('one with an end is over when the database says so', async () => {
    await set('stp_1', 'global', systemClock.now() + 3_600_000);
    await set('stp_2', 'workload records', systemClock.now() - 60_000);
    expect(await scopes()).toEqual(['global']);
    expect((await readStops(database))[0]?.expiresAt).toBeGreaterThan(systemClock.now());
  });
});

describe('what detectors know', () => {
  const part = (name: string, state: string) => ({
    detector: 'series',
    part: name,
    heardUntil: 1_795_000_000_123.25,
    state,
  });

  test('comes back byte for byte, only under the version that wrote it, and the last word counts', async () => {
    const lease = await lead();
    const memory = createPostgresqlDetectionMemory({ database, lease, shape: '1' });
    const text = '{"low":1e-300,"high":1e300,"share":0.30000000000000004,"name":"\\u0007é"}';
    await memory.write([part('', '{}'), part('tenant shop', text)]);
    await memory.write([part('', '{"sweptAt":1}')]);
    const kept = await memory.read();
    expect(kept.toSorted((a, b) => a.part.length - b.part.length)).toEqual([
      part('', '{"sweptAt":1}'),
      part('tenant shop', text),
    ]);
    expect(await createPostgresqlDetectionMemory({ database, lease, shape: '2' }).read()).toEqual([]);
  });

  test('is forgotten when a whole round did not write it, and a former leader writes nothing', async () => {
    const lease = await lead();
    const memory = createPostgresqlDetectionMemory({ database, lease, shape: '1' });
    await memory.write([part('', '{}'), part('tenant gone', '{}')]);
    const round = await memory.beginRound();
    await memory.write([part('', '{}')]);
    await memory.forgetBefore(round);
    expect((await memory.read()).map((each) => each.part)).toEqual(['']);
    await lead();
    await expect(memory.write([part('late', '{}')])).rejects.toMatchObject({ code: 'lease.stale' });
    expect(await memory.read()).toHaveLength(1);
  });
});
