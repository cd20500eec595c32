import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { placeOn } from '../../../test/fixtures/postgres-place.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { erasureTrials } from './erasure-trials.ts';

const logs = mkdtempSync(join(tmpdir(), 'kin-erasure-'));
const log = join(logs, 'web-eu-0.raw');
/** What an erasure may take passes at once. */
const clock: Clock = { ...systemClock, sleep: () => systemClock.sleep(10), monotonicMs: () => (elapsedMs += 1_000) };
let elapsedMs = 0;

let database: ThrowawayPostgres;
let admin: Client;
/** Two instances of one workload on one store, as they are behind a gateway. */
let apis: readonly Server[];
/** What an erasure does besides answering. */
let erase: (id: string) => Promise<void>;
let onWrite: (name: string) => void | Promise<void>;
/** What the second instance shows for ever, once it has read it. */
let cache: Map<string, string> | undefined;
let isFull: boolean;

beforeAll(async () => {
  database = await startThrowawayPostgres();
  admin = new Client(database.connection);
  await admin.connect();
  await admin.query(
    'create schema web; create table web.people (id text, name text); create table web.audit (note text)',
  );
  apis = await Promise.all(
    [0, 1].map(async (ordinal) => {
      const api = createServer(async (request, response) => {
        const { status, text } = await answer(request, ordinal);
        response.writeHead(status).end(text);
      });
      api.listen(0, '127.0.0.1');
      await once(api, 'listening');
      return api;
    }),
  );
}, 60_000);
afterAll(async () => {
  await admin.end();
  for (const api of apis) api.close();
  await database.close();
  rmSync(logs, { recursive: true });
});
beforeEach(async () => {
  erase = async (id) => void (await admin.query('delete from web.people where id = $1', [id]));
  onWrite = () => undefined;
  cache = undefined;
  isFull = false;
  writeFileSync(log, '');
  await admin.query('truncate web.people, web.audit');
});

async function answer(request: IncomingMessage, ordinal: number): Promise<{ status: number; text: string }> {
  const id = request.url?.split('/').at(-1) ?? '';
  if (isFull) return { status: request.method === 'PUT' ? 507 : 404, text: '' };
  if (request.method === 'PUT') {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const { name } = JSON.parse(text) as { name: string };
    await admin.query('insert into web.people values ($1, $2)', [id, name]);
    await onWrite(name);
    return { status: 201, text: '' };
  }
  if (request.method === 'DELETE') {
    await erase(id);
    return { status: 204, text: '' };
  }
  const kept = ordinal === 1 ? cache?.get(id) : undefined;
  const { rows } = await admin.query<{ name: string }>('select name from web.people where id = $1', [id]);
  const text = kept ?? rows[0]?.name;
  if (text !== undefined && ordinal === 1) cache?.set(id, text);
  return text === undefined ? { status: 404, text: '' } : { status: 200, text };
}

function collector(schema = 'web') {
  const store = { ...placeOn(database, schema, ['clinic-de']), subject: 'postgresql/web/eu', rowSecurity: false };
  const instances = apis.map((api, ordinal) => ({
    id: `web-eu-${ordinal}`,
    workload: 'web',
    region: 'eu',
    host: '127.0.0.1',
    port: (api.address() as AddressInfo).port,
    tenants: ['clinic-de'],
    stores: [store],
    recipe: {
      write: { method: 'PUT', path: '/people/{id}', body: { name: '{marker}' } },
      read: ['/people/{id}'],
      remove: { method: 'DELETE', path: '/people/{id}' },
    },
  }));
  return erasureTrials({ instances: () => instances, logs, clock, random: seededRandom(3) });
}

async function measured(of = collector()) {
  const [fact, ...rest] = await of.collect(new AbortController().signal);
  expect([fact?.subject, rest.length]).toEqual(['clinic-de', 0]);
  return fact!.measured;
}

test('a person that is erased is found nowhere, and nothing of the trial stays', async () => {
  expect(await measured()).toEqual({ kind: 'value', value: 0 });
  expect((await admin.query('select from web.people')).rowCount).toBe(0);
});

test('a copy in another column, a cache of another instance and a log are found, each with its place', async () => {
  onWrite = async (name) => {
    await admin.query('insert into web.audit values ($1)', [`created ${name}`]);
    appendFileSync(log, `created ${name}\n`);
  };
  cache = new Map();
  const found = await measured();
  expect(found).toMatchObject({ kind: 'value', value: 3 });
  expect(found).toMatchObject({
    detail: '/people/{id} of web-eu-1; web.audit.note of postgresql/web/eu; log web-eu-0.log',
  });
});

test('a row that is only marked as deleted is found', async () => {
  erase = async (id) => void (await admin.query("update web.people set id = id || '-deleted' where id = $1", [id]));
  expect(await measured()).toMatchObject({ value: 1, detail: 'web.people.name of postgresql/web/eu' });
});

test('an erasure in the background has some seconds', async () => {
  let asked = 0;
  erase = async (id) => {
    asked += 1;
    void systemClock.sleep(15).then(() => admin.query('delete from web.people where id = $1', [id]));
  };
  expect(await measured()).toMatchObject({ value: 0 });
  expect(asked).toBe(1);
});

test('where the person was in no column before, nothing is told of the store', async () => {
  await admin.query('create schema if not exists empty');
  expect(await measured(collector('empty'))).toMatchObject({
    kind: 'unknown',
    reason: expect.stringContaining('in no column of the stores before'),
  });
});

test('an API that takes no canary proves nothing', async () => {
  isFull = true;
  expect(await measured()).toEqual({
    kind: 'unknown',
    reason: 'erasure could not be tried at web/eu: it takes no canary: 507',
  });
});
