import { describe, expect, test } from 'vitest';
import { AT, tenantView } from '../../../test/sim/fleet-views.ts';
import { repairOf } from '../../../test/sim/plans.ts';
import { actorView, assetView, sceneFleet, sceneOf, settingView, symptomOf } from '../../../test/sim/scenes.ts';
import { limiting, suspend } from './limiting.ts';

const requests = {
  kind: 'requests',
  name: 'shop /export f1',
  tenant: 'shop',
  route: '/export',
  fingerprint: 'f1',
  workload: 'records',
  version: 1,
} as const;

describe('a limit', () => {
  test('on requests is as narrow as what is known of them, and one wider when asked', () => {
    const scene = sceneOf('poison', requests, sceneFleet());
    const narrow = { tenant: 'shop', route: '/export', workload: 'records', fingerprint: 'f1', actor: null };
    expect(limiting('quarantine')(scene, {})[0]).toMatchObject({ input: narrow, touch: { tenants: ['shop'] } });
    expect(limiting('quarantine')(scene, { widen: true })[0]?.input).toMatchObject({ ...narrow, fingerprint: null });
  });

  test('is not widened beyond the route', () => {
    const route = { ...requests, fingerprint: null };
    expect(limiting('quarantine')(sceneOf('poison', route, sceneFleet()), { widen: true })).toEqual([]);
  });

  test('of a route is for everybody, and only where it slows the others down', () => {
    const subject = { kind: 'route', name: 'records GET /b', workload: 'records', route: 'GET /b' } as const;
    const drafted = (drags: boolean) =>
      limiting('shed')(
        sceneOf('route', subject, sceneFleet(), { evidence: [symptomOf('route-slow', subject, { drags })] }),
        { share: 0.8 },
      );
    expect(drafted(true)).toMatchObject([
      {
        input: { tenant: null, workload: 'records', route: 'GET /b', share: 0.8 },
        touch: { tenants: ['shop', 'clinic'] },
      },
    ]);
    expect(drafted(false)).toEqual([]);
  });

  test('lets back little by little, and ends by itself', () => {
    const scene = sceneOf('tenant', { kind: 'tenant', name: 'shop' }, sceneFleet());
    const input = limiting('throttle')(scene, {})[0]?.input;
    expect(input).toMatchObject({ minutes: 20, rampMinutes: 6 });
  });

  test('of a caller touches no tenant', () => {
    const fleet = sceneFleet({ actors: [actorView('reports')] });
    const [step] = limiting('throttle')(sceneOf('actor', { kind: 'actor', name: 'reports' }, fleet), {});
    expect(step).toMatchObject({
      input: { actor: 'reports', tenant: null },
      touch: { actors: ['reports'], tenants: [] },
    });
  });

  test('is for a caller that still runs', () => {
    const pool = assetView('pool db');
    const uses = [{ of: pool.id, share: 0.9, timesUsual: 9 }];
    const limited = (running: boolean) => {
      const fleet = sceneFleet({ assets: [pool], actors: [actorView('reports', { uses, running })] });
      return limiting('throttle')(sceneOf('resource', { kind: 'asset', name: pool.id }, fleet), {});
    };
    expect(limited(true)).toHaveLength(1);
    expect(limited(false)).toEqual([]);
  });

  test('sheds a share of everybody at an overloaded workload', () => {
    const scene = sceneOf('overload', { kind: 'workload', name: 'records' }, sceneFleet());
    const [step] = limiting('shed')(scene, { share: 0.3 });
    expect(step).toMatchObject({ input: { workload: 'records', tenant: null, share: 0.3 } });
    expect(step?.touch.tenants).toEqual(['shop', 'clinic']);
  });

  test('closes a workload that leaks, and no workload for anything else', () => {
    const subject = { kind: 'workload', name: 'records' } as const;
    expect(limiting('quarantine')(sceneOf('isolation', subject, sceneFleet()), {})).toHaveLength(1);
    expect(limiting('quarantine')(sceneOf('overload', subject, sceneFleet()), {})).toEqual([]);
  });

  test('that stands already is not put on again before it runs out', () => {
    const shop = tenantView('shop', { mitigations: [{ id: 'm', kind: 'throttle' }] });
    const put = (agoMs: number) =>
      repairOf('tenant shop', { startedAt: AT - agoMs, endedAt: AT - agoMs, tenants: ['shop'], moves: ['throttle'] });
    const scene = (agoMs: number) =>
      sceneOf('tenant', { kind: 'tenant', name: 'shop' }, sceneFleet({ tenants: [shop] }), { repairs: [put(agoMs)] });
    expect(limiting('throttle')(scene(60_000), {})).toEqual([]);
    expect(limiting('throttle')(scene(13 * 60_000), {})).toHaveLength(1);
  });

  test('that is for an overload which feeds itself fits no other, and lets hardly anything through', () => {
    const subject = { kind: 'workload', name: 'records' } as const;
    const slow = (medianMs: number) => [symptomOf('overloaded', subject, { load: 2, medianMs, usualMedianMs: 20 })];
    const shed = (medianMs: number) =>
      limiting('shed')(sceneOf('overload', subject, sceneFleet(), { evidence: slow(medianMs) }), { collapsed: true });
    expect(shed(60)).toEqual([]);
    expect(shed(2_000)[0]?.input).toMatchObject({ share: 0.9 });
  });
});

describe('suspend', () => {
  const names = (steps: ReturnType<typeof suspend>) => steps.map(({ input }) => input['actor']);
  const setting = { kind: 'setting', name: 'records/POOL' } as const;
  const written = (by: readonly string[]) =>
    settingView('records/POOL', {
      history: by.map((each, i) => ({ value: String(i), at: i, by: each, soakedAt: null })),
    });
  const fleetOf = (by: readonly string[], more = {}) =>
    sceneFleet({ settings: [written(by)], actors: [actorView('nightly', more)] });

  test('stops the hand that keeps writing', () => {
    expect(
      names(suspend(sceneOf('configuration', setting, fleetOf(['job nightly', 'person ada', 'job nightly'])), {})),
    ).toEqual(['nightly']);
  });

  test('stops nobody for a single write, unless it was over ours', () => {
    const fleet = fleetOf(['person ada', 'job nightly']);
    expect(suspend(sceneOf('configuration', setting, fleet), {})).toEqual([]);
    const ours = repairOf('setting x', { startedAt: 0, endedAt: AT, wrote: [{ setting: 'records/POOL', value: '9' }] });
    expect(names(suspend(sceneOf('configuration', setting, fleet, { repairs: [ours] }), {}))).toEqual(['nightly']);
  });

  test('stops nobody that may not be stopped or stands still', () => {
    const by = ['job nightly', 'job nightly'];
    expect(suspend(sceneOf('configuration', setting, fleetOf(by, { suspendable: false })), {})).toEqual([]);
    expect(suspend(sceneOf('configuration', setting, fleetOf(by, { running: false })), {})).toEqual([]);
  });

  test('stops the heaviest unusual user of what ran out, and not one that does what it always does', () => {
    const pool = assetView('pool db');
    const uses = (share: number, timesUsual: number) => ({ uses: [{ of: pool.id, share, timesUsual }] });
    const actors = [
      actorView('usual', uses(0.6, 1)),
      actorView('small', uses(0.1, 9)),
      actorView('heavy', uses(0.5, 4)),
    ];
    const fleet = sceneFleet({ assets: [pool], actors });
    expect(names(suspend(sceneOf('resource', { kind: 'asset', name: pool.id }, fleet), {}))).toEqual(['heavy']);
  });
});
