import { expect, test } from 'vitest';
import { fleetView, tenantView, workloadView } from '../../test/sim/fleet-views.ts';
import { found, seen, workloadNamed } from '../../test/sim/symptoms.ts';
import type { AddedSample } from '../observe/sample.ts';
import { Additions } from './additions.ts';
import type { LimitView, WorkloadView } from './fleet-view.ts';

const gone = seen('load-gone', workloadNamed('records'));
const fleetWith = (more: Partial<WorkloadView> = {}, mitigations: readonly LimitView[] = []) =>
  fleetView([workloadView('records', more), workloadView('bills')], [tenantView('shop', { mitigations })]);

test('load that has gone is an instance too many, after everything else', () => {
  expect(found(fleetWith(), gone)).toEqual(['spare: records']);
  expect(found(fleetWith(), gone, seen('load-ahead', workloadNamed('bills')))).toEqual([
    'demand: bills',
    'spare: records',
  ]);
});

test('it accuses nobody while anything else is claimed there, a version is rolled out or requests are kept out', () => {
  expect(found(fleetWith(), gone, seen('workload-slow', workloadNamed('records')))).not.toContain('spare: records');
  expect(found(fleetWith(), gone, seen('workload-slow', workloadNamed('bills')))).toContain('spare: records');
  expect(found(fleetWith({ phase: 'rolling' }), gone)).toEqual([]);
  const shed = { id: 'l', kind: 'shed' } as const;
  expect(found(fleetWith({}, [{ ...shed, workload: 'records' }]), gone)).toEqual([]);
  expect(found(fleetWith({}, [{ ...shed, workload: 'bills' }]), gone)).toEqual(['spare: records']);
});

test('how many were added is told at first sight, when it changes, and when the place is gone', () => {
  const additions = new Additions();
  const told = (more: Partial<WorkloadView> | null) => {
    additions.look(fleetView(more === null ? [] : [workloadView('records', more)]));
    return additions.take().map(({ region, wanted, added }: AddedSample) => ({ region, wanted, added }));
  };
  expect(told({ wanted: { eu: 3 } })).toEqual([{ region: 'eu', wanted: 3, added: 0 }]);
  expect(told({ wanted: { eu: 3 } })).toEqual([]);
  expect(told({ wanted: { eu: 4, us: 1 }, added: { eu: 1, us: 1 } })).toEqual([
    { region: 'eu', wanted: 4, added: 1 },
    { region: 'us', wanted: 1, added: 1 },
  ]);
  expect(told({ wanted: { eu: 4 }, added: { eu: 1 } })).toEqual([{ region: 'us', wanted: 0, added: 0 }]);
  expect(told(null)).toEqual([{ region: 'eu', wanted: 0, added: 0 }]);
});
