import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, workloadView } from '../../test/sim/fleet-views.ts';
import { actorView, assetView, settingView } from '../../test/sim/scenes.ts';
import { assetNamed, BEGAN, found, instanceNamed, seen, standing, workloadNamed } from '../../test/sim/symptoms.ts';
import type { SymptomName } from '../detect/symptom.ts';
import { diagnose } from './diagnose.ts';
import type { FleetView } from './fleet-view.ts';

const base = fleetView([workloadView('records', { dependsOn: ['store'] }), workloadView('store')]);
const withAssets = (...assets: FleetView['assets']): FleetView => ({ ...base, assets });
const holds = (condition: string, asset: string, evidence = {}, more = {}) =>
  seen(`asset-${condition}` as SymptomName, assetNamed(asset), evidence, more);
const errors = (workload: string, evidence = {}) => seen('workload-errors', workloadNamed(workload), evidence);

describe('a condition names its cause, and takes what it does to others', () => {
  test.each([
    ['expired', 'certificate edge', 'certificate'],
    ['expired', 'credential db', 'credential'],
    ['rejected', 'credential db', 'credential'],
    ['skewed', 'clock eu-1', 'clock'],
    ['holding', 'session 7', 'session'],
    ['blocked', 'queue mail', 'data'],
    ['missing', 'object mail', 'missing'],
    ['disabled', 'protection rows', 'protection'],
    ['revoked', 'privilege store', 'protection'],
    ['failing', 'disk store', 'infrastructure'],
    ['failing', 'service payment', 'dependency'],
    ['exhausted', 'pool store', 'resource'],
    ['corrupt', 'data store', 'data'],
    ['recovering', 'store main', 'dependency'],
    ['leaking', 'data store', 'isolation'],
  ])('%s of %s is %s', (condition, asset, cause) => {
    const fleet = withAssets(assetView(asset, { workloads: ['store'] }));
    const victims = [errors('records'), seen('calls-failing', workloadNamed('store'), { callers: ['records'] })];
    expect(found(fleet, holds(condition, asset), ...(condition === 'leaking' ? [] : victims))).toEqual([
      `${cause}: ${asset}`,
    ]);
  });

  test('one that only will be wrong, is behind, or hurts nobody is calm', () => {
    const fleet = withAssets(assetView('certificate edge'), assetView('replica b'), assetView('pool x'));
    expect(found(fleet, holds('expiring', 'certificate edge', { leftMs: 60_000 }))).toEqual([]);
    expect(found(fleet, holds('lagging', 'replica b'))).toEqual([]);
    expect(found(fleet, holds('exhausted', 'pool x'))).toEqual([]);
    expect(found(fleet, holds('stale', 'credential db'))).toEqual([]);
  });

  test('what will end is not calm once somebody said how it is renewed', () => {
    const edge = assetView('certificate edge', { detail: { renewable: true } });
    expect(found(withAssets(edge), holds('expiring', edge.id))).toEqual([`certificate: ${edge.id}`]);
  });

  test('a single death beside it has a cause of its own; while nothing can start, it has not', () => {
    const died = seen('exited', instanceNamed('store-1'));
    const pool = withAssets(assetView('pool store', { workloads: ['store'] }));
    expect(found(pool, holds('exhausted', 'pool store'), errors('store'), died).sort()).toEqual([
      'instance-died: store-1',
      'resource: pool store',
    ]);
    const hook = withAssets(assetView('hook check', { workloads: ['store'] }));
    expect(found(hook, holds('failing', 'hook check'), died)).toEqual(['infrastructure: hook check']);
  });

  test('what heals itself explains everything of those who need it, deaths too', () => {
    const fleet = withAssets(assetView('store main', { workloads: ['store'] }));
    const symptoms = [seen('exited', instanceNamed('store-0')), errors('records'), holds('failing', 'store main')];
    expect(found(fleet, holds('recovering', 'store main'), ...symptoms)).toEqual(['dependency: store main']);
  });
});

