import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate } from '../services/kit/migration.ts';
import { call, invoice, note } from './api.ts';
import { ClinicBench, type Service, statusOf, until } from './clinic-bench.ts';

const RECORDS = 'services/records/main.ts';
const nowhere = { PAYMENTS_URL: 'http://127.0.0.1:9/payments' };

let bench: ClinicBench;
let records: Service;
let payments: Service;

beforeAll(async () => {
  bench = await ClinicBench.open();
  payments = await bench.startService('services/payments/main.ts', { DRILLS: 'on' });
  records = await bench.startService(RECORDS, { PAYMENTS_URL: payments.url, DRILLS: 'on' });
});
afterAll(() => bench?.close());

async function asApp<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    host: '127.0.0.1',
    port: bench.databasePort,
    user: 'records_app',
    password: "o'app of the test",
    database: 'postgres',
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

describe('tenants', () => {
  test('a tenant cannot read, list, change or delete what another one wrote, even knowing its id', async () => {
    expect((await call(records, 'a', 'PUT', '/records/secret', note)).status).toBe(201);
    expect((await call(records, 'b', 'GET', '/records/secret')).status).toBe(404);
    expect((await call(records, 'b', 'DELETE', '/records/secret')).status).toBe(404);
    expect((await call(records, 'b', 'GET', '/records')).body['records']).toEqual([]);
    expect(
      (await call(records, 'b', 'POST', '/records/secret/charge', { amountCents: 1, currency: 'EUR' })).status,
    ).toBe(404);
    expect((await call(records, 'b', 'PUT', '/records/secret', { ...note, body: { text: 'of b' } })).status).toBe(201);
    expect((await call(records, 'a', 'GET', '/records/secret')).body['body']).toEqual(note.body);
    await call(records, 'b', 'DELETE', '/records/secret');
  });

  test('a request without a tenant is refused', async () => {
    const answer = await call(records, undefined, 'GET', '/records');
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect((await call(records, "a'; --", 'GET', '/records')).status).toBe(400);
  });

  test('the database itself shows the application role one tenant only, and nothing when none is set', async () => {
    await call(records, 'a', 'PUT', '/records/direct', note);
    await asApp(async (client) => {
      expect((await client.query('SELECT * FROM records.records')).rows).toEqual([]);
      await client.query("SELECT set_config('app.tenant', 'b', false)");
      expect((await client.query("SELECT * FROM records.records WHERE tenant = 'a'")).rows).toEqual([]);
      const forged =
        "INSERT INTO records.records (tenant, id, patient_ref, kind, body) VALUES ('a', 'x', 'p', 'note', '{}')";
      await expect(client.query(forged)).rejects.toThrow('row-level security');
    });
  });

  test('the application role is no superuser, owns nothing and cannot bypass the policies', async () => {
    const { rows } = await asApp((client) =>
      client.query(`SELECT r.rolsuper, r.rolbypassrls, r.rolcreaterole, c.relforcerowsecurity, c.relowner <> r.oid AS not_owner
                    FROM pg_roles r, pg_class c WHERE r.rolname = current_user AND c.oid = 'records.records'::regclass`),
    );
    const powerless = { rolsuper: false, rolbypassrls: false, rolcreaterole: false };
    expect(rows).toEqual([{ ...powerless, relforcerowsecurity: true, not_owner: true }]);
  });
});

