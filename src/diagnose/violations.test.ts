import { describe, expect, test } from 'vitest';
import { violatedControl } from '../../test/sim/readings.ts';
import { AT, fleetView, instanceView, tenantView, versionView, workloadView } from '../../test/sim/fleet-views.ts';
import { assetView, settingView } from '../../test/sim/scenes.ts';
import { assetNamed, found, seen, standing, workloadNamed } from '../../test/sim/symptoms.ts';
import type { Symptom } from '../detect/symptom.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import { clausesIn } from './clauses.ts';
import { diagnose } from './diagnose.ts';
import type { FleetView } from './fleet-view.ts';

const STORE = 'store postgresql/records/eu';
const TABLE = 'protection postgresql/records/eu/notes/row-level-security';
const fleet = {
  ...fleetView([workloadView('records')], [tenantView('shop'), tenantView('clinic')]),
  assets: [
    assetView(STORE, { kind: 'store', workloads: ['records'] }),
    assetView(TABLE, { kind: 'protection', workloads: ['records'], partOf: STORE }),
  ],
};
const pci = { framework: 'pci', control: 'pci-A1.1.2', clause: 'A1.1.2', title: 'Apart', advice: ['look'] };
const violated = (fact: FactName, on = STORE): Symptom => {
  const violated = [violatedControl(['shop', 'clinic']), violatedControl(['shop'], pci)];
  return seen(`fact-${fact}`, assetNamed(on), { violated });
};
const off = seen('asset-disabled', assetNamed(TABLE));
const one = (...claims: readonly Symptom[]) => {
  const diagnoses = diagnose(standing(claims), fleet);
  expect(diagnoses).toHaveLength(1);
  return diagnoses[0]!;
};

test('one thing with bad facts is one incident that names each clause once, with everybody for whom it is violated', () => {
  const diagnosis = one(violated('rls.truncate.granted'), violated('access.grants.surplus'));
  expect(diagnosis).toMatchObject({ cause: 'compliance', subject: { name: STORE }, workload: 'records' });
  expect(diagnosis.summary).toContain('violates gdpr Art. 32(1)(b) (shop, clinic); pci A1.1.2 (shop)');
  expect(clausesIn(diagnosis.evidence).map(({ clause, tenants }) => [clause, tenants])).toEqual([
    ['Art. 32(1)(b)', ['shop', 'clinic']],
    ['A1.1.2', ['shop']],
  ]);
});

test('two things are two incidents, and a thing that the fleet does not know is one as well', () => {
  const names = found(fleet, violated('tls.protocol.lowest', 'listener gateway/1'), violated('rls.truncate.granted'));
  expect(names).toEqual(['compliance: listener gateway/1', `compliance: ${STORE}`]);
});

test('a condition that explains a violation has it in its own incident, with its clauses', () => {
  const diagnosis = one(off, violated('rls.enabled'));
  expect(diagnosis).toMatchObject({ cause: 'protection', subject: { name: TABLE } });
  expect(diagnosis.summary).toContain('violates gdpr Art. 32(1)(b)');
  expect(found(fleet, off, violated('access.grants.surplus'))).toEqual([
    `protection: ${TABLE}`,
    `compliance: ${STORE}`,
  ]);
});

test('a leak that was measured comes before all else, and takes what it came about by along', () => {
  const leak = violated('isolation.sql.foreignRows');
  const diagnosis = one(off, violated('rls.enabled'), leak, violated('rls.roles.bypassing'));
  expect(diagnosis).toMatchObject({ cause: 'isolation', subject: { name: STORE }, workload: 'records' });
  expect(diagnosis.explains).toHaveLength(4);
});

const clock = (ordinal: number) => violated('clock.offset.seconds', `instance records/eu/${ordinal}`);

test('a clock that is off is that of its instance, and when half of them are, that of whoever compares', () => {
  expect(one(clock(1))).toMatchObject({ cause: 'compliance', workload: 'records' });
  const store = violated('clock.offset.seconds', 'instance postgresql/records/eu');
  const own = one(clock(1), store, clock(2));
  expect(own).toMatchObject({ cause: 'observer', subject: { kind: 'actor', name: 'control' } });
  expect(own.explains).toHaveLength(3);
  expect(own.summary).toContain('2 of 3 instances differ from the clock of control');
});

