import { describe, expect, test } from 'vitest';
import { AT, instanceView, tenantView, versionView, workloadView } from '../../../test/sim/fleet-views.ts';
import { repairOf } from '../../../test/sim/plans.ts';
import { actorView, assetView, sceneFleet, sceneOf, settingView } from '../../../test/sim/scenes.ts';
import type { SettingChange, SettingView } from '../../diagnose/fleet-view.ts';
import type { PastRepair } from '../situation.ts';
import type { DraftMove } from './scene.ts';
import { recreate, reenable, reroute, resize, revert } from './writing.ts';

const subject = { kind: 'setting', name: 'records/POOL' } as const;
const was = (value: string | null, at: number, more: Partial<SettingChange> = {}): SettingChange => ({
  value,
  at,
  by: 'person ada',
  soakedAt: at + 10,
  ...more,
});

function drafted(move: DraftMove, more: Partial<SettingView>, repairs: readonly PastRepair[] = []) {
  const fleet = sceneFleet({ settings: [settingView('records/POOL', more)], actors: [actorView('nightly')] });
  return move(sceneOf('configuration', subject, fleet, { repairs }), {});
}
const wroteBack = (...given: Parameters<typeof drafted>) => drafted(...given)[0]?.input['value'];
const history = (...changes: readonly SettingChange[]) => ({ history: changes, value: changes.at(-1)!.value });
const bad = was('1', AT - 2_000, { by: 'person bo', soakedAt: null });

describe('revert of a setting', () => {
  test('says what apply and undo need, and touches whom the setting governs', () => {
    const [step] = drafted(revert, {});
    expect(step?.input).toEqual({
      setting: 'records/POOL',
      value: '10',
      expectedRevision: 3,
      oldValue: '1',
      key: 'pln_abcde-0-records/POOL',
    });
    expect(step?.touch).toMatchObject({ settings: ['records/POOL'], tenants: ['shop', 'clinic'], regions: ['eu'] });
  });

  test('goes to the newest value that had soaked before the trouble began', () => {
    expect(wroteBack(revert, history(was('5', 0), was('8', 50), bad))).toBe('8');
    expect(wroteBack(revert, history(was('5', 0), was('8', 50, { soakedAt: null }), bad))).toBe('5');
  });

  test('never goes to what was written or had soaked only inside the window of the incident', () => {
    expect(wroteBack(revert, history(was('5', 0), was('8', 50, { soakedAt: AT - 500 }), bad))).toBe('5');
    expect(drafted(revert, history(was('8', AT - 900, { soakedAt: AT - 800 }), bad))).toEqual([]);
  });

  test('goes to what was declared when nothing had soaked', () => {
    expect(wroteBack(revert, { ...history(bad), declared: '12' })).toBe('12');
    expect(drafted(revert, { ...history(bad), declared: '1' })).toEqual([]);
  });

  test('leaves what is as it was declared', () => {
    expect(wroteBack(revert, { ...history(was('5', 0), bad), declared: '5' })).toBe('5');
    expect(drafted(revert, { ...history(was('5', 0), bad), declared: '1' })).toEqual([]);
  });

  test.each(['protection', 'grant'] as const)('takes no %s away, and may give it back', (kind) => {
    const on = was('on', AT - 2_000, { soakedAt: null });
    expect(drafted(revert, { ...history(was('off', 0), on), kind })).toEqual([]);
    expect(drafted(revert, { ...history(was(null, 0), on), kind })).toEqual([]);
    expect(wroteBack(revert, { ...history(was('on', 0), was('off', AT - 2_000, { soakedAt: null })), kind })).toBe(
      'on',
    );
    expect(wroteBack(revert, { ...history(was('off', 0), on), kind: 'flag' })).toBe('off');
  });

  test('removes what was absent before', () => {
    expect(wroteBack(revert, history(was(null, 0), bad))).toBeNull();
  });

  test('does not try again what was tried in vain', () => {
    const vain = repairOf('setting records/POOL', {
      startedAt: AT - 1_500,
      endedAt: AT - 1,
      outcome: 'unwound',
      wrote: [{ setting: 'records/POOL', value: '8' }],
    });
    expect(wroteBack(revert, history(was('5', 0), was('8', 50), bad), [vain])).toBe('5');
  });

  test('does not go to an earlier value of the same restless hand', () => {
    const job = { by: 'job nightly' };
    expect(wroteBack(revert, history(was('512', 0), was('256', 50, job), was('128', AT - 2_000, job)))).toBe('512');
  });

  test('starts those anew that read it only at their start, and no others', () => {
    const instances = [
      instanceView('records-0', { startedAt: AT - 1_500 }),
      instanceView('records-1', { startedAt: 5 }),
      instanceView('records-2', { startedAt: 5, ready: false }),
    ];
    const fleet = sceneFleet({
      settings: [settingView('records/POOL', { needsRestart: true })],
      workloads: [workloadView('records', { instances })],
    });
    const steps = revert(sceneOf('configuration', subject, fleet), {});
    expect(steps.map(({ move, input }) => input['oldInstance'] ?? move)).toEqual(['revert', 'records-0', 'records-2']);
  });
});

