import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import type { Snapshot } from '../../gateway/snapshot.ts';
import { type SnapshotContent, SnapshotWriter } from '../../gateway/snapshot-writer.ts';
import type { World } from '../world.ts';
import { RouteParts } from './route-parts.ts';

const tenant = (name: string, regions: readonly string[]) => ({ metadata: { name }, spec: { regions } });
const instance = (id: string, region: string) => ({
  id,
  workload: 'records',
  version: 1,
  region,
  host: '127.0.0.1',
  port: 1,
  state: 'ready' as const,
});
const instances = [instance('records-eu', 'eu'), instance('records-us', 'us')];
const content = (regions: readonly string[]): SnapshotContent => ({
  tenants: [
    {
      name: 'clinic',
      regions: [...regions],
      hosts: [],
      pathPrefixes: [],
      headers: [],
      apiKeySha256: [],
      emergencyKeySha256: [],
      apiKeyNames: [],
      requireKey: true,
      limits: { requestsPerSecond: 1, burst: 1, concurrency: 1 },
      audit: 'required',
      routeClasses: [],
      throttle: null,
    },
  ],
  routes: [],
  mitigations: [],
  instances: [...instances],
});

/** A published routing, a way to write into it by hand, and the parts that watch it. */
function published() {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'routes-'));
  const file = join(folder.path, 'snapshot.json');
  const writer = new SnapshotWriter(file, systemClock);
  const publish = () => void writer.publish(content(['eu']), 1);
  publish();
  const declared = { tenants: [tenant('clinic', ['eu'])] };
  const world = { declared, instances: () => instances } as unknown as World;
  const publishAgain = () => {
    writer.forget();
    publish();
  };
  const parts = new RouteParts({ world, snapshotFile: file, publish: publishAgain, clock: systemClock });
  const read = () => JSON.parse(readFileSync(file, 'utf8')) as Snapshot;
  const byHand = (change: (snapshot: Snapshot) => Snapshot) => writeFileSync(file, JSON.stringify(change(read())));
  return { folder, parts, read, byHand, publish };
}

const led =
  (regions: readonly string[], revision = 900) =>
  (snapshot: Snapshot) => ({
    ...snapshot,
    revision,
    tenants: snapshot.tenants.map((each) => ({ ...each, regions: [...regions] })),
  });

test('a routing that is as it was declared has no settings, however many tenants there are', async () => {
  const { folder, parts } = published();
  using _ = folder;
  expect((await parts.look()).settings).toEqual([]);
});

test('a tenant that somebody led elsewhere goes back, and gateways take the routing that brings it back', async () => {
  const { folder, parts, read, byHand, publish } = published();
  using _ = folder;
  byHand(led(['us']));
  const [setting] = (await parts.look()).settings;
  expect(setting).toMatchObject({ id: 'route/clinic', kind: 'route', value: 'us', declared: 'eu', tenant: 'clinic' });
  const order = { setting: 'route/clinic', value: 'eu', expectedRevision: 2, oldValue: 'us', key: 'k' };
  await expect(parts.set({ ...order, value: 'us' })).rejects.toThrow('is declared otherwise');
  await parts.set(order);
  // A gateway never goes back to a lower revision, so the one that brings it back is above that of the other hand.
  expect(read()).toMatchObject({ revision: 901, tenants: [{ name: 'clinic', regions: ['eu'] }] });
  expect((await parts.look()).settings[0]).toMatchObject({ value: 'eu', revision: 3 });
  await parts.unset();
  publish();
  expect(read().tenants[0]?.regions).toEqual(['eu']);
});

test('an instance that the routing takes to be elsewhere than it stands leads there as well', async () => {
  const { folder, parts, byHand } = published();
  using _ = folder;
  byHand((snapshot) => ({ ...snapshot, instances: snapshot.instances.map((each) => ({ ...each, region: 'eu' })) }));
  expect((await parts.look()).settings).toMatchObject([{ id: 'route/clinic', value: 'eu us', declared: 'eu' }]);
});

test('a routing that cannot be read says nothing', async () => {
  const { folder, parts, byHand } = published();
  using _ = folder;
  byHand(() => ({}) as Snapshot);
  expect((await parts.look()).settings).toEqual([]);
});
