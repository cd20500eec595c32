import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { useMigratedDatabase } from '../../test/fixtures/migrated-database.ts';
import { diagnosisOf, planOf } from '../../test/sim/plans.ts';
import { systemClock as clock } from '../base/clock.ts';
import { newId } from '../base/ids.ts';
import { createLog } from '../base/log.ts';
import { systemRandom as random } from '../base/random.ts';
import type { World } from '../drivers/world.ts';
import { openIncident } from '../heal/incident-store.ts';
import type { Plan } from '../heal/plan.ts';
import { createRecord } from '../heal/record.ts';
import { openRepair } from '../heal/repair-store.ts';
import { type LedgerClient, ledgerClient } from '../ledger/client.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import { startLedger } from '../ledger/server.ts';
import type { Database } from '../store/database.ts';
import { drain } from '../store/outbox.ts';
import { localKeyProvider } from '../vault/local-key-provider.ts';
import { changeRecord } from './change-facts.ts';

const signal = new AbortController().signal;
const record = createRecord(clock, random);
const root = mkdtempSync(join(tmpdir(), 'kin-changes-'));
const world = { declared: { tenants: [{ metadata: { name: 'clinic' } }, { metadata: { name: 'shop' } }] } };
const REGULATION = { guard: 'regulation', kind: 'allow', reason: 'lawful', remedy: '' } as const;

let database: Database;
let ledger: LedgerClient;
let close: () => Promise<void>;

useMigratedDatabase((its) => {
  database = its;
});

beforeAll(async () => {
  const vault = { dir: join(root, 'vault'), provider: await localKeyProvider(join(root, 'kek')) };
  const socketPath = join(root, 'ledger.sock');
  const running = await startLedger({
    vault,
    dir: join(root, 'ledger'),
    socketPath,
    clock,
    log: createLog('x', 'silent'),
  });
  ledger = ledgerClient(socketPath);
  close = () => running.close();
}, 60_000);

afterAll(async () => {
  await ledger.close();
  await close();
  rmSync(root, { recursive: true, force: true });
});

beforeEach(async () => {
  for (const table of ['repair_journal', 'repair', 'plan', 'incident', 'outbox', 'resource_history'] as const) {
    await database.kysely.deleteFrom(table).execute();
  }
});

/** A repair as it is written down, with these events after its one move; an hour ago. */
async function repaired(events: readonly string[], more: Partial<Plan> = {}, isOver = true): Promise<string> {
  const key = `instance records-${random.token(4)}`;
  const diagnosis = { ...diagnosisOf('instance-hung', { kind: 'tenant', name: 'clinic' }), key };
  const at = '2026-01-01T00:00:00.000Z';
  const incident = await database.transaction((tx) => openIncident(tx, diagnosis, at, random, record));
  const [step] = planOf({}).steps;
  const touch = { ...step!.touch, tenants: ['clinic'] };
  const steps = [{ ...step!, move: 'restart' as const, touch }];
  const plan = planOf({
    id: newId('pln', random),
    incident: incident.id,
    target: key,
    verdicts: [REGULATION],
    steps,
    ...more,
  });
  const repair = newId('rep', random);
  await database.transaction(async (tx) => {
    await openRepair(tx, repair, plan, 1, record);
    for (const [at, event] of events.entries()) {
      await tx
        .insertInto('repair_journal')
        .values({ repair_id: repair, seq: at + 2, epoch: 1, move_index: 0, event, data: '{}' })
        .execute();
      await record(tx, `repair.${event}`, repair, { step: 0 });
    }
  });
  await sql`update repair_journal set at = now() - interval '1 hour'`.execute(database.kysely);
  if (isOver) await sql`update repair set ended_at = now()`.execute(database.kysely);
  return repair;
}

async function applied(name: string, generation: number): Promise<void> {
  const row = { kind: 'Workload', name, generation, document: '{}', changed_by: 'anna' };
  await database.transaction(async (tx) => {
    await tx.insertInto('resource_history').values(row).execute();
    await record(
      tx,
      'resource.changed',
      `Workload/${name}`,
      { generation },
      { actor: { kind: 'operator', name: 'anna' } },
    );
  });
  await sql`update resource_history set changed_at = now() - interval '1 hour'`.execute(database.kysely);
}

const deliver = () => drain<LedgerEvent>(database, (events) => ledger.append(events));

