import { expect, test } from 'vitest';
import { requestsAt } from '../../test/sim/readings.ts';
import { VirtualClock } from '../../test/sim/virtual-clock.ts';
import { World } from '../drivers/world.ts';
import { tenantSchema } from '../resources/tenant.ts';
import { workloadSchema } from '../resources/workload.ts';
import type { LevelSample } from '../observe/sample.ts';
import { TenantLevels } from './tenant-levels.ts';

const metadata = (name: string) => ({ apiVersion: 'kintsugi.dev/v1alpha1', metadata: { name } });
const tenant = (name: string) => {
  const spec = { regions: ['eu'], limits: { requestsPerSecond: 20 } };
  return tenantSchema.parse({ ...metadata(name), kind: 'Tenant', spec });
};
const workload = (name: string, route?: object) => {
  const run = { artefact: { path: './service' }, command: ['node'], instances: { eu: 1 } };
  const { spec } = workloadSchema.parse({ ...metadata(name), kind: 'Workload', spec: { ...run, route } });
  return { name, spec, revision: 1 } as never;
};

test('a tenant that comes near what it may send is told as a level with a limit, from then on', async () => {
  const clock = new VirtualClock();
  const world = new World(clock);
  const workloads = [workload('records', { pathPrefix: '/' }), workload('store')];
  world.declared = { ...world.declared, tenants: [tenant('shop'), tenant('bank')], workloads };
  const told: LevelSample[] = [];
  const levels = new TenantLevels({ world, clock, onSample: (sample) => told.push(sample) });
  levels.start();
  levels.take(requestsAt(1_000, 'shop', 90, 10));
  levels.take(requestsAt(1_000, 'bank', 10));
  // What workloads ask of each other is not the tenant's.
  levels.take(requestsAt(1_000, 'bank', 1_000, 0, { workload: 'store' }));
  await clock.advance(10_000);
  expect(told).toEqual([expect.objectContaining({ of: { kind: 'tenant', name: 'shop' }, level: 10, limit: 20 })]);
  await clock.advance(10_000);
  expect(told.map(({ of: { name }, level }) => [name, level])).toEqual([
    ['shop', 10],
    ['shop', 0],
  ]);
  levels.close();
});

test('so is one that comes near what it may have in progress at one time, at all gateways together', async () => {
  const clock = new VirtualClock();
  const world = new World(clock);
  world.declared = {
    ...world.declared,
    tenants: [tenant('shop')],
    workloads: [workload('records', { pathPrefix: '/' })],
  };
  const told: LevelSample[] = [];
  const levels = new TenantLevels({ world, clock, onSample: (sample) => told.push(sample) });
  levels.start();
  const busy = (vantage: string, concurrencyMax: number) =>
    levels.take({ ...requestsAt(1_000, 'shop', 1), vantage, concurrencyMax });
  for (const [vantage, most] of [
    ['gateway-0', 9],
    ['gateway-0', 12],
    ['gateway-0', 3],
    ['gateway-1', 8],
  ] as const) {
    busy(vantage, most);
  }
  await clock.advance(10_000);
  expect(told).toEqual([expect.objectContaining({ measure: 'requests at one time', level: 20, limit: 64 })]);
  levels.close();
});
