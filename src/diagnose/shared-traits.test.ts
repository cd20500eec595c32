import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, workloadView } from '../../test/sim/fleet-views.ts';
import { assetView } from '../../test/sim/scenes.ts';
import { found, instanceNamed, seen, workloadNamed } from '../../test/sim/symptoms.ts';

/** Two workloads of eight in two regions; each instance has a machine of its own. */
const workloads = ['front', 'back'].map((name) =>
  workloadView(name, {
    wanted: { eu: 4, us: 4 },
    instances: ['eu', 'us'].flatMap((region) =>
      [0, 1, 2, 3].map((i) => instanceView(`${name}-${region}-${i}`, { region, host: `${name}-${region}-${i}` })),
    ),
  }),
);
const fleet = fleetView(workloads);
const half = ['front-eu-0', 'front-eu-2', 'back-eu-0', 'back-eu-1'];
const slow = (id: string, since = AT - 11_000) => seen('instance-slow', instanceNamed(id), {}, { since, at: AT });

describe('what sick instances have in common', () => {
  test('is one incident that names it, with what the workload shows', () => {
    const felt = seen('workload-slow', workloadNamed('front'));
    expect(found(fleet, ...half.map((id) => slow(id)), felt)).toEqual(['unknown: network eu']);
  });

  test('is waited for while what changed may still explain it, and none of them is healed meanwhile', () => {
    expect(found(fleet, ...half.map((id) => slow(id, AT - 8_000)))).toEqual([]);
  });

  test('is no explanation of few, of those that are sick elsewhere as well, or of what began at other times', () => {
    expect(found(fleet, ...half.slice(0, 2).map((id) => slow(id, AT - 13_000)))).toHaveLength(2);
    const wide = ['front-eu-0', 'front-us-2', 'back-eu-0', 'back-us-1'];
    expect(found(fleet, ...wide.map((id) => slow(id, AT - 13_000)))).toHaveLength(4);
    const later = half.map((id, i) => slow(id, AT - 13_000 - i * 40_000));
    expect(found(fleet, ...later)).not.toContain('unknown: network eu');
  });

  test('may be a store that only some of them need', () => {
    const named = (name: string, region: string) =>
      [0, 1, 2, 3].map((i) => instanceView(`${name}-${region}-${i}`, { region, host: `${name}-${i}` }));
    const three = ['front', 'back', 'mail'].map((name) =>
      workloadView(name, { wanted: { eu: 4 }, instances: named(name, 'eu') }),
    );
    const assets = [assetView('store main', { workloads: ['back'], region: 'eu' })];
    const sick = ['back-eu-0', 'back-eu-1', 'back-eu-2'].map((id) => slow(id));
    expect(found({ ...fleetView(three), assets }, ...sick)).toEqual(['unknown: store main']);
  });
});

describe('one that is worse beside others that only begin to be', () => {
  const outlier = (id: string) => seen('instance-outlier', instanceNamed(id), {}, { since: AT - 1_000, at: AT });

  test('is not healed alone before it is known whether they share something', () => {
    expect(found(fleet, slow('front-eu-0', AT - 9_000), outlier('back-eu-1'))).toEqual([]);
    expect(found(fleet, slow('front-eu-0', AT - 9_000), outlier('back-us-1'))).toEqual([
      'instance-degraded: front-eu-0',
    ]);
    expect(found(fleet, slow('front-eu-0', AT - 13_000), outlier('back-eu-1'))).toEqual([
      'instance-degraded: front-eu-0',
    ]);
  });

  test('is never an incident of those that only begin', () => {
    expect(found(fleet, ...half.map(outlier))).toEqual([]);
  });
});
