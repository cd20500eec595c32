import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { holdLease } from '../../../test/sim/held-lease.ts';
import { systemClock } from '../../base/clock.ts';
import { Redacted } from '../../base/redacted.ts';
import type { SettingView } from '../../diagnose/fleet-view.ts';
import { goodValues } from '../../heal/onset.ts';
import { type Database, openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { GoodLooks } from './good-looks.ts';
import { PostgresqlStore, type StoreAddress } from './store.ts';
import { TableWatch } from './table-watch.ts';

const PORT = 21_439;
const ADMIN = 'admin-password';
const TABLE = 'shop."Orders; all"';
const MINUTE = 60_000;
let server: ThrowawayPostgres;
let database: Database;
let store: PostgresqlStore;
let admin: Client;
let watch: TableWatch;
let now = 0;

const address: StoreAddress = {
  id: 'shop/eu',
  region: 'eu',
  workloads: ['shop'],
  server: 'database',
  host: '127.0.0.1',
  port: PORT,
  database: 'kintsugi',
  schema: 'shop',
  tables: ['Orders; all'],
  admin: { user: 'kintsugi', password: new Redacted(ADMIN) },
  role: { user: 'shop_app', password: new Redacted('app-password') },
  privileges: ['SELECT', 'INSERT'],
  operators: [],
  rowSecurity: true,
};

async function start(): Promise<TableWatch> {
  return new TableWatch(new GoodLooks({ database, lease: await holdLease(database) }));
}

beforeAll(async () => {
  server = await startThrowawayPostgres({ port: PORT, passwordEnv: 'KIN_TEST_PASSWORD' }, { KIN_TEST_PASSWORD: ADMIN });
  await migrate(server.connection);
  database = await openDatabase(server.connection);
  admin = new Client({ host: '127.0.0.1', port: PORT, database: 'kintsugi', user: 'kintsugi', password: ADMIN });
  await admin.connect();
  await admin.query("create role shop_app login password 'app-password'; create role clerk; create role steward");
  store = new PostgresqlStore(address);
}, 60_000);

beforeEach(async () => {
  await admin.query(`
    delete from setting_change; drop schema if exists shop cascade; create schema shop;
    grant usage on schema shop to shop_app;
    create function shop.tenant() returns text language sql as $$ select current_setting('app.tenant', true) $$;
    create table ${TABLE} (tenant text, body text, gone boolean);
    alter table ${TABLE} owner to steward;
    alter table ${TABLE} enable row level security; alter table ${TABLE} force row level security;
    create policy "own; only" on ${TABLE} for all to shop_app, clerk using (tenant = shop.tenant()) with check (tenant = shop.tenant());
    create policy strict on ${TABLE} as restrictive using (tenant = current_setting('app.tenant', true));
    create policy add on ${TABLE} for insert with check (tenant = current_setting('app.tenant', true) and not gone);
    grant select, insert on ${TABLE} to shop_app; grant select on ${TABLE} to clerk;
    set row_security = on; insert into ${TABLE} values ('a', '1', false), ('b', '2', false)`);
  now = systemClock.now();
  watch = await start();
});
afterEach(() => admin.query(`alter role shop_app nosuperuser; drop schema if exists shop cascade`));
afterAll(async () => {
  await store?.close();
  await admin?.end();
  await database?.close();
  await server?.close();
});

async function look(kind: 'policies' | 'owner' = 'policies'): Promise<SettingView> {
  const settings = await watch.look(store, now);
  return settings.find(({ id }) => id === `postgresql/shop/eu/${TABLE}/${kind}`)!;
}
const orderOf = ({ id, value, revision }: SettingView, to: string | null) => {
  return { setting: id, value: to, oldValue: value, expectedRevision: revision, key: 'pln_1-0' };
};
const goodOf = (setting: SettingView) => goodValues(setting, now)[0]?.value ?? null;

/** All that the catalog holds of policies, owner and privileges of the table. */
async function catalogue(): Promise<unknown> {
  const { rows } = await admin.query(`
    select p.polname, p.polcmd, p.polpermissive, array(select r::regrole::text from unnest(p.polroles) r order by 1) as roles, pg_get_expr(p.polqual, p.polrelid) as u,
           pg_get_expr(p.polwithcheck, p.polrelid) as c, pg_get_userbyid(t.relowner) as owner,
           array(select x::text from unnest(t.relacl) x order by 1) as acl
    from pg_class t left join pg_policy p on p.polrelid = t.oid where t.oid = '${TABLE}'::regclass order by 1`);
  return rows;
}

test.each([
  ['drop policy', `drop policy strict on ${TABLE}; drop policy "own; only" on ${TABLE}; drop policy add on ${TABLE}`],
  [
    'using (true)',
    `drop policy strict on ${TABLE}; alter policy "own; only" on ${TABLE} using (true) with check (true)`,
  ],
  ['wider roles', `alter policy "own; only" on ${TABLE} to public`],
  [
    'permissive where it was restrictive',
    `drop policy strict on ${TABLE}; create policy strict on ${TABLE} using (gone is not null)`,
  ],
  ['one more', `create policy every on ${TABLE} for select using (true)`],
])('policies go back to exactly what they were: %s', async (_, harm) => {
  await look();
  const before = await catalogue();
  now += MINUTE;
  await admin.query(harm);
  const weak = await look();
  const harmed = await catalogue();
  expect(harmed).not.toEqual(before);
  now += MINUTE;
  const order = orderOf(weak, goodOf(weak));
  await watch.put(store, TABLE, 'policies', order);
  expect(await catalogue()).toEqual(before);
  // Again, as after a crash.
  await watch.put(store, TABLE, 'policies', order);
  await watch.takeBack(store, TABLE, 'policies', order);
  expect(await catalogue()).toEqual(harmed);
});

test('a table that came into the hands of the application goes back with its privileges, and forth again', async () => {
  await look('owner');
  const before = await catalogue();
  now += MINUTE;
  await admin.query(`alter table ${TABLE} owner to shop_app`);
  const moved = await look('owner');
  const harmed = await catalogue();
  expect([moved.value, goodOf(moved)]).toEqual(['shop_app', 'steward']);
  await watch.put(store, TABLE, 'owner', orderOf(moved, 'steward'));
  expect(await catalogue()).toEqual(before);
  await watch.takeBack(store, TABLE, 'owner', orderOf(moved, 'steward'));
  expect(await catalogue()).toEqual(harmed);
});

test('what another wrote meanwhile is left alone', async () => {
  await look();
  now += MINUTE;
  await admin.query(`alter policy "own; only" on ${TABLE} to public`);
  const weak = await look();
  await admin.query(`create policy later on ${TABLE} as restrictive using (tenant <> '')`);
  const later = await catalogue();
  await expect(watch.put(store, TABLE, 'policies', orderOf(weak, goodOf(weak)))).rejects.toMatchObject({
    code: 'resource.conflict',
  });
  await watch.takeBack(store, TABLE, 'policies', orderOf(weak, goodOf(weak)));
  expect(await catalogue()).toEqual(later);
});

test('what was weak at the first look is how people set it up: there is nothing to go back to', async () => {
  await admin.query(`drop policy strict on ${TABLE}; alter policy "own; only" on ${TABLE} using (true)`);
  expect((await look()).history.map(({ soakedAt }) => soakedAt)).toEqual([null]);
});

test('a change that guards as well counts as good after ten minutes, and one that does not never', async () => {
  await look();
  now += MINUTE;
  await admin.query(`alter policy add on ${TABLE} with check (tenant = shop.tenant())`);
  const changed = await look();
  expect(changed.history.at(-1)?.soakedAt).toBeNull();
  now += 10 * MINUTE;
  expect((await look()).history.at(-1)).toMatchObject({ value: changed.value, soakedAt: now });
  await admin.query(`drop policy strict on ${TABLE}; alter policy "own; only" on ${TABLE} using (body <> '')`);
  await look();
  now += 60 * MINUTE;
  const weak = await look();
  expect(weak.history.at(-1)?.soakedAt).toBeNull();
  expect(goodOf(weak)).toBe(changed.value);
});

test('who looks after a restart knows what was good before it', async () => {
  const good = await look();
  await admin.query(`drop policy strict on ${TABLE}; drop policy add on ${TABLE}; drop policy "own; only" on ${TABLE}`);
  watch = await start();
  now += MINUTE;
  const weak = await look();
  expect([weak.value, goodOf(weak)]).toEqual(['[]', good.value]);
});

test('a table that somebody has locked keeps nobody from looking, and is as it was', async () => {
  const good = await look();
  await admin.query(
    `begin; alter policy "own; only" on ${TABLE} to public; lock table ${TABLE} in access exclusive mode`,
  );
  expect(await look()).toEqual(good);
  watch = await start();
  expect(await watch.look(store, now)).toEqual([]);
  await admin.query('rollback');
  expect((await look()).value).toBe(good.value);
});

test('an expression that is more than one is refused, and nothing is changed', async () => {
  const before = await look();
  const evil = [
    { name: 'x', permissive: true, command: 'ALL', roles: ['PUBLIC'], using: 'true); drop table a; --', check: null },
  ];
  const order = orderOf(before, JSON.stringify(evil));
  await expect(watch.put(store, TABLE, 'policies', order)).rejects.toThrow();
  expect((await look()).value).toBe(before.value);
});
