import { describe, expect, test } from 'vitest';
import { instanceView, workloadView } from '../../../test/sim/fleet-views.ts';
import { assetView, sceneFleet, sceneOf, settingView, symptomOf } from '../../../test/sim/scenes.ts';
import { replaceInstances } from './succession.ts';

const olds = (steps: ReturnType<typeof replaceInstances>) => steps.map(({ input }) => input['oldInstance']);

describe('replace', () => {
  test('leaves a host that is in doubt, and only that', () => {
    const host = assetView('host eu-1', { host: 'eu-1', workloads: [] });
    const instances = [instanceView('records-0', { host: 'eu-1' }), instanceView('records-1', { host: 'eu-2' })];
    const fleet = sceneFleet({ assets: [host], workloads: [workloadView('records', { instances })] });
    const steps = replaceInstances(sceneOf('infrastructure', { kind: 'asset', name: host.id }, fleet), {});
    expect(olds(steps)).toEqual(['records-0']);
    expect(steps[0]?.input['avoidHosts']).toEqual(['eu-1']);
  });

  test('does not stop what has its data on that host and serves, because it would come up there again', () => {
    const host = assetView('host eu-1', { host: 'eu-1', workloads: [] });
    const fleetOf = (ready: boolean) => {
      const instances = [instanceView('records-0', { host: 'eu-1', ready })];
      const owned = workloadView('records', { instances, keepsData: true, replacement: 'in-place' });
      return sceneFleet({ assets: [host], workloads: [owned] });
    };
    const stepsIn = (ready: boolean) =>
      replaceInstances(sceneOf('infrastructure', { kind: 'asset', name: host.id }, fleetOf(ready)), {});
    expect(stepsIn(true)).toEqual([]);
    expect(olds(stepsIn(false))).toEqual(['records-0']);
  });

  test('starts those anew that hold a stale credential: the named ones, or all that need it', () => {
    const credential = assetView('credential db');
    const subject = { kind: 'asset', name: credential.id } as const;
    const fleet = sceneFleet({ assets: [credential] });
    const stale = (evidence: object) => ({ evidence: [symptomOf('asset-stale', subject, { ...evidence })] });
    const named = sceneOf('credential', subject, fleet, stale({ detail: { instances: ['records-1'] } }));
    expect(olds(replaceInstances(named, {}))).toEqual(['records-1']);
    expect(olds(replaceInstances(sceneOf('credential', subject, fleet, stale({})), {}))).toHaveLength(3);
    expect(replaceInstances(sceneOf('credential', subject, fleet), {})).toEqual([]);
  });

  test('does not fit a setting that running processes see', () => {
    const fleet = sceneFleet({ settings: [settingView('records/POOL')] });
    expect(replaceInstances(sceneOf('configuration', { kind: 'setting', name: 'records/POOL' }, fleet), {})).toEqual(
      [],
    );
  });

  test('gives the successors of each rung names of their own', () => {
    const subject = { kind: 'instance', name: 'records-0', workload: 'records', version: 1 } as const;
    const names = [0, 1].map(
      (rung) =>
        replaceInstances(sceneOf('instance-hung', subject, sceneFleet(), { rung }), {})[0]?.input['newInstance'],
    );
    expect(names).toEqual(['records-eu-0-abcde', 'records-eu-0-abcde-1']);
  });

  test('leaves what is not ours alone', () => {
    const fleet = sceneFleet({ workloads: [workloadView('records', { external: true })] });
    const subject = { kind: 'instance', name: 'records-0', workload: 'records', version: 1 } as const;
    expect(replaceInstances(sceneOf('instance-hung', subject, fleet), {})).toEqual([]);
  });
});
