import { expect, test } from 'vitest';
import { AT, fleetView, tenantView, workloadView } from '../../test/sim/fleet-views.ts';
import { settingView } from '../../test/sim/scenes.ts';
import { BEGAN, found, seen, tenantNamed, workloadNamed } from '../../test/sim/symptoms.ts';
import { routeSubject } from '../detect/symptom.ts';

const fleet = fleetView(
  [workloadView('records', { dependsOn: ['store'] }), workloadView('store')],
  [tenantView('shop')],
);
const route = routeSubject('records', 'GET /b');
const failing = seen('route-errors', route, { routes: ['GET /b'], routesSeen: 2 });
const whole = (routes: readonly string[]) =>
  seen('workload-errors', workloadNamed('records'), { routes: [...routes], tenantsFailing: 1, tenantsSeen: 1 });

test('one route that fails for everybody is what is broken, and explains what is felt of it', () => {
  const felt = [whole(['GET /b']), seen('objective-burning', tenantNamed('shop'))];
  expect(found(fleet, failing, ...felt)).toEqual(['route: records GET /b']);
});

test('failures at other routes are another matter', () => {
  expect(found(fleet, failing, whole(['GET /b', 'GET /c']))).toEqual(['route: records GET /b', 'unknown: records']);
});

test('what changed just before is suspected first, and for so long nothing is said of the route', () => {
  const history = [
    { value: 'a', at: 0, by: 'person ada', soakedAt: 10 },
    { value: 'b', at: BEGAN - 1_000, by: 'person bo', soakedAt: null },
  ];
  const settings = [settingView('records/MODE', { value: 'b', history })];
  expect(found({ ...fleet, settings }, failing)).toEqual(['configuration: records/MODE']);
  expect(found(fleet, { ...failing, since: AT - 10_000 })).toEqual([]);
});
