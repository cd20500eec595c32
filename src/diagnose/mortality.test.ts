import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, versionView, workloadView } from '../../test/sim/fleet-views.ts';
import { settingView } from '../../test/sim/scenes.ts';
import { found, instanceNamed, seen, workloadNamed } from '../../test/sim/symptoms.ts';
import { versionSubject } from '../detect/symptom.ts';
import type { SettingView } from './fleet-view.ts';

const subject = versionSubject('records', 2);
const again = (evidence = {}) =>
  seen('deaths-recurring', subject, {
    deaths: 3,
    onlyThisVersion: true,
    ofOneAge: true,
    firstStartedAt: 20_000,
    ...evidence,
  });
const died = seen('exited', instanceNamed('records-0', 2));

/** Version 2 serves, has soaked, and has another before it. */
function fleetOf(settings: readonly SettingView[] = [], startedAt = 0) {
  const instances = [0, 1, 2].map((each) =>
    instanceView(`records-${each}`, { version: 2, startedAt: each === 0 ? startedAt : 0 }),
  );
  const versions = [versionView(1), versionView(2)];
  return { ...fleetView([workloadView('records', { targetVersion: 2, versions, instances })]), settings };
}

function changedAt(at: number): SettingView {
  const history = [
    { value: '10', at: 0, by: 'person ada', soakedAt: 10 },
    { value: '20', at, by: 'person bo', soakedAt: null },
  ];
  return settingView('records/PAGE_SIZE', { workloads: ['records'], value: '20', declared: '10', history });
}

describe('processes that die again and again', () => {
  test('at one age, of one version only: it is the version, though it has soaked', () => {
    expect(found(fleetOf(), died, again())).toEqual(['version: records@2']);
  });

  test('it cannot be told what it is when other versions die too, or at any age; and that is said', () => {
    for (const unlike of [{ onlyThisVersion: false }, { ofOneAge: false }]) {
      expect(found(fleetOf(), died, again(unlike))).toEqual(['instance-died: records-0', 'unknown: records@2']);
    }
  });

  test('a change accuses nothing that is not suspected, when the first of them was older than the change', () => {
    const claims = [died, again()];
    expect(found(fleetOf([changedAt(30_000)]), ...claims)).toEqual(['version: records@2']);
    // Who started after the change may have been told otherwise.
    const younger = again({ firstStartedAt: 40_000 });
    expect(found(fleetOf([changedAt(30_000)]), died, younger)).not.toContain('version: records@2');
  });
});

describe('slowness while a process is missing', () => {
  const slow = [seen('version-slow', subject), seen('workload-slow', workloadNamed('records'))];

  test('accuses no change that was made before', () => {
    const fleet = fleetOf([changedAt(AT - 60_000)]);
    expect(found(fleet, ...slow)).toContain('configuration: records/PAGE_SIZE');
    expect(found(fleet, died, ...slow)).toEqual(['instance-died: records-0']);
    expect(found(fleetOf([changedAt(AT - 60_000)], AT - 20_000), ...slow)).toEqual(['unknown: records']);
  });

  test('accuses the version at once where it serves beside the one before', () => {
    const beside = seen('version-slow', subject, { concurrent: true });
    expect(found(fleetOf(), died, beside)).toContain('version: records@2');
  });
});