describe('writes', () => {
  test('PUT may be repeated; the first answers 201, the next 200', async () => {
    expect((await call(records, 'a', 'PUT', '/records/twice', note)).status).toBe(201);
    const again = await call(records, 'a', 'PUT', '/records/twice', note);
    expect(again.status).toBe(200);
    expect(again.body).toMatchObject({ id: 'twice', ...note });
  });

  test('POST under one Idempotency-Key creates one record, also when both come at once', async () => {
    const post = (body: unknown, tenant = 'keys') =>
      call(records, tenant, 'POST', '/records', body, { 'idempotency-key': 'k-1' });
    const [first, second] = await Promise.all([post(note), post(note)]);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(first.body['id']).toBe(second.body['id']);
    expect((await call(records, 'keys', 'GET', '/records')).body['records']).toHaveLength(1);
    expect((await post({ ...note, patientRef: 'p-2' })).status).toBe(422);
    expect((await post(note, 'other')).body['id']).not.toBe(first.body['id']);
    await call(records, 'keys', 'DELETE', `/records/${String(first.body['id'])}`);
    expect((await post(note)).status).toBe(410);
  });

  test('what is not valid is refused as a problem document', async () => {
    const answer = await call(records, 'a', 'PUT', '/records/bad', { ...note, kind: 'poem' });
    expect(answer).toMatchObject({ status: 400, body: { status: 400, title: 'The request is not valid' } });
    expect((await call(records, 'a', 'GET', '/records?limit=1000')).status).toBe(400);
    expect((await call(records, 'a', 'PUT', '/records/bad', { ...note, patientRef: 'a\u0000b' })).status).toBe(400);
    expect((await call(records, 'a', 'PUT', '/records/bad', { ...note, body: { text: '\u0000' } })).status).toBe(400);
  });
});

describe('payments', () => {
  test('an invoice is charged once, however often it is asked, and lists show it as paid', async () => {
    await call(records, 'pay', 'PUT', '/records/i-1', invoice);
    await call(records, 'pay', 'PUT', '/records/i-2', invoice);
    const charge = (amountCents: number) =>
      call(records, 'pay', 'POST', '/records/i-1/charge', { amountCents, currency: 'EUR' });
    const [first, again] = [await charge(500), await charge(500)];
    expect(first.status).toBe(200);
    expect(again.body['id']).toBe(first.body['id']);
    expect((await charge(600)).status).toBe(422);
    const { records: list } = (await call(records, 'pay', 'GET', '/records?kind=invoice')).body as {
      records: { id: string; billing: string }[];
    };
    expect(new Map(list.map((record) => [record.id, record.billing]))).toEqual(
      new Map([
        ['i-1', 'paid'],
        ['i-2', 'open'],
      ]),
    );
    const path = `/charges/${String(first.body['id'])}`;
    expect((await call(payments, 'pay', 'GET', path)).status).toBe(200);
    expect((await call(payments, 'other', 'GET', path)).status).toBe(404);
  });

  test('payments that are slow are given up within the time that the caller has left', async () => {
    await call(records, 'pay', 'PUT', '/records/i-3', invoice);
    await call(payments, undefined, 'POST', '/_drill', { fault: 'slow', parameter: 1_000 });
    const order = { amountCents: 1, currency: 'EUR' };
    const asked = performance.now();
    const left = { 'x-kintsugi-deadline-ms': '200' };
    expect((await call(records, 'pay', 'POST', '/records/i-3/charge', order, left)).status).toBe(502);
    expect(performance.now() - asked).toBeLessThan(900);
    await call(payments, undefined, 'POST', '/_drill', { fault: 'off' });
    expect((await call(records, 'pay', 'POST', '/records/i-3/charge', order)).status).toBe(200);
  });

  test('without payments a charge is a 502, lists come without billing, and reads do not notice', async () => {
    const alone = await bench.startService(RECORDS, nowhere);
    await call(alone, 'alone', 'PUT', '/records/i-1', invoice);
    const charge = await call(alone, 'alone', 'POST', '/records/i-1/charge', { amountCents: 1, currency: 'EUR' });
    expect(charge).toMatchObject({ status: 502, body: { title: 'Payments failed' } });
    const list = await call(alone, 'alone', 'GET', '/records?kind=invoice');
    expect(list).toMatchObject({ status: 200, body: { records: [{ id: 'i-1', billing: 'unknown' }] } });
    expect((await call(alone, 'alone', 'GET', '/records/i-1')).status).toBe(200);
  });
});

