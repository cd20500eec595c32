import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, tenantView, versionView, workloadView } from '../../test/sim/fleet-views.ts';
import { actorView, settingView } from '../../test/sim/scenes.ts';
import { BEGAN, found, instanceNamed, seen, standing, tenantNamed, workloadNamed } from '../../test/sim/symptoms.ts';
import { versionSubject } from '../detect/symptom.ts';
import { diagnose } from './diagnose.ts';
import type { FleetView, SettingChange, SettingView } from './fleet-view.ts';

const api = workloadView('api', { dependsOn: ['records'] });
const records = workloadView('records', { dependsOn: ['store'] });
const store = workloadView('store', { routed: false });
const base = fleetView([api, records, store, workloadView('bills')], [tenantView('shop'), tenantView('bank')]);

const GOOD: SettingChange = { value: 'good', at: 0, by: 'person ada', soakedAt: 10 };
const change = (at: number, value = 'bad', by = 'person bo'): SettingChange => ({ value, at, by, soakedAt: null });

function setting(id: string, more: Partial<SettingView> = {}, ...changes: readonly SettingChange[]): SettingView {
  const history = [GOOD, ...(changes.length > 0 ? changes : [change(BEGAN - 1_000)])];
  const workloads = id.startsWith('platform') ? [] : [id.split('/')[0]!];
  return settingView(id, { workloads, value: history.at(-1)!.value, history, ...more });
}

const withSettings = (...settings: readonly SettingView[]): FleetView => ({ ...base, settings });
const errors = (workload: string, classes = {}, more = {}) =>
  seen('workload-errors', workloadNamed(workload), { errors: classes, tenantsFailing: 2, tenantsSeen: 2, ...more });
const calls = (callee: string, callers: readonly string[], classes = {}) =>
  seen('calls-failing', workloadNamed(callee), { callers: [...callers], errors: classes });

