import { pino } from 'pino';
import { beforeEach, expect, test } from 'vitest';
import { useMigratedDatabase } from '../../test/fixtures/migrated-database.ts';
import type { JsonObject } from '../base/json.ts';
import { violatedControl } from '../../test/sim/readings.ts';
import { AT } from '../../test/sim/fleet-views.ts';
import { holdLease } from '../../test/sim/held-lease.ts';
import { diagnosisOf, planOf } from '../../test/sim/plans.ts';
import { STORMS } from '../../test/sim/storms.ts';
import { standing } from '../../test/sim/symptoms.ts';
import { VirtualClock } from '../../test/sim/virtual-clock.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { diagnose } from '../diagnose/diagnose.ts';
import type { Executor } from './executor.ts';
import { readIncidents } from './incident-store.ts';
import type { Outcome } from './plan.ts';
import { createRecord } from './record.ts';
import type { LeaderLease } from '../store/lease.ts';
import { createPostgresqlMemory } from './postgresql-memory.ts';
import type { Memory } from './memory.ts';
import { readOpenRepairs } from './repair-store.ts';
import type { Database } from '../store/database.ts';
import { IncidentTracker } from './incident-tracker.ts';
import { RepairDesk } from './repair-desk.ts';

const record = createRecord(systemClock, systemRandom);
const sick = diagnosisOf('instance-hung', { kind: 'instance', name: 'records-0', workload: 'records', version: 1 });

let database: Database;

useMigratedDatabase((its) => {
  database = its;
});

beforeEach(async () => {
  for (const table of ['repair_journal', 'repair', 'plan', 'incident', 'lease'] as const) {
    await database.kysely.deleteFrom(table).execute();
  }
});

const memoryUnder = (lease: LeaderLease): Memory =>
  createPostgresqlMemory({ database, lease, record, random: systemRandom });

async function start(clock = new VirtualClock(AT)) {
  const lease = await holdLease(database);
  const memory = memoryUnder(lease);
  return { clock, memory, tracker: new IncidentTracker({ memory, clock }) };
}

const never = () => false;
const states = async () => (await readIncidents(database, 10)).map(({ state, outcome }) => [state, outcome]);

test('a diagnosis that lasts is one incident, detected when its evidence was first seen', async () => {
  const { clock, tracker } = await start();
  const [first] = await tracker.track([sick], never);
  await clock.advance(1_000);
  const [again] = await tracker.track([{ ...sick, summary: 'worse' }], never);
  expect(again).toMatchObject({ id: first?.id, body: { diagnosis: { summary: 'worse' } } });
  expect(Date.parse(first!.body.detectedAt)).toBe(AT - 1_000);
  expect(await states()).toEqual([['open', null]]);
});

test('it is over once it was quiet for long enough, and not before', async () => {
  const { clock, tracker } = await start();
  await tracker.track([sick], never);
  await clock.advance(4_999);
  expect(await tracker.track([], never)).toEqual([]);
  expect(await states()).toEqual([['open', null]]);
  await clock.advance(1);
  await tracker.track([], never);
  expect(await states()).toEqual([['closed', 'recovered']]);
  expect(tracker.open).toEqual([]);
});

test('while a repair of it is at work it stays open, however quiet', async () => {
  const { clock, tracker } = await start();
  await tracker.track([sick], never);
  await clock.advance(60_000);
  await tracker.track([], () => true);
  expect(await states()).toEqual([['open', null]]);
});

test('a new leader takes over what is open and gives it its time', async () => {
  await (await start()).tracker.track([sick], never);
  const { clock, tracker } = await start();
  await tracker.track([], never);
  expect(tracker.open).toHaveLength(1);
  await clock.advance(5_000);
  await tracker.track([], never);
  expect(await states()).toEqual([['closed', 'recovered']]);
});

const burning = { name: 'workload-errors' as const, subject: { kind: 'workload', name: 'records' } as const };
const seen = { since: AT - 500, at: AT, vantages: ['gateway-0'], reason: 'requests fail', evidence: {} };
const unknown = diagnosisOf('unknown', burning.subject, { evidence: [{ ...burning, ...seen }] });
const setting = diagnosisOf(
  'configuration',
  { kind: 'setting', name: 'records/SIZE' },
  { evidence: unknown.evidence, explains: unknown.explains },
);

