import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlApi, OWN_TOKEN, startControlApi } from '../../test/fixtures/control-api.ts';
import { diagnosisOf, planOf, stepOf } from '../../test/sim/plans.ts';
import { systemClock as clock, toIso } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { systemRandom as random } from '../base/random.ts';
import type { Step } from '../heal/plan.ts';
import type { Fact } from '../observe/fact.ts';
import { createPostgresqlMemory } from '../heal/postgresql-memory.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import { rulesOf } from '../resources/profile.ts';
import type { DutyView } from './duty-desk.ts';
import { DutyWatch } from './duty-watch.ts';

let api: ControlApi;
/** A watch of its own, whose clock is ahead. Control has one too: what both see to is done once. */
let later: DutyWatch;

beforeAll(async () => {
  api = await startControlApi(['shop'], ['gdpr', 'pci-dss-4.0.1']);
  const { control, database } = api;
  later = new DutyWatch({
    desk: control.duties,
    breaches: control.breaches,
    database,
    posture: control.compliance.posture,
    world: {
      isLeading: () => true,
      fleet: () => control.world.view(),
      rules: () => control.world.declared.profiles.map(rulesOf),
      makeRegister: async () => 7,
    },
    clock: { ...clock, now: () => clock.now() + 61_000 },
    log: createLog('test', 'silent'),
  });
});
afterAll(() => api?.close());

/** Has a step made, on record as a repair does it. Resolves with its incident. */
async function made(name: string, step: Partial<Step>): Promise<string> {
  const { database, control } = api;
  const memory = createPostgresqlMemory({ database, lease: control.lease, record: control.record, random });
  const subject = { kind: 'workload', name } as const;
  const incident = await api.leading(() => memory.openIncident(diagnosisOf('overload', subject), clock.now()));
  const steps = [stepOf(step, { tenants: ['shop'] })];
  const plan = planOf({ id: `pln_${name}`, incident: incident.id, target: `workload ${name}`, steps });
  await api.leading(() => memory.beginRepair(`rep_${name}`, plan, []));
  await api.leading(() => memory.append(`rep_${name}`, plan, { moveIndex: 0, event: 'applied', data: {} }));
  return incident.id;
}

async function dutiesOf(incident: string): Promise<readonly DutyView[]> {
  const { text } = await api.ask(`GET /v1/incidents/${incident}`, OWN_TOKEN);
  return (JSON.parse(text) as { duties: DutyView[] }).duties;
}

/** Looks until the duty of this name stands so. */
async function until(incident: string, duty: string, isMet: boolean): Promise<DutyView> {
  let found: DutyView | undefined;
  await expect
    .poll(
      async () => {
        await later.look();
        found = (await dutiesOf(incident)).find((each) => each.duty === duty && (each.metAt !== null) === isMet);
        return found !== undefined;
      },
      { timeout: 20_000 },
    )
    .toBe(true);
  return found!;
}

test('a quarantine owes an assessment and a snapshot: the first is met by the assessment that is open, the second by what was seen', async () => {
  const incident = await made('quarantined', { move: 'quarantine', input: { tenant: 'shop', minutes: 30 } });
  expect(await until(incident, 'keep-snapshot', true)).toMatchObject({
    clause: expect.stringContaining('gdpr'),
    tenants: ['shop'],
    metBy: 'control',
    result: expect.stringContaining('sha256:'),
  });
  await until(incident, 'assess-breach', false);
  const opening = {
    sign: 'quarantine shop',
    cause: 'availability tenant shop',
    loss: 'availability' as const,
    what: 'a tenant was kept out',
    tenants: ['shop'],
    detectedAt: clock.now(),
    incident,
    snapshot: {},
    duties: [],
    assessMs: 60_000,
    remindShare: 0.8,
    awareAfterMs: null,
  };
  const { assessment } = await api.leading(() => api.control.breaches.open(opening));
  expect((await until(incident, 'assess-breach', true)).result).toContain(assessment.id);
});