describe('what changed last, where the trouble is', () => {
  test('is accused: of the workload itself, or of the whole platform', () => {
    expect(found(withSettings(setting('records/MODE')), errors('records'))).toEqual(['configuration: records/MODE']);
    expect(found(withSettings(setting('platform/MODE')), errors('records'))).toEqual(['configuration: platform/MODE']);
  });

  test('is not when it governs others, came after, was long before, or was taken back', () => {
    const unknown = ['unknown: records'];
    expect(found(withSettings(setting('bills/MODE')), errors('records'))).toEqual(unknown);
    expect(found(withSettings(setting('records/MODE', {}, change(AT - 5_000))), errors('records'))).toEqual(unknown);
    const old = change(BEGAN - 5 * 3_600_000);
    expect(found(withSettings(setting('records/MODE', {}, old)), errors('records'))).toEqual(unknown);
    const back = [change(BEGAN - 500_000), change(BEGAN - 400_000, 'good')];
    expect(found(withSettings(setting('records/MODE', {}, ...back)), errors('records'))).toEqual(unknown);
  });

  test('of several, the one that does such a thing, came last, and differs from what people declared', () => {
    const resolver = setting('platform/RESOLVER', { kind: 'resolver' });
    const grant = setting('records/GRANT', { kind: 'grant' });
    expect(found(withSettings(grant, resolver), errors('records', { dns: 9 }))).toEqual([
      'configuration: platform/RESOLVER',
    ]);
    expect(found(withSettings(grant, resolver), errors('records', { authorization: 9 }))).toEqual([
      'configuration: records/GRANT',
    ]);
    const earlier = setting('records/A', {}, change(BEGAN - 900_000));
    expect(found(withSettings(earlier, setting('records/B')), errors('records'))).toEqual(['configuration: records/B']);
    const drifted = setting('records/D', { declared: 'good' });
    const declared = setting('records/C', { declared: 'bad' });
    expect(found(withSettings(declared, drifted), errors('records'))).toEqual(['configuration: records/D']);
  });

  test('of one tenant when it alone suffers, and not when others do', () => {
    const own = setting('records/shop/RULES', { tenant: 'shop', workloads: ['records'] });
    const all = setting('records/MODE');
    const alone = seen('tenant-errors', tenantNamed('shop'), { workload: 'records' });
    expect(found(withSettings(own, all), alone)).toEqual(['configuration: records/shop/RULES']);
    expect(found(withSettings(own, all), errors('records'))).toEqual(['configuration: records/MODE']);
    expect(found(withSettings(own), seen('tenant-errors', tenantNamed('bank'), { workload: 'records' }))).toEqual([
      'unknown: bank',
    ]);
  });

  test('of the tenant that those who died speak of, and not of another that changed later', () => {
    const dead = ['records-0', 'records-1'].map((id) =>
      seen('exited', instanceNamed(id), { lastLines: ['null in rule 7 of shop'] }),
    );
    const own = (tenant: string, at: number) =>
      setting(`records/${tenant}/RULES`, { tenant, workloads: ['records'] }, change(at));
    const both = withSettings(own('shop', BEGAN - 120_000), own('bank', BEGAN - 1_000));
    expect(found(both, ...dead)).toEqual(['configuration: records/shop/RULES']);
    expect(found(withSettings(own('bank', BEGAN - 1_000)), ...dead)).toEqual([
      'instance-died: records-0',
      'instance-died: records-1',
    ]);
  });

  test('names the next suspects, best first', () => {
    const both = withSettings(setting('records/B'), setting('records/A', {}, change(BEGAN - 600_000)));
    const [first] = diagnose(standing([errors('records')]), both);
    expect(first?.suspects.map(({ subject }) => subject.name)).toEqual(['records/A']);
  });

  test('what needs a restart counts from the first process that started with it', () => {
    const needsRestart = setting('records/PORT', { needsRestart: true }, change(BEGAN - 3_000_000));
    const old = [0, 1, 2].map((i) => instanceView(`records-${i}`, { startedAt: BEGAN - 9_000_000 }));
    const before = { ...fleetView([{ ...records, instances: old }, store]), settings: [needsRestart] };
    expect(found(before, errors('records'))).toEqual(['unknown: records']);
    const instances = [0, 1, 2].map((i) => instanceView(`records-${i}`, { startedAt: BEGAN - 2_000 }));
    const restarted = fleetView([{ ...records, instances }, store]);
    expect(found({ ...restarted, settings: [needsRestart] }, errors('records'))).toEqual([
      'configuration: records/PORT',
    ]);
  });
});

describe('where it is', () => {
  test('the deepest of those who fail is where it began; whoever calls it is a victim', () => {
    const fleet = withSettings(setting('api/MODE'), setting('store/MODE'));
    const all = [errors('api'), errors('records'), calls('records', ['api']), calls('store', ['records'])];
    expect(found(fleet, ...all)).toEqual(['configuration: store/MODE']);
  });

  test('a callee that fails for one of its callers only is a matter of that caller', () => {
    const two = fleetView([records, { ...workloadView('bills'), dependsOn: ['store'] }, store]);
    const fleet = { ...two, settings: [setting('store/MODE'), setting('records/STORE_PORT')] };
    expect(found(fleet, calls('store', ['records'], { refused: 5 }), errors('records'))).toEqual([
      'configuration: records/STORE_PORT',
    ]);
    expect(found(fleet, calls('store', ['records', 'bills'], { timeout: 5 }), errors('records'))).toEqual([
      'configuration: store/MODE',
    ]);
  });

  test('one instance of many does not accuse a setting of all', () => {
    const one = [errors('records'), seen('instance-errors', instanceNamed('records-0'))];
    expect(found(withSettings(setting('records/MODE')), ...one)).toEqual(['instance-degraded: records-0']);
    const most = [...one, seen('instance-errors', instanceNamed('records-1'))];
    expect(found(withSettings(setting('records/MODE')), ...most)).toEqual(['configuration: records/MODE']);
  });

  test('trouble elsewhere does not change what is found here', () => {
    const fleet = withSettings(setting('records/MODE'), setting('bills/MODE', {}, change(BEGAN - 8_000_000)));
    const here = found(fleet, errors('records'));
    const noise = [seen('probe-failed', instanceNamed('bills-0')), seen('workload-slow', workloadNamed('bills'))];
    expect(found(fleet, errors('records'), ...noise)).toContain(here[0]);
  });
});