/** What cannot be told is an incident once it could not be told for a while. */
async function puzzle({ tracker, clock }: Awaited<ReturnType<typeof start>>, diagnosis = unknown) {
  await tracker.track([diagnosis], never);
  await clock.advance(8_000);
  return tracker.track([diagnosis], never);
}

test('that a cause cannot be told is no incident before it could not be told for a while', async () => {
  const { clock, tracker } = await start();
  expect(await tracker.track([unknown], never)).toEqual([]);
  await clock.advance(7_000);
  expect(await tracker.track([unknown], never)).toEqual([]);
  // What is explained meanwhile begins anew.
  await tracker.track([], never);
  await clock.advance(2_000);
  expect(await tracker.track([unknown], never)).toEqual([]);
  await clock.advance(8_000);
  expect(await tracker.track([unknown], never)).toHaveLength(1);
});

test('a better explanation of the same trouble is the same incident under another name', async () => {
  const started = await start();
  const { tracker } = started;
  const [first] = await puzzle(started);
  const [second] = await tracker.track([setting], never);
  expect(second).toMatchObject({ id: first?.id, key: setting.key, body: { diagnosis: { cause: 'configuration' } } });
  expect(await states()).toEqual([['open', null]]);
});

test('a cause that was named stays named when it can no longer be told, and replaces one that could not', async () => {
  const started = await start();
  const { tracker } = started;
  const hung = { ...sick, cause: 'instance-hung' as const };
  await puzzle(started, { ...sick, cause: 'unknown' });
  const [named] = await tracker.track([hung], never);
  expect(named?.body.diagnosis.cause).toBe('instance-hung');
  const [still] = await tracker.track([{ ...sick, cause: 'unknown' }], never);
  expect(still?.body.diagnosis.cause).toBe('instance-hung');
  expect((await readIncidents(database, 1))[0]?.body.diagnosis.cause).toBe('instance-hung');
});

test('while a repair is at work on it the incident keeps its name, and no other is opened beside it', async () => {
  const started = await start();
  const { tracker } = started;
  const [first] = await puzzle(started);
  await tracker.track([setting], () => true);
  expect(tracker.open.map(({ id, key }) => [id, key])).toEqual([[first?.id, unknown.key]]);
});

test('what detectors still hold of a trouble that was healed opens nothing, and what is new does', async () => {
  const { clock, tracker, memory } = await start();
  const [first] = await tracker.track([setting], never);
  await memory.closeIncident(first!.id, 'healed');
  tracker.invalidate();
  expect(await tracker.track([unknown], never)).toEqual([]);
  await clock.advance(5_000);
  const again = { ...unknown, evidence: [{ ...burning, ...seen, since: AT + 1_000 }] };
  await tracker.track([again], never);
  await clock.advance(8_000);
  expect(await tracker.track([again], never)).toHaveLength(1);
});

test('failures that ended while something was healed open nothing, whomever they were of, and those that go on do', async () => {
  const { clock, tracker, memory } = await start();
  const bills = { kind: 'workload' as const, name: 'bills' };
  const felt = (ended: boolean) =>
    diagnosisOf('version', bills, { evidence: [{ ...burning, ...seen, subject: bills, evidence: { ended } }] });
  const [first] = await tracker.track([setting], never);
  expect(await tracker.track([setting, felt(true)], () => true)).toHaveLength(1);
  await memory.closeIncident(first!.id, 'healed');
  tracker.invalidate();
  await clock.advance(5_000);
  expect(await tracker.track([felt(true)], never)).toEqual([]);
  expect(await tracker.track([felt(false)], never)).toHaveLength(1);
});

test('failures that ended by themselves are an incident when nothing was healed', async () => {
  const { tracker } = await start();
  const evidence = [{ ...setting.evidence[0]!, evidence: { ended: true } }];
  expect(await tracker.track([{ ...setting, evidence }], never)).toHaveLength(1);
});

test('a process that ended is not an echo of what ended it', async () => {
  const { tracker, memory } = await start();
  const dead = diagnosisOf('instance-died', sick.subject, { evidence: [{ ...sick.evidence[0]!, name: 'exited' }] });
  const [first] = await tracker.track([dead], never);
  await memory.closeIncident(first!.id, 'healed');
  tracker.invalidate();
  expect(await tracker.track([dead], never)).toHaveLength(1);
});

