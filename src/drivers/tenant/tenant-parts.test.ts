import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { useMigratedDatabase } from '../../../test/fixtures/migrated-database.ts';
import { holdLease } from '../../../test/sim/held-lease.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import type { Fleet } from '../../heal/fleet.ts';
import { createRecord } from '../../heal/record.ts';
import { API_VERSION } from '../../resources/metadata.ts';
import { type Tenant, tenantSchema } from '../../resources/tenant.ts';
import type { Database } from '../../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../../store/lease.ts';
import { applyResources } from '../../store/resource-store.ts';
import { TenantParts } from './tenant-parts.ts';

let database: Database;
let lease: LeaderLease;
let folder: string;
let declared: Tenant[] = [];
let troubled = false;

useMigratedDatabase((its) => {
  database = its;
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kin-tenant-'));
});
beforeEach(async () => {
  for (const table of ['setting_change', 'resource', 'resource_history', 'lease'] as const) {
    await database.kysely.deleteFrom(table).execute();
  }
  lease = await holdLease(database);
  troubled = false;
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
});

const record = createRecord(systemClock, systemRandom);
const file = () => join(folder, 'tenant-config.json');
const published = () => JSON.parse(readFileSync(file(), 'utf8')).tenants;
const context = {
  key: 'rep_1:0:apply',
  epoch: 1,
  signal: systemClock.deadline(60_000),
  fleet: undefined as unknown as Fleet,
};
const parts = (under = lease) =>
  new TenantParts({
    database,
    lease: under,
    record,
    file: file(),
    tenants: () => declared,
    isTroubled: () => troubled,
  });

async function apply(config: Record<string, string>, configSoakMs = 0): Promise<void> {
  const spec = { regions: ['eu'], config, configSoakMs };
  const resource = tenantSchema.parse({ apiVersion: API_VERSION, kind: 'Tenant', metadata: { name: 'shop' }, spec });
  declared = [resource];
  await fencedTransaction(database, lease, (tx) =>
    applyResources(tx, [{ resource, baseFolder: '/' }], { by: 'person anna' }),
  );
}

const order = { setting: 'tenant/shop/SIZE', value: '10', oldValue: 'many', expectedRevision: 2, key: 'pln_1-0' };
const values = async () => (await parts().look()).settings.map(({ id, value, revision }) => [id, value, revision]);

test('each key has its history, says who wrote it, and is published', async () => {
  await apply({ SIZE: '10', MODE: 'fast' });
  await apply({ SIZE: '20' });
  const { settings } = await parts().look();
  expect(settings.map(({ id, value, tenant }) => [id, value, tenant])).toEqual([
    ['tenant/shop/MODE', null, 'shop'],
    ['tenant/shop/SIZE', '20', 'shop'],
  ]);
  expect(settings[1]?.history.map(({ value, by }) => [value, by])).toEqual([
    ['10', 'person anna'],
    ['20', 'person anna'],
  ]);
  expect(published()).toEqual({ shop: { SIZE: '20' } });
});

test('a value is trusted after its soak, and not while the tenant is in trouble', async () => {
  await apply({ SIZE: '10' });
  expect((await parts().look()).settings[0]?.history).toEqual([]);
  await apply({ SIZE: '20' });
  const soaked = async () => (await parts().look()).settings[0]?.history.map(({ soakedAt }) => soakedAt !== null);
  troubled = true;
  await parts().look();
  expect(await soaked()).toEqual([true, false]);
  troubled = false;
  await parts().look();
  expect(await soaked()).toEqual([true, true]);
  await apply({ SIZE: '30' }, 3_600_000);
  await parts().look();
  expect(await soaked()).toEqual([true, true, false]);
});

test('one key goes back once, the same file applied again leaves it so, and the undo finds its own write', async () => {
  await apply({ SIZE: '10' });
  await apply({ SIZE: 'many' });
  await parts().set(order, context);
  await parts().set(order, context);
  expect(await values()).toEqual([['tenant/shop/SIZE', '10', 3]]);
  expect(published()).toEqual({ shop: { SIZE: '10' } });
  await apply({ SIZE: 'many' });
  expect(await values()).toEqual([['tenant/shop/SIZE', '10', 3]]);
  await parts().unset(order, context);
  await parts().unset(order, context);
  expect(await values()).toEqual([['tenant/shop/SIZE', 'many', 4]]);
});

test('what somebody wrote meanwhile is neither overwritten nor undone', async () => {
  await apply({ SIZE: '10' });
  await apply({ SIZE: 'many' });
  await apply({ SIZE: '30' });
  await expect(parts().set(order, context)).rejects.toMatchObject({ code: 'resource.conflict' });
  await parts().unset(order, context);
  expect(await values()).toEqual([['tenant/shop/SIZE', '30', 3]]);
});

test('a former leader writes nothing', async () => {
  await apply({ SIZE: '10' });
  await apply({ SIZE: 'many' });
  const former = lease;
  lease = await holdLease(database);
  await expect(parts(former).set(order, context)).rejects.toMatchObject({ code: 'lease.stale' });
  expect(await values()).toEqual([['tenant/shop/SIZE', 'many', 2]]);
});
