import { expect, test } from 'vitest';
import { AT, fleetView, workloadView } from '../../test/sim/fleet-views.ts';
import { settingView } from '../../test/sim/scenes.ts';
import { found, seen, workloadNamed } from '../../test/sim/symptoms.ts';
import type { FleetView } from './fleet-view.ts';
import { SettingChanges } from './setting-changes.ts';

const history = (...at: readonly number[]) =>
  at.map((each, i) => ({ value: `v${i}`, at: each, by: 'person anna', soakedAt: each + 1 }));
const pool = settingView('records/POOL', { value: 'v1', workloads: ['records'], history: history(1, AT - 90_000) });
const theme = settingView('records/THEME', { value: 'v1', workloads: ['records'], history: history(1, AT - 80_000) });
const fleet: FleetView = { ...fleetView([workloadView('records')]), settings: [pool, theme] };
const worse = (setting: string, chance: number) =>
  seen('worse-since-change', { kind: 'setting', name: setting }, { workload: 'records', chance });

test('the change for which the least may be chance is accused of what became a little worse', () => {
  expect(found(fleet, worse('records/THEME', 1e-3), worse('records/POOL', 1e-5))).toEqual([
    'configuration: records/POOL',
  ]);
});

test('what is felt more is told by what explains that, and there is one incident', () => {
  const felt = seen('workload-errors', workloadNamed('records'), {}, { since: AT - 20_000 });
  expect(found(fleet, felt, worse('records/POOL', 1e-5))).toHaveLength(1);
});

test('nothing is accused while a version is rolled out, nor a setting that nobody knows any more', () => {
  const rolling = fleetView([workloadView('records', { phase: 'rolling' })]);
  expect(found({ ...rolling, settings: [pool] }, worse('records/POOL', 1e-5))).toEqual([]);
  expect(found(fleet, worse('records/GONE', 1e-5))).toEqual([]);
});

test('each change is told once, those of before the first look only while they are fresh', () => {
  const changes = new SettingChanges();
  const seenIn = (view: FleetView) => {
    changes.look(view);
    return changes.take();
  };
  const old = settingView('records/OLD', { value: 'v1', workloads: [], history: history(1, AT - 3_600_000) });
  const first = seenIn({ ...fleet, settings: [pool, theme, old] });
  expect(first.map(({ setting }) => setting)).toEqual(['records/POOL', 'records/THEME']);
  expect(seenIn({ ...fleet, settings: [pool, theme, old] })).toEqual([]);
  const again = { ...old, history: history(1, AT - 3_600_000, AT) };
  expect(seenIn({ ...fleet, settings: [pool, theme, again] })).toMatchObject([
    { kind: 'change', setting: 'records/OLD', workloads: ['records'], at: AT, by: 'person anna' },
  ]);
});