test('a change owes the controls, which are judged once all was measured again, and a scan, which a person signs for', async () => {
  const incident = await made('changed', { move: 'resize' });
  const checked = await until(incident, 'check-controls', true);
  expect(checked.result).toMatch(/^shop: \d+ satisfied, \d+ not satisfied.*, \d+ not determined$/);
  const scan = await until(incident, 'scan-if-significant', false);
  const open = await api.ask('GET /v1/status', OWN_TOKEN);
  expect((JSON.parse(open.text) as { duties: DutyView[] }).duties.map(({ id }) => id)).toContain(scan.id);
  const word = { by: 'anna', reason: 'scan 12, nothing open' };
  expect((await api.ask(`POST /v1/duties/${scan.id}/sign`, OWN_TOKEN, word)).status).toBe(200);
  expect(await until(incident, 'scan-if-significant', true)).toMatchObject({ metBy: 'anna', result: word.reason });
  expect((await api.ask('POST /v1/duties/dty_none/sign', OWN_TOKEN, word)).status).toBe(404);
  const signed = await api.recorded('duty.signed');
  expect(signed).toMatchObject([{ subject: scan.id, tenant: 'shop', actor: { name: 'anna' } }]);
});

test('what changes places makes the record of processing anew', async () => {
  const owedAt = toIso(clock.now());
  const owed = { incident: 'inc_1', repair: 'rep_moved', moveIndex: 0, move: 'failover', tenants: ['shop'], owedAt };
  await api.leading(() => api.control.duties.owe([{ ...owed, duty: 'update-register', clause: 'gdpr Art. 30(2)' }]));
  await expect
    .poll(async () => (await api.control.duties.readOf('inc_1'))[0]?.result ?? '', { timeout: 20_000 })
    .toMatch(/^version \d+ of the record of processing$/);
  const register = await api.ask('GET /v1/register/1', OWN_TOKEN);
  expect(JSON.parse(register.text)).toMatchObject({ madeBy: 'control' });
});

test('separation counts as probed once a probe of after the move found nothing, and by no older, other or worse one', async () => {
  const owedAt = clock.now();
  const owed = { incident: 'inc_2', repair: 'rep_forced', moveIndex: 0, move: 'reenable', tenants: ['shop'] };
  const duty = { ...owed, duty: 'probe-isolation' as const, clause: 'gdpr Art. 32(1)(b)', owedAt: toIso(owedAt) };
  await api.leading(() => api.control.duties.owe([duty]));
  const { posture } = api.control.compliance;
  const probed = (rows: number, measuredAt: number, name: FactName = 'isolation.sql.foreignRows'): Fact => ({
    name,
    subject: name === 'isolation.api.foreignRows' ? 'shop' : 'postgresql/probed/eu',
    tenants: ['shop'],
    measured: { kind: 'value', value: rows },
    measuredAt,
    collector: 'test',
    evidence: null,
  });
  const resultAfter = async (...facts: readonly Fact[]) => {
    posture.take(facts, clock.now());
    await later.look();
    return (await api.control.duties.readOf('inc_2'))[0]?.result;
  };
  expect(await resultAfter()).toBeNull();
  expect(await resultAfter(probed(0, owedAt - 1))).toBeNull();
  expect(await resultAfter(probed(3, owedAt + 1))).toBeNull();
  // The store alone says nothing of what the API answers.
  expect(await resultAfter(probed(0, owedAt + 2))).toBeNull();
  const answers = probed(0, owedAt + 3, 'isolation.api.foreignRows');
  expect(await resultAfter(answers)).toContain('isolation.sql.foreignRows of store postgresql/probed/eu is 0');
  const [met] = await api.control.duties.readOf('inc_2');
  expect(met).toMatchObject({ metBy: 'control', metAt: expect.any(String) });
});

test('a duty is owed once, whoever looks and how often, and each of its turns is on record', async () => {
  const owed = await api.recorded('duty.owed');
  const keys = owed.map(({ data }) => JSON.stringify(data));
  expect(new Set(keys).size).toBe(keys.length);
  expect(owed.length).toBeGreaterThanOrEqual(5);
  const ended = [...(await api.recorded('duty.met')), ...(await api.recorded('duty.signed'))];
  expect(new Set(ended.map(({ subject }) => subject)).size).toBe(ended.length);
});
