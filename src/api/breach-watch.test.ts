import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { useMigratedDatabase } from '../../test/fixtures/migrated-database.ts';
import { holdLease } from '../../test/sim/held-lease.ts';
import { VirtualClock } from '../../test/sim/virtual-clock.ts';
import { createLog } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import type { Assessment } from '../comply/breach/breach.ts';
import type { DrillMark } from '../comply/breach/turns.ts';
import { createRecord } from '../heal/record.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import type { Fact } from '../observe/fact.ts';
import { builtinProfiles } from '../resources/builtin-profiles.ts';
import { DEFAULT_BREACH } from '../resources/policy.ts';
import { compileProfile } from '../resources/profile.ts';
import type { Database } from '../store/database.ts';
import { BreachDesk } from './breach-desk.ts';
import { BreachWatch, type BreachWorld } from './breach-watch.ts';

const HOUR_MS = 3_600_000;
const GDPR = builtinProfiles()
  .map(compileProfile)
  .filter(({ name }) => name === 'gdpr');

let database: Database;

useMigratedDatabase((its) => {
  database = its;
});
/** A real receiver of calls for a person; it fails while `isDown`. */
let pager: Server;
let isDown = false;
const called: string[] = [];

beforeAll(async () => {
  pager = createServer((request, response) => {
    if (!isDown) called.push(String(request.headers['idempotency-key']));
    response.writeHead(isDown ? 500 : 200).end();
  });
  await new Promise<void>((resolve) => pager.listen(0, '127.0.0.1', resolve));
}, 60_000);
afterAll(async () => {
  pager?.close();
});
beforeEach(async () => {
  for (const table of ['breach_step', 'breach', 'outbox'] as const) await database.kysely.deleteFrom(table).execute();
  called.length = 0;
  isDown = false;
});

async function page(_message: unknown, key: string): Promise<boolean> {
  const { port } = pager.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', headers: { 'idempotency-key': key } });
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return true;
}

interface World {
  readonly watch: BreachWatch;
  readonly desk: BreachDesk;
  readonly clock: VirtualClock;
  readonly drills: DrillMark[];
}

/** A control process that leads; another one takes over what it left. */
async function start(clock = new VirtualClock(), felt: BreachWorld['felt'] = () => []): Promise<World> {
  const lease = await holdLease(database);
  const desk = new BreachDesk({ database, lease, record: createRecord(clock, systemRandom), random: systemRandom });
  const drills: DrillMark[] = [];
  const world: BreachWorld = {
    isLeading: () => true,
    laws: () => ['clinic', 'shop'].map((tenant) => ({ tenant, frameworks: GDPR, contract: {} })),
    policy: () => DEFAULT_BREACH,
    openIncidents: () => [],
    mitigations: () => [],
    felt,
    drillsSince: async () => drills,
    page,
  };
  return { watch: new BreachWatch({ desk, world, clock, log: createLog('test', 'silent') }), desk, clock, drills };
}

function protection(isOn: boolean, clock: VirtualClock, tenants: readonly string[] = ['clinic']): Fact {
  const about = { subject: 'postgresql/records/eu', tenants, collector: 'protections', evidence: null };
  return { name: 'rls.enabled', ...about, measured: { kind: 'value', value: isOn }, measuredAt: clock.now() };
}

async function told(type: string): Promise<readonly string[]> {
  const rows = await database.kysely.selectFrom('outbox').select('event').orderBy('seq').execute();
  return rows.flatMap(({ event }) => {
    const { type: of, tenant } = event as unknown as LedgerEvent;
    return of === type ? [String(tenant)] : [];
  });
}

const kinds = ({ steps }: Assessment) => steps.map(({ kind }) => kind);

test('a loss is opened once, with an entry for each tenant, however often it is seen and whoever leads', async () => {
  const { watch, clock, desk } = await start();
  for (let look = 0; look < 3; look += 1) {
    watch.take([protection(false, clock, ['clinic', 'shop'])]);
    await watch.look();
  }
  const next = await start(clock);
  next.watch.take([protection(false, clock, ['clinic', 'shop'])]);
  await next.watch.look();
  const [only, ...others] = await desk.readStanding();
  expect(others).toEqual([]);
  expect(only).toMatchObject({ loss: 'confidentiality', tenants: ['clinic', 'shop'], detectedAt: clock.now() });
  expect(await told('breach.opened')).toEqual(['clinic', 'shop']);
});

