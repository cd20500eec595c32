import { describe, expect, test } from 'vitest';
import { assetView, sceneFleet, sceneOf, symptomOf } from '../../../test/sim/scenes.ts';
import type { AssetView } from '../../diagnose/fleet-view.ts';
import { backUp, deadLetter, failover, rotate, run, syncClock, terminate } from './acting.ts';
import type { DraftMove } from './scene.ts';

function drafted(
  move: DraftMove,
  asset: AssetView,
  given: { evidence?: ReturnType<typeof symptomOf>[]; others?: AssetView[] } = {},
) {
  const { evidence = [], others = [] } = given;
  const scene = sceneOf('data', { kind: 'asset', name: asset.id }, sceneFleet({ assets: [asset, ...others] }), {
    evidence,
  });
  return move(scene, { command: '/opt/vacuum', undoCommand: '/opt/nothing' });
}
const seen = (asset: AssetView, name: 'asset-blocked' | 'asset-recovering' | 'asset-holding', evidence = {}) =>
  symptomOf(name, { kind: 'asset', name: asset.id }, evidence);

test('a session is ended, which nothing brings back', () => {
  const session = assetView('session 42', { detail: { startedAt: 7 } });
  expect(drafted(terminate, session)[0]).toMatchObject({
    input: { verb: 'terminate', asset: 'session 42', input: { startedAt: 7 } },
    touch: { assets: ['session 42'], reversible: false },
  });
});

test('of a store, the session that others wait for is ended, and no other', () => {
  const store = assetView('store main');
  const [holder, idle] = [assetView('session 1', { partOf: store.id }), assetView('session 2', { partOf: store.id })];
  const steps = drafted(terminate, store, { others: [holder, idle], evidence: [seen(holder, 'asset-holding')] });
  expect(steps.map(({ input }) => input['asset'])).toEqual(['session 1']);
});

test('what can expire is issued anew beside the old one, and nothing else is', () => {
  expect(drafted(rotate, assetView('certificate ingress'))[0]).toMatchObject({
    input: { verb: 'rotate', input: { keepOld: true } },
    touch: { reversible: true },
  });
  expect(drafted(rotate, assetView('clock eu-1'))).toEqual([]);
});

test('who takes up no new certificate while it runs is replaced in the same deed, and counts as taken out', () => {
  const [instance] = sceneFleet({}).workloads[0]!.instances;
  const asset = assetView('listener records/eu/0', {
    kind: 'certificate',
    detail: { takesUpBy: 'restart', instance: instance!.id },
  });
  const [draft, ...others] = drafted(rotate, asset);
  expect(others).toEqual([]);
  expect(draft).toMatchObject({
    input: { verb: 'rotate', input: { keepOld: true, replacement: { oldInstance: instance!.id } } },
    touch: { assets: [asset.id], instances: [instance!.id], reversible: true },
  });
  expect(drafted(rotate, { ...asset, detail: { takesUpBy: 'restart', instance: null } })).toEqual([]);
});

test('a clock is set right, and nothing but a clock', () => {
  expect(drafted(syncClock, assetView('clock eu-1', { host: 'eu-1' }))[0]?.input['input']).toEqual({ host: 'eu-1' });
  expect(drafted(syncClock, assetView('certificate ingress'))).toEqual([]);
});

test('a backup is started by who says how, for a store whose server it backs up', () => {
  const store = assetView('store postgresql/records/us');
  const program = assetView('object backups backups/us/0', { region: 'us', detail: { backs: [store.id] } });
  const other = assetView('object backups backups/eu/0', { region: 'eu', detail: { backs: ['store other'] } });
  const [draft, ...more] = drafted(backUp, store, { others: [program, other] });
  expect(draft).toMatchObject({ input: { verb: 'back-up', asset: program.id }, touch: { regions: ['us'] } });
  expect(more).toEqual([]);
  expect(drafted(backUp, assetView('store none'), { others: [program, other] })).toEqual([]);
});

test('the record that blocks is put aside; without its name none is', () => {
  const queue = assetView('queue orders');
  const evidence = [seen(queue, 'asset-blocked', { detail: { record: 'r-17' } })];
  expect(drafted(deadLetter, queue, { evidence })[0]?.input['input']).toEqual({ record: 'r-17' });
  expect(drafted(deadLetter, queue, { evidence: [seen(queue, 'asset-blocked')] })).toEqual([]);
});

describe('failover', () => {
  const store = assetView('store main', { region: 'eu' });
  const copy = (name: string, detail: AssetView['detail'], region = 'eu') =>
    assetView(`replica ${name}`, { partOf: store.id, detail, region });
  test('names the fenced copy with the least lag, and where it stands', () => {
    const others = [
      copy('a', { lagMs: 900, fenced: true }),
      copy('b', { lagMs: 0, fenced: true }, 'us'),
      copy('c', { lagMs: 0 }),
    ];
    expect(drafted(failover, store, { others })[0]).toMatchObject({
      input: { input: { to: 'replica b' } },
      touch: { regions: ['us'], reversible: true },
    });
  });
  test('of a lagging copy cannot be taken back', () => {
    expect(drafted(failover, store, { others: [copy('a', { lagMs: 9, fenced: true })] })[0]?.touch.reversible).toBe(
      false,
    );
  });
  test('is nothing without a copy, or while the store is at it itself', () => {
    expect(drafted(failover, store)).toEqual([]);
    const others = [copy('a', { lagMs: 0, fenced: true })];
    expect(drafted(failover, store, { others, evidence: [seen(store, 'asset-recovering')] })).toEqual([]);
  });
});

test('a program is run as the playbook gives it, and can be taken back only when it says how', () => {
  expect(drafted(run, assetView('store main'))[0]).toMatchObject({
    input: { verb: 'run', asset: 'store main', input: { command: '/opt/vacuum', undoCommand: '/opt/nothing' } },
    touch: { reversible: true },
  });
});