describe('clocks', () => {
  const instances = ['a', 'b'].map((host, i) => instanceView(`store-${i}`, { host }));
  const fleet: FleetView = {
    ...fleetView([workloadView('store', { instances })]),
    assets: [
      assetView('clock a', { host: 'a', workloads: [] }),
      assetView('certificate edge', { workloads: ['store'] }),
    ],
  };
  const skewed = holds('skewed', 'clock a', { host: 'a', skewMs: 9_000_000 });

  test('a clock that is off explains what looks expired on its machine', () => {
    const expired = holds('expired', 'certificate edge', { hosts: ['a'], skewMs: [9_000_000] });
    expect(found(fleet, expired, skewed, errors('store'))).toEqual(['clock: clock a']);
    expect(found(fleet, expired, errors('store'))).toEqual(['clock: clock a']);
  });

  test('it does not explain what is expired by good clocks too', () => {
    const expired = holds('expired', 'certificate edge', { hosts: ['a', 'b'], skewMs: [9_000_000, 0] });
    expect(found(fleet, expired, skewed, errors('store')).sort()).toEqual([
      'certificate: certificate edge',
      'clock: clock a',
    ]);
  });
});

describe('what changed or pushes stands behind a condition', () => {
  const pool = assetView('pool store', { workloads: ['store'], settings: ['store/POOL'] });
  const lowered = settingView('store/POOL', {
    kind: 'limit',
    workloads: ['store'],
    history: [
      { value: '10', at: 0, by: 'person ada', soakedAt: 10 },
      { value: '1', at: BEGAN - 1_000, by: 'person bo', soakedAt: null },
    ],
  });
  const full = [holds('exhausted', 'pool store'), errors('store', { errors: { exhausted: 9 } })];

  test('a limit that was lowered just before; not one that was changed after', () => {
    expect(found({ ...withAssets(pool), settings: [lowered] }, ...full)).toEqual(['configuration: store/POOL']);
    const later = { ...lowered, history: [lowered.history[0]!, { ...lowered.history[1]!, at: AT - 5_000 }] };
    expect(found({ ...withAssets(pool), settings: [later] }, ...full)).toEqual(['resource: pool store']);
  });

  test('who uses most of it and far more than usual; not who always does, or stands still', () => {
    const uses = (share: number, timesUsual: number) => [{ of: 'pool store', share, timesUsual }];
    const of = (share: number, timesUsual: number, running = true) =>
      found(
        { ...withAssets(pool), actors: [actorView('import', { uses: uses(share, timesUsual), running })] },
        ...full,
      );
    expect(of(0.8, 20)).toEqual(['actor: import']);
    expect(of(0.8, 1)).toEqual(['resource: pool store']);
    expect(of(0.1, 20)).toEqual(['resource: pool store']);
    expect(of(0.8, 20, false)).toEqual(['resource: pool store']);
  });

  test('the next suspects are named with the first', () => {
    const actors = [actorView('import', { uses: [{ of: 'pool store', share: 0.5, timesUsual: 3 }] })];
    const [first] = diagnose(standing(full), { ...withAssets(pool), settings: [lowered], actors });
    expect(first).toMatchObject({ cause: 'configuration', subject: { name: 'store/POOL' } });
    expect(first?.suspects).toMatchObject([{ cause: 'actor', subject: { name: 'import' } }]);
  });

  test('what protects or is there by its setting alone is put back as such; other settings are accused', () => {
    const rows = assetView('protection rows', { workloads: ['store'], settings: ['store/ROWS'] });
    const setting = { ...lowered, id: 'store/ROWS' };
    const of = (kind: 'protection' | 'config') =>
      found({ ...withAssets(rows), settings: [{ ...setting, kind }] }, holds('disabled', 'protection rows'));
    expect(of('protection')).toEqual(['protection: protection rows']);
    expect(of('config')).toEqual(['configuration: store/ROWS']);
  });
});

test('a session explains what waits for what it holds', () => {
  const table = assetView('data orders', { workloads: ['store'] });
  const session = assetView('session 7', { workloads: [], partOf: 'data orders' });
  const fleet = withAssets(table, session);
  const waits = [errors('records'), seen('calls-slow', workloadNamed('store')), holds('blocked', 'data orders')];
  expect(found(fleet, holds('holding', 'session 7', { holds: 'data orders' }), ...waits)).toEqual([
    'session: session 7',
  ]);
});
