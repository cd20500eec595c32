import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, workloadView } from '../../test/sim/fleet-views.ts';
import { assetView } from '../../test/sim/scenes.ts';
import { found, instanceNamed, seen, workloadNamed } from '../../test/sim/symptoms.ts';
import { assetOrPlaceOf, failureDomains } from './failure-domains.ts';

/** Two workloads, one behind the other, in two regions; `records-0`, `records-1` and `store-0`, `store-1` are in `ch`. */
function twoRegions(...ordinalsIn: readonly number[]) {
  const instancesOf = (name: string) =>
    [0, 1, 2, 3].map((ordinal) => {
      const region = ordinalsIn.includes(ordinal) ? 'ch' : 'eu';
      return instanceView(`${name}-${ordinal}`, { region, host: `${region}-${ordinal}` });
    });
  const wanted = { ch: 2, eu: 2 };
  const records = workloadView('records', { wanted, instances: instancesOf('records'), dependsOn: ['store'] });
  return fleetView([records, workloadView('store', { wanted, instances: instancesOf('store') })]);
}

const fleet = twoRegions(0, 1);
const inCh = ['records-0', 'records-1', 'store-0', 'store-1'];
const silent = (id: string, since = AT - 5_000) => seen('hung', instanceNamed(id), {}, { since });

describe('a region that nobody declared', () => {
  test('is accused, and nothing in it, when all that stands there falls silent and the rest is well', () => {
    const felt = [seen('workload-errors', workloadNamed('records')), seen('calls-failing', workloadNamed('store'))];
    const claims = [...inCh.map((id) => silent(id)), ...felt];
    expect(found(fleet, ...claims)).toEqual(['infrastructure: network ch']);
  });

  test('is not accused while somebody there answers, nor when others elsewhere are silent too', () => {
    const some = inCh.slice(0, 3).map((id) => silent(id));
    expect(found(fleet, ...some)).not.toContain('infrastructure: network ch');
    const all = [...inCh, 'records-2', 'store-2'].map((id) => silent(id));
    expect(found(fleet, ...all)).not.toContain('infrastructure: network ch');
  });

  test('is not accused of what came one after the other, of processes that ended, or of the last moment', () => {
    const slowly = inCh.map((id, index) => silent(id, AT - 5_000 - index * 20_000));
    expect(found(fleet, ...slowly)).not.toContain('infrastructure: network ch');
    const ended = inCh.map((id) => seen('exited', instanceNamed(id)));
    expect(found(fleet, ...ended)).not.toContain('infrastructure: network ch');
    const justNow = inCh.map((id) => silent(id, AT - 500));
    expect(found(fleet, ...justNow)).not.toContain('infrastructure: network ch');
  });

  test('is not accused when there is no other to compare with', () => {
    const alone = twoRegions(0, 1, 2, 3);
    const all = ['records', 'store'].flatMap((name) => [0, 1, 2, 3].map((each) => silent(`${name}-${each}`)));
    expect(found(alone, ...all)).not.toContain('infrastructure: network ch');
  });
});

describe('a machine that nobody declared', () => {
  const machines = () => {
    const on = (name: string) => [0, 1, 2].map((each) => instanceView(`${name}-${each}`, { host: `eu-${each}` }));
    const store = workloadView('store', { instances: on('store') });
    return fleetView([workloadView('records', { instances: on('records'), dependsOn: ['store'] }), store]);
  };
  const worse = (id: string) => seen('instance-errors', instanceNamed(id));

  test('is accused when what several workloads have there is worse than what they have elsewhere', () => {
    const felt = seen('calls-failing', workloadNamed('store'), { callers: ['records'] });
    expect(found(machines(), worse('records-1'), worse('store-1'), felt)).toEqual(['infrastructure: host eu-1']);
  });

  test('is not accused of a single instance, nor when others elsewhere are as bad', () => {
    expect(found(machines(), worse('store-1'))).toEqual(['instance-degraded: store-1']);
    const wide = ['records-1', 'store-1', 'store-2'].map(worse);
    expect(found(machines(), ...wide)).not.toContain('infrastructure: host eu-1');
  });
});

test('what is declared stands for a place, and the others are told by their instances, regions first', () => {
  const declared = {
    ...fleet,
    assets: [assetView('network swiss', { region: 'ch' }), assetView('host eu-2', { host: 'eu-2', region: 'eu' })],
  };
  const ids = failureDomains(declared).map(({ asset, implied }) => `${asset.id}${implied ? '?' : ''}`);
  expect(ids).toEqual(['network swiss', 'network eu?', 'host eu-2', 'host ch-0?', 'host ch-1?', 'host eu-3?']);
  expect(assetOrPlaceOf(declared, 'network eu')).toMatchObject({ kind: 'network', region: 'eu', host: null });
  expect(assetOrPlaceOf(declared, 'network us')).toBeUndefined();
});