async function measured(collector = changeRecord({ database, ledger, world: world as unknown as World, clock })) {
  const facts = await collector.collect(signal);
  return Object.fromEntries(
    facts.map(({ name, subject, measured }) => [
      `${name} ${subject}`,
      measured.kind === 'unknown' ? measured.reason : [measured.value, measured.detail],
    ]),
  );
}

test('what was changed by Kintsugi is on record, checked and instructed', async () => {
  await repaired(['intent', 'applied', 'verified']);
  await repaired(['intent', 'applied', 'verify-failed', 'undo-intent', 'undone']);
  await applied('records', 3);
  await deliver();
  expect(await measured()).toEqual({
    'change.unrecorded changes': [0, undefined],
    'change.unchecked moves': [0, undefined],
    'instructions.unlogged clinic': [0, undefined],
    'instructions.unlogged shop': [0, undefined],
  });
});

test('a change that never came to the ledger is named', async () => {
  const repair = await repaired(['intent', 'applied', 'verified']);
  await applied('records', 4);
  await database.kysely.deleteFrom('outbox').execute();
  expect(await measured()).toMatchObject({
    'change.unrecorded changes': [2, `restart of ${repair}; Workload/records generation 4`],
    'instructions.unlogged clinic': [1, `restart of ${repair}`],
    'instructions.unlogged shop': [0, undefined],
  });
});

test('what was changed a moment ago may be on its way', async () => {
  await applied('records', 5);
  await sql`update resource_history set changed_at = now()`.execute(database.kysely);
  expect(await measured()).toMatchObject({ 'change.unrecorded changes': [0, undefined] });
});

test('a move that nothing followed is unchecked once its repair is over; a call of a person changes nothing', async () => {
  const repair = await repaired(['intent', 'applied']);
  await deliver();
  expect(await measured()).toMatchObject({ 'change.unchecked moves': [1, `restart of ${repair}`] });
  await sql`update repair set ended_at = null`.execute(database.kysely);
  expect(await measured()).toMatchObject({ 'change.unchecked moves': [0, undefined] });
  await sql`update repair set ended_at = now()`.execute(database.kysely);
  await sql`update plan set body = jsonb_set(body, '{steps,0,move}', '"page"')`.execute(database.kysely);
  expect(await measured()).toMatchObject({ 'change.unchecked moves': [0, undefined] });
});

test('what a person is called for is judged by that person', async () => {
  const repair = await repaired(['intent', 'applied']);
  const [step] = planOf({}).steps;
  const steps = [step, { ...step!, move: 'page' }].map((each) => JSON.stringify(each)).join(',');
  await sql`update plan set body = jsonb_set(body, '{steps}', ${`[${steps}]`}::jsonb)`.execute(database.kysely);
  const page = { repair_id: repair, seq: 9, epoch: 1, move_index: 1, event: 'applied', data: '{"delivered":false}' };
  await database.kysely.insertInto('repair_journal').values(page).execute();
  expect(await measured()).toMatchObject({ 'change.unchecked moves': [0, undefined] });
});

test.each([
  ['without the ruling of the regulations', { verdicts: [] }, 1],
  ['without a playbook', { playbook: '' }, 1],
  ['without the approval that it needed', { needsApproval: true }, 1],
  ['with all of it', {}, 0],
])('a move %s', async (_, more, unlogged) => {
  await repaired(['intent', 'applied', 'verified'], more);
  await deliver();
  const facts = await measured();
  expect(facts['instructions.unlogged clinic']?.[0]).toBe(unlogged);
});

test('until the ledger was read to its end nothing is told of it, and a ledger that is away rejects', async () => {
  await repaired(['intent', 'applied', 'verified']);
  const endless = { entries: async (from: number) => [{ index: from + 999, event: { type: 'x' } }] };
  const options = { database, world: world as unknown as World, clock };
  const far = changeRecord({ ...options, ledger: endless as unknown as LedgerClient });
  expect(await measured(far)).toMatchObject({
    'change.unrecorded changes': 'the ledger is still being read: 20000 entries so far',
    'change.unchecked moves': [0, undefined],
    'instructions.unlogged clinic': 'the ledger is still being read: 20000 entries so far',
  });
  const away = ledgerClient(join(root, 'nobody.sock'));
  await expect(measured(changeRecord({ ...options, ledger: away }))).rejects.toThrow();
  await away.close();
});