test('another sign of the same cause joins it, with the tenants that it adds', async () => {
  const { watch, clock, desk } = await start();
  watch.take([protection(false, clock)]);
  await watch.look();
  const rows: Fact = {
    ...protection(false, clock, ['clinic', 'shop']),
    name: 'isolation.sql.foreignRows',
    measured: { kind: 'value', value: 7 },
  };
  watch.take([rows]);
  await watch.look();
  const [only, ...others] = await desk.readStanding();
  expect(others).toEqual([]);
  expect(kinds(only!)).toEqual(expect.arrayContaining(['found', 'touched']));
  expect(await told('breach.touched')).toEqual(['shop']);
});

test('it ends when the sign is well, and what comes back after a person has closed it is opened anew', async () => {
  const { watch, clock, desk } = await start();
  watch.take([protection(false, clock)]);
  await watch.look();
  const [first] = await desk.readStanding();
  await desk.step(first!.id, () => ({ kind: 'closed', reason: 'an empty table', at: clock.now(), by: 'anna' }));
  await watch.look();
  expect(await desk.readNewest(10)).toHaveLength(1);
  watch.take([protection(true, clock)]);
  await clock.advance(61_000);
  await watch.look();
  expect(await desk.readStanding()).toEqual([]);
  watch.take([protection(false, clock)]);
  await watch.look();
  expect(await desk.readNewest(10)).toHaveLength(2);
});

test('a page that was not delivered is tried again, and one that was is not', async () => {
  const { watch, clock, desk } = await start();
  isDown = true;
  watch.take([protection(false, clock)]);
  await watch.look();
  await watch.look();
  expect(called).toEqual([]);
  isDown = false;
  for (let look = 0; look < 3; look += 1) await watch.look();
  const [{ id } = { id: '' }] = await desk.readStanding();
  expect(called).toEqual([`${id} opened`]);
});

test('a deadline is reminded of, missed, told to a person, and counted by the fact until somebody decides', async () => {
  const { watch, clock, desk } = await start();
  watch.take([protection(false, clock)]);
  await watch.look();
  const [{ id } = { id: '' }] = await desk.readStanding();
  await desk.step(id, () => ({ kind: 'aware', awareAt: clock.now(), isReal: false, at: clock.now(), by: 'anna' }));
  const settle = async () => {
    for (let look = 0; look < 6; look += 1) await watch.look();
  };
  await clock.advance(20 * HOUR_MS);
  await settle();
  expect(called).toContain(`${id} reminded clinic gdpr-art33.2`);
  await clock.advance(4 * HOUR_MS);
  await settle();
  expect(called).toContain(`${id} missed clinic gdpr-art33.2`);
  expect(await told('breach.missed')).toEqual(['clinic']);
  const facts = async () => {
    const all = await watch.collector().collect(new AbortController().signal);
    return all.flatMap(({ name, subject, measured }) =>
      name === 'breach.notices.overdue' ? [[subject, 'value' in measured && measured.value]] : [],
    );
  };
  expect(await facts()).toEqual([
    ['clinic', 1],
    ['shop', 0],
  ]);
  const clocks = ['clinic gdpr-art33.1', 'clinic gdpr-art33.2'];
  const decision = { choice: 'no-notice', reason: 'nobody read it', key: 'k', envelope: 'e', clocks } as const;
  await desk.step(id, () => ({ kind: 'decided', ...decision, at: clock.now(), by: 'anna' }));
  expect((await facts())[0]).toEqual(['clinic', 0]);
});

test('a drill is marked and calls nobody after that', async () => {
  const { watch, clock, desk, drills } = await start();
  drills.push({
    id: 'drl_1',
    startedAt: clock.now(),
    endedAt: clock.now() + 1_000,
    incident: 'inc_1',
    about: ['protection postgresql/records/eu/x'],
    reasons: [],
  });
  watch.take([protection(false, clock)]);
  await watch.look();
  const [only] = await desk.readStanding();
  expect(kinds(only!)).toEqual(['drill']);
  await clock.advance(48 * HOUR_MS);
  await watch.look();
  expect(called).toEqual([]);
});

test('an outage of a tenant is a loss of availability, and only of that one', async () => {
  const clock = new VirtualClock();
  const felt = () => [
    { tenant: 'clinic', requests: 10, failed: 10 },
    { tenant: 'shop', requests: 10, failed: 1 },
  ];
  const { watch, desk } = await start(clock, felt);
  await watch.look();
  await clock.advance(59_000);
  await watch.look();
  expect(await desk.readStanding()).toEqual([]);
  await clock.advance(1_000);
  await watch.look();
  expect(await desk.readStanding()).toMatchObject([{ loss: 'availability', tenants: ['clinic'] }]);
});