describe('what one change explains', () => {
  const wide = setting('platform/SEARCH', { kind: 'resolver' }, change(BEGAN - 1_000));
  const pool = setting('store/POOL', {}, change(BEGAN - 20_000));
  const lost = [calls('store', ['records'], { dns: 9 }), errors('records', { dns: 9 })];

  test('who was not found did nothing wrong inside, and who refuses may have', () => {
    expect(found(withSettings(pool, wide), ...lost)).toEqual(['configuration: platform/SEARCH']);
    expect(found(withSettings(pool), ...lost)).toEqual(['unknown: store']);
    expect(found(withSettings(pool), calls('store', ['records'], { refused: 9 }))).toEqual([
      'configuration: store/POOL',
    ]);
  });

  test('all that begins together is one cause when one change explains it, and not when it began apart', () => {
    const common = setting('platform/MODE', {}, change(BEGAN - 1_000));
    const own = setting('records/MODE', {}, change(BEGAN - 60_000));
    const fleet = withSettings(common, own);
    expect(found(fleet, errors('records'), errors('bills'))).toEqual(['configuration: platform/MODE']);
    expect(found(fleet, errors('records'))).toEqual(['configuration: records/MODE']);
    const later = { ...errors('bills'), since: BEGAN + 8_000 };
    expect(found(fleet, errors('records'), later)).toContain('configuration: records/MODE');
  });
});

describe('who wrote it', () => {
  const nightly = (at: number) => change(at, 'bad', 'job nightly');
  const ours = (at: number) => change(at, 'good', 'kintsugi rep_1');

  test('whoever writes the same again after it was put back is the cause', () => {
    const again = setting('records/LIMIT', {}, nightly(BEGAN - 400_000), ours(BEGAN - 300_000), nightly(BEGAN - 2_000));
    const fleet = { ...withSettings(again), actors: [actorView('nightly')] };
    expect(found(fleet, errors('records'))).toEqual(['actor: nightly']);
    const stopped = { ...fleet, actors: [actorView('nightly', { running: false })] };
    expect(found(stopped, errors('records'))).toEqual(['configuration: records/LIMIT']);
  });

  test('one write is a change like any other', () => {
    const fleet = {
      ...withSettings(setting('records/LIMIT', {}, nightly(BEGAN - 2_000))),
      actors: [actorView('nightly')],
    };
    expect(found(fleet, errors('records'))).toEqual(['configuration: records/LIMIT']);
  });

  test('what we put back is waited for, and suspected less when that was in vain', () => {
    const waiting = setting('records/A', {}, change(BEGAN - 1_000), ours(AT - 10_000));
    const other = setting('records/B', {}, change(BEGAN - 600_000));
    expect(found(withSettings(waiting, other), errors('records'))).toEqual(['configuration: records/A']);
    const vain = change(AT - 5_000, 'bad', 'kintsugi rep_1');
    const tried = setting('records/A', {}, change(BEGAN - 1_000), ours(AT - 10_000), vain);
    expect(found(withSettings(tried, other), errors('records'))).toEqual(['configuration: records/B']);
  });

  test('who died of it while it was wrong is replaced once it is put back', () => {
    const dead = ['records-0', 'records-1'].map((id) => seen('exited', instanceNamed(id)));
    const wrong = setting('records/MEMORY', { kind: 'limit' });
    expect(found(withSettings(wrong), ...dead)).toEqual(['configuration: records/MEMORY']);
    const back = setting('records/MEMORY', { kind: 'limit' }, change(BEGAN - 1_000), ours(AT - 10_000));
    expect(found(withSettings(back), ...dead)).toEqual(['instance-died: records-0', 'instance-died: records-1']);
  });
});

