import { expect, test } from 'vitest';
import { instanceView, tenantView, workloadView } from '../../test/sim/fleet-views.ts';
import { sceneFleet } from '../../test/sim/scenes.ts';
import { heldAt } from './held-tenants.ts';

const fleetWith = (ready: { readonly eu: boolean; readonly us: boolean }) =>
  sceneFleet({
    workloads: [
      workloadView('records', {
        wanted: { eu: 1, us: 1 },
        instances: (['eu', 'us'] as const).map((region) =>
          instanceView(`r-${region}`, { region, ready: ready[region] }),
        ),
      }),
    ],
    tenants: [tenantView('clinic', { regions: ['eu'] }), tenantView('shop', { regions: ['eu', 'us'] })],
  });

test('who may be in no other region is held while nothing serves there, and only while others are served', () => {
  const lost = fleetWith({ eu: false, us: true });
  expect(heldAt(lost, 'clinic')).toEqual(['held at records: nothing serves in eu']);
  expect(heldAt(lost, 'shop')).toEqual([]);
  for (const fleet of [fleetWith({ eu: true, us: true }), fleetWith({ eu: false, us: false })]) {
    expect(heldAt(fleet, 'clinic')).toEqual([]);
  }
  expect(heldAt(lost, 'nobody')).toEqual([]);
});