describe('releases and configurations that are broken', () => {
  test('release 2 is ready and writes, but fails every read', async () => {
    const release2 = await bench.startService('services-v2/records/main.ts', nowhere);
    expect(await statusOf(`${release2.url}/health/ready`)).toBe(200);
    expect((await call(release2, 'a', 'PUT', '/records/v2', note)).status).toBe(201);
    expect((await call(release2, 'a', 'GET', '/records/v2')).status).toBe(500);
    const list = await call(release2, 'a', 'GET', '/records');
    expect(list).toMatchObject({ status: 500, body: { title: 'The service failed' } });
    expect(JSON.stringify(list.body)).not.toContain('patient_reference');
  });

  test('a connection timeout given in seconds leaves the service ready and every request failing', async () => {
    const hasty = await bench.startService(RECORDS, { ...nowhere, DB_CONNECT_TIMEOUT_MS: '1' });
    expect((await call(hasty, 'a', 'GET', '/records')).status).toBe(503);
    expect((await call(hasty, 'a', 'PUT', '/records/x', note)).status).toBe(503);
    expect(await statusOf(`${hasty.url}/health/ready`)).toBe(200);
  });

  test('a configuration that cannot be read ends the process with 78 and says which variable, not its value', async () => {
    const env = { PATH: process.env['PATH'], DB_HOST: '127.0.0.1', DB_PORT: 'hunter2' };
    const program = bench.run([`${import.meta.dirname}/../${RECORDS}`], env);
    expect(await program.exited).toBe(78);
    expect(program.output()).toContain('DB_PORT');
    expect(program.output()).not.toContain('hunter2');
  });
});

describe('drills', () => {
  const drill = (fault: string, parameter = 0) => call(records, undefined, 'POST', '/_drill', { fault, parameter });

  test('errors hit the share that was asked for, until they are switched off', async () => {
    await drill('errors', 0.5);
    const statuses: number[] = [];
    for (let n = 0; n < 10; n++) statuses.push((await call(records, 'a', 'GET', '/records')).status);
    expect(statuses.filter((status) => status === 500)).toHaveLength(5);
    expect(await statusOf(`${records.url}/health/ready`)).toBe(200);
    await drill('off');
    expect((await call(records, 'a', 'GET', '/records')).status).toBe(200);
  });

  test('slow delays requests and not the health checks', async () => {
    await drill('slow', 300);
    const started = performance.now();
    await call(records, 'a', 'GET', '/records');
    expect(performance.now() - started).toBeGreaterThan(290);
    const asked = performance.now();
    await statusOf(`${records.url}/health/live`);
    expect(performance.now() - asked).toBeLessThan(290);
    await drill('off');
  });

  test('crash ends the process with 1', async () => {
    const victim = await bench.startService(RECORDS, { ...nowhere, DRILLS: 'on' });
    await call(victim, undefined, 'POST', '/_drill', { fault: 'crash' });
    expect(await victim.exited).toBe(1);
  });

  test('are not there unless switched on', async () => {
    const quiet = await bench.startService(RECORDS, nowhere);
    expect((await call(quiet, undefined, 'POST', '/_drill', { fault: 'crash' })).status).toBe(404);
  });
});

test('instances that start at the same moment bring the schema up to date once, one after the other', async () => {
  const config = {
    host: '127.0.0.1',
    port: bench.databasePort,
    name: 'postgres',
    ownerUser: 'postgres',
    ownerPassword: 'superuser-of-the-test',
    appPassword: 'x',
    poolMax: 1,
    connectTimeoutMs: 1_000,
    statementTimeoutMs: 1_000,
  };
  const schema = { name: 'racing', steps: ['CREATE TABLE racing.first ()', 'CREATE TABLE racing.second ()'] };
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => migrate(config, schema)));
  expect(outcomes.map((outcome) => outcome.status)).toEqual(Array(4).fill('fulfilled'));
});