test('an instance that is sick since before something was put back is given time to recover', () => {
  const sick = seen('probe-failed', instanceNamed('records-0'));
  const back = (at: number) => {
    const written = change(at, 'good', 'kintsugi rep_1');
    return withSettings(setting('records/LOGIN', { kind: 'grant' }, change(BEGAN - 300_000), written));
  };
  expect(found(back(AT - 5_000), sick)).toEqual([]);
  expect(found(back(AT - 31_000), sick)).toEqual(['instance-degraded: records-0']);
  expect(found(base, sick)).toEqual(['instance-degraded: records-0']);
});

describe('versions and settings', () => {
  const versions = [versionView(1), versionView(2, { promotedAt: null })];
  const instances = [0, 1, 2].map((i) => instanceView(`records-${i}`, { version: i === 0 ? 1 : 2, startedAt: BEGAN }));
  const rolling = { ...records, targetVersion: 2, versions, instances };
  const fleet = { ...fleetView([rolling, store]), settings: [setting('records/FLAG', { kind: 'flag' })] };
  const worse = (concurrent: boolean) => seen('version-errors', versionSubject('records', 2), { concurrent });

  test('a version that is worse than its predecessor beside it is accused, whatever else changed', () => {
    expect(found(fleet, worse(true), errors('records'))).toEqual(['version: records@2']);
  });

  test('without a predecessor beside it, a flag of the same minute is as likely, and tried first', () => {
    expect(found(fleet, worse(false), errors('records'))).toEqual(['configuration: records/FLAG']);
    expect(found({ ...fleet, settings: [] }, worse(false), errors('records'))).toEqual(['version: records@2']);
  });

  test('what fails are instances of the version before, also when they are gone: then it is not the new one', () => {
    const calm = { ...fleet, settings: [] };
    expect(found(calm, errors('records', {}, { versions: [2] }))).toEqual(['version: records@2']);
    expect(found(calm, errors('records', {}, { versions: [1] }))).toEqual(['unknown: records']);
  });

  test('instances of both versions fail alike: then it is not the version', () => {
    const all = errors(
      'records',
      {},
      { instances: ['records-0', 'records-1', 'records-2'], instancesFailing: 3, instancesSeen: 3 },
    );
    expect(found(fleet, all)).toEqual(['configuration: records/FLAG']);
  });
});

test('calls that fail for all instances of one caller and for nobody else are a matter of that caller', () => {
  const of = { instancesFailing: 3, instancesSeen: 9, failedShare: 0.2, requests: 300 };
  const instances = ['records-0', 'records-1', 'records-2'];
  const failing = seen('calls-failing', workloadNamed('store'), { ...of, callers: ['records'], instances });
  expect(found(base, failing)).toEqual(['unknown: store']);
  expect(found(withSettings(setting('records/MODE')), failing)).toEqual(['configuration: records/MODE']);
  // Where another caller fails too, or only one of its instances does, it is another story.
  const one = { ...of, instancesFailing: 1, callers: ['records'], instances: ['records-0'] };
  expect(found(base, seen('calls-failing', workloadNamed('store'), one))).toEqual(['instance-degraded: records-0']);
});

test('what one actor does to a workload or to what it stands on is its doing', () => {
  const uses = [{ of: 'store', share: 0.7, timesUsual: 9 }];
  const fleet = { ...base, actors: [actorView('report', { uses })] };
  expect(found(fleet, seen('calls-slow', workloadNamed('store'), { callers: ['records'] }))).toEqual(['actor: report']);
});