describe('settings that have to do with what is sick', () => {
  const certificate = assetView('certificate ingress', { settings: ['records/POOL'] });
  const about = (more: Partial<SettingView>) => {
    const fleet = sceneFleet({ settings: [settingView('records/POOL', more)], assets: [certificate] });
    return revert(sceneOf('certificate', { kind: 'asset', name: certificate.id }, fleet), {});
  };
  test('are put back when they changed lately or drifted from what was declared', () => {
    expect(about({})).toHaveLength(1);
    expect(about({ ...history(was('5', 0), was('8', 50)), declared: '5' })).toHaveLength(1);
  });
  test('are left alone when they have long served', () => {
    expect(about(history(was('5', 0), was('8', 50)))).toEqual([]);
  });
});

describe('other ways to restore', () => {
  test('recreate writes what is absent, and only that', () => {
    expect(wroteBack(recreate, history(was('{}', 0), was(null, AT - 2_000, { soakedAt: null })))).toBe('{}');
    expect(drafted(recreate, {})).toEqual([]);
  });
  test('reenable writes what protects, and only that', () => {
    expect(drafted(reenable, { kind: 'protection' })).toHaveLength(1);
    expect(drafted(reenable, {})).toEqual([]);
  });
  test('a version goes back before any setting does', () => {
    const versions = [versionView(1), versionView(2, { promotedAt: null })];
    const fleet = sceneFleet({ workloads: [workloadView('records', { versions, targetVersion: 2 })] });
    const version = { kind: 'version', name: 'records@2', workload: 'records', version: 2 } as const;
    expect(revert(sceneOf('configuration', version, fleet), {})[0]?.input).toMatchObject({ from: 2, to: 1 });
  });
});

describe('resize', () => {
  const pool = assetView('pool db', { settings: ['records/POOL'] });
  const sized = (more: Partial<SettingView>, parameters = {}) => {
    const limit = settingView('records/POOL', { kind: 'limit', history: [], ...more });
    const fleet = sceneFleet({ settings: [limit], assets: [pool] });
    return resize(sceneOf('resource', { kind: 'asset', name: pool.id }, fleet), parameters)[0]?.input['value'];
  };
  test('enlarges by the factor and keeps the unit', () => {
    expect(sized({ value: '100' })).toBe('200');
    expect(sized({ value: '10Mi' }, { factor: 3 })).toBe('30Mi');
  });
  test('stops at a few times what was declared, and does nothing to what is no number', () => {
    expect(sized({ value: '300', declared: '100' })).toBe('400');
    expect(sized({ value: '400', declared: '100' })).toBeUndefined();
    expect(sized({ value: 'unlimited' })).toBeUndefined();
  });
});

describe('reroute', () => {
  const network = assetView('network eu', { region: 'eu', workloads: [] });
  const instances = [instanceView('records-0'), instanceView('records-1', { region: 'us' })];
  const route = (tenant: string) =>
    settingView(`route/${tenant}`, { kind: 'route', value: 'eu', tenant, workloads: [], history: [was('eu', 0)] });
  const fleet = sceneFleet({
    workloads: [workloadView('records', { instances })],
    tenants: [tenantView('shop', { regions: ['eu', 'us'] }), tenantView('clinic')],
    settings: [route('shop'), route('clinic')],
    assets: [network],
  });
  test('moves those who may be served elsewhere and holds the others', () => {
    const steps = reroute(sceneOf('infrastructure', { kind: 'asset', name: network.id }, fleet), {});
    expect(steps.map(({ input, touch }) => [input['setting'], input['value'], touch.tenants, touch.regions])).toEqual([
      ['route/shop', 'us', ['shop'], ['us']],
    ]);
  });
  test('leaves a lost region that is known only by what stood in it', () => {
    const steps = reroute(sceneOf('infrastructure', { kind: 'asset', name: network.id }, { ...fleet, assets: [] }), {});
    expect(steps.map(({ input }) => input['setting'])).toEqual(['route/shop']);
  });
  test('moves nobody to where nothing serves', () => {
    const alone = { ...fleet, workloads: [workloadView('records')] };
    expect(reroute(sceneOf('infrastructure', { kind: 'asset', name: network.id }, alone), {})).toEqual([]);
  });
});
