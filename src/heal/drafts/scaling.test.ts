import { describe, expect, test } from 'vitest';
import { instanceView, tenantView, workloadView } from '../../../test/sim/fleet-views.ts';
import { assetView, sceneFleet, sceneOf, symptomOf } from '../../../test/sim/scenes.ts';
import { scaleIn, scaleOut } from './scaling.ts';

describe('scale', () => {
  test('adds one in every region of an overloaded workload, and none to what owns its place', () => {
    const subject = { kind: 'workload', name: 'records' } as const;
    expect(scaleOut(sceneOf('overload', subject, sceneFleet()), {})[0]?.input).toMatchObject({
      regions: ['eu'],
      by: 1,
    });
    const owned = sceneFleet({ workloads: [workloadView('records', { replacement: 'in-place' })] });
    expect(scaleOut(sceneOf('overload', subject, owned), {})).toEqual([]);
  });

  test.each(['store main', 'hook vault'])('adds none that would need %s, which fails', (id) => {
    const subject = { kind: 'asset', name: id } as const;
    const scaled = (workloads: readonly string[]) =>
      scaleOut(
        sceneOf('infrastructure', subject, sceneFleet({ assets: [assetView(id, { workloads })] }), {
          workload: 'records',
        }),
        {},
      );
    expect(scaled(['records'])).toEqual([]);
    expect(scaled([])).toEqual([]);
    expect(scaled(['bills'])).toHaveLength(1);
  });

  test('makes up for a lost region where tenants of it may be served, and says who is held', () => {
    const network = assetView('network eu', { region: 'eu', workloads: [] });
    const fleet = sceneFleet({
      assets: [network],
      workloads: [workloadView('records', { wanted: { eu: 3, us: 1 } })],
      tenants: [tenantView('shop', { regions: ['eu', 'us'] }), tenantView('clinic')],
    });
    const [step] = scaleOut(sceneOf('infrastructure', { kind: 'asset', name: network.id }, fleet), {});
    expect(step).toMatchObject({ input: { regions: ['us'], by: 3 }, touch: { tenants: ['shop'] } });
    expect(step?.effect).toMatch('held where they are: clinic');
  });
});

describe('scale-in', () => {
  const subject = { kind: 'workload', name: 'records' } as const;
  const instances = [0, 1, 2].map((ordinal) => instanceView(`records-${ordinal}`));
  const inWith = (added: number, wanted = 3) => {
    const workloads = [workloadView('records', { wanted: { eu: wanted }, added: { eu: added }, instances })];
    const evidence = [symptomOf('load-gone', subject, { region: 'eu' })];
    return scaleIn(sceneOf('spare', subject, sceneFleet({ workloads }), { evidence }), {});
  };

  test('takes the newest one of the region, and touches whoever is served there', () => {
    expect(inWith(1)).toMatchObject([
      {
        input: { workload: 'records', region: 'eu' },
        touch: { instances: ['records-2'], regions: ['eu'], tenants: ['shop', 'clinic'], servingTakenAtOnce: 1 },
      },
    ]);
  });

  test('takes none that people declared, and not the last', () => {
    expect(inWith(0)).toEqual([]);
    expect(inWith(1, 1)).toEqual([]);
  });
});