describe('ends', () => {
  test('on SIGTERM it finishes what it has, says connection: close, leaves readiness and exits with 0', async () => {
    const leaving = await bench.startService(RECORDS, { ...nowhere, DRILLS: 'on' });
    await call(leaving, undefined, 'POST', '/_drill', { fault: 'slow', parameter: 600 });
    const running = call(leaving, 'a', 'GET', '/records');
    // Two later connections have been answered, so the first one has been taken.
    await statusOf(`${leaving.url}/health/live`);
    await statusOf(`${leaving.url}/health/live`);
    leaving.child.kill('SIGTERM');
    const before = performance.now();
    const answer = await running;
    expect(answer.status).toBe(200);
    expect(answer.headers.get('connection')).toBe('close');
    expect(await leaving.exited).toBe(0);
    expect(performance.now() - before).toBeLessThan(4_000);
    await expect(statusOf(`${leaving.url}/health/live`)).rejects.toThrow('fetch failed');
  });

  test('logs are JSON without the data of patients', async () => {
    const talkative = await bench.startService(RECORDS, { ...nowhere, LOG_LEVEL: 'debug' });
    await call(talkative, 'a', 'PUT', '/records/log-1', { ...note, patientRef: 'jane-doe' });
    await call(talkative, 'a', 'PUT', '/records/log-2', { ...note, kind: 'jane-doe' });
    talkative.child.kill('SIGTERM');
    expect(await talkative.exited).toBe(0);
    const lines = talkative
      .output()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter((line) => line['route'] === '/records/:id')).toHaveLength(2);
    expect(talkative.output()).not.toMatch(/jane-doe|log-1/);
  });

  test('without its database it is alive but not ready, answers 503, and comes back by itself', async () => {
    await bench.stopDatabase();
    await until('readiness is lost', async () => (await statusOf(`${records.url}/health/ready`)) === 503);
    expect(await statusOf(`${records.url}/health/live`)).toBe(200);
    expect(await call(records, 'a', 'GET', '/records')).toMatchObject({
      status: 503,
      body: { title: 'The database is not available' },
    });
    const early = await bench.startService(RECORDS, nowhere, false);
    expect(await statusOf(`${early.url}/health/ready`)).toBe(503);
    bench.startDatabase();
    for (const service of [records, early]) {
      await until('readiness is back', async () => (await statusOf(`${service.url}/health/ready`)) === 200);
      expect((await call(service, 'a', 'GET', '/records/twice')).status).toBe(200);
    }
  });
});

describe('a patient whose processing is restricted', () => {
  const about = (ref: string) => ({ ...note, patientRef: ref });
  const restriction = (method: string, ref = 'p-18', tenant = 'law') =>
    call(records, tenant, method, `/records/restrictions/${ref}`);

  test('is stored, and neither shown, listed, changed, charged, removed nor written about, until that is lifted', async () => {
    await call(records, 'law', 'PUT', '/records/kept', { ...about('p-18'), kind: 'invoice' });
    await call(records, 'law', 'PUT', '/records/free', about('p-19'));
    expect((await restriction('PUT')).status).toBe(204);
    expect((await restriction('PUT')).status).toBe(204);
    const asked = [
      await call(records, 'law', 'GET', '/records/kept'),
      await call(records, 'law', 'PUT', '/records/kept', about('p-20')),
      await call(records, 'law', 'DELETE', '/records/kept'),
      await call(records, 'law', 'POST', '/records/kept/charge', { amountCents: 1, currency: 'EUR' }),
      await call(records, 'law', 'PUT', '/records/new', about('p-18')),
      await call(records, 'law', 'POST', '/records', about('p-18')),
    ];
    expect(asked.map(({ status }) => status)).toEqual([451, 451, 451, 451, 451, 451]);
    const { body } = await call(records, 'law', 'GET', '/records');
    expect((body['records'] as { id: string }[]).map(({ id }) => id)).toEqual(['free']);
    expect((await call(records, 'law', 'PUT', '/records/free', about('p-19'))).status).toBe(200);
    expect((await restriction('DELETE')).status).toBe(204);
    expect((await call(records, 'law', 'GET', '/records/kept')).body['kind']).toBe('invoice');
    expect((await call(records, 'law', 'DELETE', '/records/kept')).status).toBe(204);
    await call(records, 'law', 'DELETE', '/records/free');
  });

  test('is none of another tenant, and nobody is restricted of whom nothing is stored', async () => {
    await call(records, 'law', 'PUT', '/records/kept', about('p-18'));
    expect((await restriction('PUT', 'p-18', 'a')).status).toBe(404);
    expect((await restriction('PUT', 'nobody')).status).toBe(404);
    expect((await call(records, 'law', 'DELETE', '/records/kept')).status).toBe(204);
    expect((await call(records, 'law', 'DELETE', '/records/kept')).status).toBe(404);
  });
});