test('a former leader opens nothing', async () => {
  const { tracker } = await start();
  await start();
  await expect(tracker.track([sick], never)).rejects.toMatchObject({ code: 'lease.stale' });
  expect(await states()).toEqual([]);
});

/** A desk whose executor comes as far as `results` says, one after the other. */
async function openDesk(results: readonly (Outcome | undefined)[], clock: Clock = systemClock) {
  const stored = memoryUnder(await holdLease(database));
  const reads: Promise<unknown>[] = [];
  const memory: Memory = {
    ...stored,
    read(repair) {
      const entries = stored.read(repair);
      reads.push(entries);
      return entries;
    },
  };
  let runs = 0;
  const executor: Executor = {
    async run(id, plan) {
      const outcome = results[runs++];
      if (outcome !== undefined) await memory.end(id, plan, outcome, '');
      return outcome;
    },
    wake: () => undefined,
  };
  const log = pino({ enabled: false });
  const given = { memory, executor, clock, random: systemRandom, log };
  const heard = { onChange: () => undefined, onBegin: () => undefined, onEnd: async () => undefined };
  const desk = new RepairDesk({ ...given, ...heard });
  const tracker = new IncidentTracker({ memory, clock: systemClock });
  const [incident] = await tracker.track([sick], never);
  return { desk, incident: incident!.id, runs: () => runs, reads };
}

test('a repair that was broken off goes on from its journal while the same replica leads', async () => {
  const { desk, incident, runs } = await openDesk([undefined, 'healed']);
  const leading = new AbortController();
  await desk.begin(planOf({ incident }), leading.signal);
  const deadline = systemClock.deadline(10_000);
  while (desk.isRepairing(incident)) await systemClock.sleep(20, deadline);
  expect(runs()).toBe(2);
  expect(await readOpenRepairs(database)).toEqual([]);
  leading.abort();
});

test('a repair that waits for a person is left to wait', async () => {
  const clock = new VirtualClock();
  const { desk, incident, runs, reads } = await openDesk([undefined, 'healed'], clock);
  const leading = new AbortController();
  await desk.begin(planOf({ incident, needsApproval: true }), leading.signal);
  await desk.settled();
  await clock.advance(1_000);
  // It has looked into the journal, and whatever it makes of that it makes within this turn.
  await Promise.all(reads);
  await systemClock.sleep(0);
  expect(reads).toHaveLength(1);
  expect(runs()).toBe(1);
  expect(desk.isRepairing(incident)).toBe(true);
  leading.abort();
});

test('who comes and goes is one incident that lasts: each return within minutes asks for a longer quiet', async () => {
  const { clock, tracker } = await start();
  const forAnHour = 360;
  for (let turn = 0; turn < forAnHour; turn++) {
    // Sick for a moment in every ten seconds, quiet for longer than an incident needs to be over.
    await tracker.track([sick], never);
    await clock.advance(1_000);
    for (let quiet = 0; quiet < 9; quiet++) {
      await tracker.track([], never);
      await clock.advance(1_000);
    }
  }
  const incidents = await readIncidents(database, 1_000);
  expect(incidents.length).toBeLessThanOrEqual(8);
  expect(new Set(incidents.map(({ id, body }) => body.belongsTo ?? id)).size).toBe(1);
  // When it stays away it is over, if later, and the next one is believed like the first.
  await clock.advance(300_000);
  await tracker.track([], never);
  expect(tracker.open).toEqual([]);
  await clock.advance(600_000);
  await tracker.track([], never);
  await tracker.track([sick], never);
  await clock.advance(5_000);
  await tracker.track([], never);
  expect(tracker.open).toEqual([]);
});

test('who takes the place of a replaced one and shows the same belongs to its incident, and one that is elsewhere does not', async () => {
  const { clock, memory } = await start();
  const tracker = new IncidentTracker({ memory, clock, slotOf: (id) => id.slice(0, -2) });
  const slow = (id: string) => {
    const evidence = [{ ...sick.evidence[0]!, subject: { ...sick.subject, name: id }, since: clock.now() }];
    return { ...sick, key: `instance ${id}`, subject: { ...sick.subject, name: id }, evidence };
  };
  const [first] = await tracker.track([slow('records-0-a')], never);
  await memory.closeIncident(first!.id, 'healed');
  tracker.invalidate();
  await clock.advance(60_000);
  const [second] = await tracker.track([slow('records-0-b')], never);
  expect(second?.body.belongsTo).toBe(first!.id);
  await clock.advance(60_000);
  const others = await tracker.track([slow('records-0-b'), slow('records-1-a')], never);
  expect(others.map(({ body }) => body.belongsTo)).toEqual([first!.id, undefined]);
});

