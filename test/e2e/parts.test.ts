import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { IncidentSummary } from '../../src/cli/answers.ts';
import { ClinicLoad } from './clinic-load.ts';
import { until } from './program.ts';
import { CLINIC, Stack } from './stack.ts';

const TEST_MS = 180_000;
let stack: Stack;
/** Of most tests: what is broken is used meanwhile. */
let load: ClinicLoad;
const clients: Client[] = [];

beforeAll(async () => {
  stack = await Stack.create();
  await stack.up();
  load = await ClinicLoad.start(stack);
}, 150_000);

afterAll(async () => {
  await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  await stack.close();
}, 150_000);

/** The database of a region, entered as its administrator: as somebody who changes it behind Kintsugi's back. */
async function database(region: string): Promise<Client> {
  const { host, port } = await stack.instance('database', region);
  const password = readFileSync(join(stack.state.secrets, 'database-superuser'), 'utf8').trim();
  const client = new Client({ host, port, user: 'postgres', database: 'postgres', password });
  client.on('error', () => undefined);
  clients.push(client);
  await client.connect();
  return client;
}

/** The incident of this cause, once it was closed. */
function healed(cause: string, since: number): Promise<IncidentSummary> {
  return until(`an incident of cause ${cause} is closed`, async () => {
    const incidents = await stack.incidents();
    return incidents.find(
      (each) => each.cause === cause && each.state === 'closed' && Date.parse(each.openedAt) >= since - 1_000,
    );
  });
}

test(
  'row-level security that somebody switches off is on again, forced, and the story names who may be read',
  async () => {
    await until('sessions of the application were seen to name their tenant', async () => {
      const { assets } = await stack.control.call<{ assets: { id: string; detail: { tenantContext?: boolean } }[] }>(
        'GET',
        '/v1/parts',
      );
      const own = assets.filter(({ id }) => id.startsWith('protection postgresql/records/eu/'));
      return own.length > 0 && own.every(({ detail }) => detail.tenantContext === true);
    });
    const client = await database('eu');
    const since = Date.now();
    await client.query('alter table records.records disable row level security');
    const incident = await healed('protection', since);
    expect(incident.outcome).toBe('healed');
    expect((await stack.incident(incident.id)).incident.violates?.map(({ clause }) => clause)).toContain('A1.1.2');
    const { rows } = await client.query(
      "select relrowsecurity and relforcerowsecurity as on from pg_class where oid = 'records.records'::regclass",
    );
    expect(rows).toEqual([{ on: true }]);
  },
  TEST_MS,
);

test(
  'a drill that violates a control takes its fault back when it is interrupted',
  async () => {
    const client = await database('eu');
    const mayDelete = async () => {
      const { rows } = await client.query(
        "select has_table_privilege('payments_app', 'payments.charges', 'DELETE') as may",
      );
      return (rows as { may: boolean }[])[0]?.may;
    };
    const args = ['--state', stack.state.root, 'drill', 'surplus-grant', 'payments/eu', '--json'];
    const drill = stack.client('bin/kintsugi.js', args);
    await until('the privilege is granted', mayDelete);
    drill.child.kill('SIGINT');
    expect(await drill.ended).toBe(1);
    expect(JSON.parse(drill.out())).toMatchObject({ outcome: 'interrupted', takenBack: true });
    expect(await mayDelete()).toBe(false);
  },
  TEST_MS,
);

test(
  'a session that locks a table is ended, and tenants are served again',
  async () => {
    const holder = await database('eu');
    const since = Date.now();
    await holder.query('begin; lock table records.records in access exclusive mode');
    const incident = await healed('session', since);
    expect(incident.outcome).toBe('healed');
  },
  TEST_MS,
);

test(
  'a privilege that is revoked is granted again',
  async () => {
    const client = await database('us');
    const since = Date.now();
    await client.query('revoke select on records.records from records_app');
    await until('the privilege is back and its incident closed', async () => {
      const { rows } = await client.query(
        "select has_table_privilege('records_app', 'records.records', 'select') as ok",
      );
      const open = (await stack.incidents()).filter(
        (each) => Date.parse(each.openedAt) >= since - 1_000 && each.state === 'open',
      );
      return rows[0]?.ok === true && open.length === 0;
    });
  },
  TEST_MS,
);

test(
  'a setting of one tenant that does not work is taken back for it alone',
  async () => {
    await load.stop();
    const own = await ClinicLoad.start(stack);
    const document = readFileSync(CLINIC, 'utf8')
      .split('\n---\n')
      .find((each) => each.includes('name: clinic-de }'))!
      .replace('configSoakMs: 60000', 'configSoakMs: 2000');
    const declare = async (name: string, text: string) => {
      const path = join(stack.state.root, name);
      writeFileSync(path, text);
      expect((await stack.cli('apply', '-f', path)).code).toBe(0);
    };
    await declare('good-tenant.yaml', document.replace('PAGE_SIZE_MAX: "50"', 'PAGE_SIZE_MAX: "40"'));
    await until('the setting that works is trusted', async () => {
      const { settings } = await stack.control.call<{
        settings: { id: string; history: { soakedAt: number | null }[] }[];
      }>('GET', '/v1/parts');
      const own = settings.find(({ id }) => id === 'tenant/clinic-de/PAGE_SIZE_MAX');
      return typeof own?.history[1]?.soakedAt === 'number';
    });
    const since = Date.now();
    await declare('bad-tenant.yaml', document.replace('PAGE_SIZE_MAX: "50"', 'PAGE_SIZE_MAX: "many"'));
    const incident = await healed('configuration', since);
    expect(incident).toMatchObject({ outcome: 'healed', subject: 'setting tenant/clinic-de/PAGE_SIZE_MAX' });
    const published = JSON.parse(readFileSync(stack.state.tenantConfigFile, 'utf8'));
    expect(published.tenants['clinic-de']).toEqual({ PAGE_SIZE_MAX: '40' });
    const { tenants } = await own.stop();
    expect(tenants['shop']?.failedIdempotent).toBe(0);
  },
  TEST_MS + 90_000,
);