test('what is over is no incident, and a failing workload is another one', () => {
  expect(found(fleet, { ...violated('rls.views.bypassing'), over: true })).toEqual([]);
  const failing = seen('workload-errors', workloadNamed('records'), { tenantsFailing: 2, tenantsSeen: 2 });
  expect(found(fleet, violated('rls.views.bypassing'), failing)).toEqual([`compliance: ${STORE}`, 'unknown: records']);
});

describe('a violation that came with a version', () => {
  const HERE = 'listener portal/eu/0';
  const SINCE = AT - 60_000;
  const old = seen('fact-tls.protocol.lowest', assetNamed(HERE), {
    violated: [violatedControl(['shop'], { moves: ['revert'] })],
  });
  const claim: Symptom = { ...old, since: SINCE };
  const portal = (
    over: Partial<FleetView['workloads'][number]['versions'][number]> = {},
    startedAt = SINCE - 40_000,
    now = 2,
  ) =>
    fleetView([
      workloadView('portal', {
        instances: [
          instanceView('portal-0', { workload: 'portal', version: now, region: 'eu', ordinal: 0, startedAt }),
        ],
        versions: [
          versionView(1, { createdAt: AT - 7_200_000, promotedAt: AT - 7_000_000 }),
          versionView(2, { createdAt: SINCE - 50_000, promotedAt: null, ...over }),
        ],
      }),
    ]);
  const version = ['compliance: portal version 2'];
  const listener = [`compliance: ${HERE}`];
  const subjects = (fleet: FleetView, given = claim) =>
    diagnose(standing([given]), fleet).map(
      ({ cause, subject }) =>
        `${cause}: ${subject.kind === 'version' ? `${subject.workload} version ${subject.version}` : subject.name}`,
    );

  test('accuses that version, also when it has soaked meanwhile, and while one goes back from it', () => {
    expect(subjects(portal())).toEqual(version);
    expect(subjects(portal({ promotedAt: SINCE - 5_000 }))).toEqual(version);
    expect(subjects(portal({ rejectedAt: SINCE + 9_000 }, AT - 1_000, 1))).toEqual(version);
  });

  test('accuses nobody when it is older, was given up before, or runs elsewhere', () => {
    expect(subjects(portal({ createdAt: SINCE - 1_000_000 }))).toEqual(listener);
    expect(subjects(portal({}, SINCE - 400_000))).toEqual(listener);
    expect(subjects(portal({ rejectedAt: SINCE - 9_000 }, SINCE - 8_000, 1))).toEqual(listener);
    expect(subjects(portal({}, SINCE - 40_000, 1))).toEqual(listener);
  });

  test('accuses none where the law names no way back', () => {
    const violated = [violatedControl(['shop'], { moves: ['rotate'] })];
    expect(subjects(portal(), { ...claim, evidence: { violated } })).toEqual(listener);
  });
});

test('what comes of one setting is one incident of that setting, for however many tenants it is measured', () => {
  const subjects = ['tenant shop', 'tenant clinic'];
  const floor = { lawful: 15, worse: 'higher', facts: ['auth.session.idleMinutes'], subjects } as const;
  const limit = settingView('limit/staff/IDLE', { kind: 'policy', workloads: ['records'], value: null, floor });
  const idle = (tenant: string) => violated('auth.session.idleMinutes', `tenant ${tenant}`);
  const other = violated('auth.leavers.minutes', 'tenant shop');
  const all = diagnose(standing([idle('shop'), idle('clinic'), other]), { ...fleet, settings: [limit] });
  expect(all.map(({ subject, explains }) => [subject.name, explains.length])).toEqual([
    ['limit/staff/IDLE', 2],
    ['tenant shop', 1],
  ]);
  expect(all[0]).toMatchObject({ cause: 'compliance', subject: { kind: 'setting' }, workload: 'records' });
  expect(all[0]?.summary).toContain('limit/staff/IDLE is beyond what the law allows');
});