test('what turns out to be of another cause is merged into it, and has not recovered', async () => {
  const { clock, tracker } = await start();
  const evidence = [0, 1].map((at) => ({ ...sick.evidence[0]!, subject: { ...sick.subject, name: `records-${at}` } }));
  const own = evidence.map((each) => ({ ...sick, key: `instance ${each.subject.name}`, evidence: [each] }));
  await tracker.track(own, never);
  const place = diagnosisOf('infrastructure', { kind: 'asset', name: 'host a' }, { evidence });
  await tracker.track([place], never);
  await clock.advance(5_000);
  await tracker.track([place], never);
  expect(tracker.open.map(({ key }) => key)).toEqual(['asset host a']);
  expect(new Set(await states())).toEqual(
    new Set([
      ['closed', 'merged'],
      ['open', null],
    ]),
  );
});

test('a storm of 10,000 symptoms is opened like any incident, and its record fits into the ledger', async () => {
  const { tracker } = await start();
  const { fleet, claims } = STORMS['a region that fell silent']!(10_000);
  const wordy = claims.map((each) => ({ ...each, reason: 'x'.repeat(2_000) }));
  const [incident] = await tracker.track(diagnose(standing(wordy), fleet), never);
  expect(incident?.body.diagnosis.explains).toHaveLength(10_000);
  const [row] = await database.kysely.selectFrom('outbox').selectAll().orderBy('seq', 'desc').limit(1).execute();
  const { data } = row!.event as { data: { symptoms: object; evidence: readonly unknown[] } };
  expect(data.symptoms).toEqual({ hung: 5_000, 'probe-failed': 5_000 });
  expect(data.evidence).toHaveLength(20);
});

const store = { kind: 'asset', name: 'store postgresql/records/eu' } as const;
const fact = (name: 'fact-rls.views.bypassing' | 'fact-isolation.sql.foreignRows') => {
  const evidence = { violated: [violatedControl(['shop'])] as unknown as JsonObject[] };
  return { name, subject: store, ...seen, evidence };
};
const view = diagnosisOf('compliance', store, { evidence: [fact('fact-rls.views.bypassing')] });
const leak = diagnosisOf('isolation', store, { evidence: [...view.evidence, fact('fact-isolation.sql.foreignRows')] });
const kept = async () => (await readIncidents(database, 10)).map(({ body }) => body.diagnosis);

test('what is measured to be violated later is on the same incident, and what came of that stands', async () => {
  const { tracker } = await start();
  const disabled = diagnosisOf('protection', store, {
    evidence: [{ ...seen, name: 'asset-disabled', subject: store }],
  });
  await tracker.track([disabled], never);
  const wider = { ...disabled, evidence: [...disabled.evidence, ...view.evidence], summary: 'and it violates Art. 32' };
  await tracker.track([wider], () => true);
  expect(await kept()).toMatchObject([{ cause: 'protection', summary: 'and it violates Art. 32' }]);
  expect((await kept())[0]?.evidence).toHaveLength(2);
});

test('a leak comes before what a person was called for', async () => {
  const { tracker, memory } = await start();
  const [incident] = await tracker.track([view], never);
  const plan = planOf({ incident: incident!.id });
  await memory.beginRepair('rep_1', plan, ['global']);
  await memory.end('rep_1', plan, 'escalated', 'a person was called');
  tracker.invalidate();
  expect(await tracker.track([view], never)).toMatchObject([{ outcome: 'escalated' }]);
  expect(await tracker.track([leak], never)).toMatchObject([{ outcome: null, body: { diagnosis: leak } }]);
});

test('a new leader does not say that a violation is over before anybody could have measured it', async () => {
  await (await start()).tracker.track([view], never);
  const { clock, tracker } = await start();
  await tracker.track([], never);
  await clock.advance(60_000);
  await tracker.track([], never);
  expect(await states()).toEqual([['open', null]]);
  await clock.advance(300_000);
  await tracker.track([], never);
  expect(await states()).toEqual([['closed', 'recovered']]);
});
