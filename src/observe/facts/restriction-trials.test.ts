import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { type RestrictionInstance, restrictionTrials } from './restriction-trials.ts';

/** What a restriction may take passes at once. */
const clock: Clock = { ...systemClock, sleep: () => systemClock.sleep(5), monotonicMs: () => (elapsedMs += 1_000) };
let elapsedMs = 0;

let database: ThrowawayPostgres;
let admin: Client;
/** Two instances of one workload on one store. */
let apis: readonly Server[];
/** What the service leaves undone of a restriction. */
let ignored: 'nothing' | 'all' | 'reading' | 'changing' | 'at the second instance' | 'storing' | 'lifting';
let cached: Map<string, string>;
let lifts: number;

beforeAll(async () => {
  database = await startThrowawayPostgres();
  admin = new Client(database.connection);
  await admin.connect();
  await admin.query(
    'create table people (id text primary key, name text, is_restricted boolean not null default false)',
  );
  apis = await Promise.all(
    [0, 1].map(async (ordinal) => {
      const api = createServer(async (request, response) => {
        const { status, text = '' } = await answer(request, ordinal);
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
});
beforeEach(async () => {
  ignored = 'nothing';
  cached = new Map();
  lifts = 0;
  await admin.query('truncate people');
});

async function answer(request: IncomingMessage, ordinal: number): Promise<{ status: number; text?: string }> {
  const [, kind, id = ''] = request.url?.split('/') ?? [];
  if (kind === 'restrictions') return marked(id, request.method === 'PUT');
  const { rows } = await admin.query<{ name: string; is_restricted: boolean }>('select * from people where id = $1', [
    id,
  ]);
  const [row] = rows;
  const isOverlooked = ignored === 'all' || (ignored === 'at the second instance' && ordinal === 1);
  const isKept = row?.is_restricted === true && !isOverlooked;
  if (request.method === 'GET') {
    const text = ignored === 'reading' ? (cached.get(id) ?? row?.name) : row?.name;
    if (text !== undefined) cached.set(id, text);
    if (isKept && ignored !== 'reading') return { status: 451 };
    return text === undefined ? { status: 404 } : { status: 200, text };
  }
  if (isKept && !(ignored === 'changing' && request.method === 'PUT')) return { status: 451 };
  if (request.method === 'DELETE') {
    await admin.query('delete from people where id = $1', [id]);
    return { status: row ? 204 : 404 };
  }
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const { name } = JSON.parse(text) as { name: string };
  await admin.query('insert into people values ($1, $2) on conflict (id) do update set name = excluded.name', [
    id,
    name,
  ]);
  return { status: 200 };
}

async function marked(id: string, isRestricted: boolean): Promise<{ status: number }> {
  if (isRestricted && ignored === 'storing') {
    await admin.query('delete from people where name = $1', [id]);
    return { status: 204 };
  }
  if (!isRestricted) lifts += 1;
  if (!isRestricted && ignored === 'lifting' && lifts > 1) return { status: 500 };
  const { rowCount } = await admin.query('update people set is_restricted = $2 where name = $1', [id, isRestricted]);
  return { status: rowCount === 0 ? 404 : 204 };
}

function measured(over: Partial<RestrictionInstance['recipe']> = {}) {
  const instances = apis.map((api, ordinal) => ({
    id: `web-eu-${ordinal}`,
    workload: 'web',
    region: 'eu',
    host: '127.0.0.1',
    port: (api.address() as AddressInfo).port,
    tenants: ['clinic-de', 'shop'],
    recipe: {
      write: { method: 'PUT', path: '/people/{id}', body: { name: '{marker}' } },
      read: ['/people/{id}'],
      change: [{ method: 'PUT', path: '/people/{id}', body: { name: '{marker}' } }],
      restrict: { method: 'PUT', path: '/restrictions/{marker}' },
      lift: { method: 'DELETE', path: '/restrictions/{marker}' },
      remove: { method: 'DELETE', path: '/people/{id}' },
      ...over,
    },
  }));
  return restrictionTrials({ instances: () => instances, clock, random: seededRandom(3) });
}

async function told(over: Partial<RestrictionInstance['recipe']> = {}) {
  const facts = await measured(over).collect(new AbortController().signal);
  expect(facts.map(({ subject }) => subject)).toEqual(['clinic-de', 'shop']);
  return facts[0]?.measured;
}

const left = async () => (await admin.query('select from people')).rowCount;

test('a restriction that is honoured is told, and nothing is left of it', async () => {
  expect(await told()).toEqual({ kind: 'value', value: true });
  expect(await left()).toBe(0);
});

test.each([
  [
    'all',
    'restricted, it was used by /people/{id} of web-eu-0; /people/{id} of web-eu-1; PUT /people/{id} of web-eu-0; PUT /people/{id} of web-eu-1',
  ],
  ['at the second instance', 'restricted, it was used by /people/{id} of web-eu-1; PUT /people/{id} of web-eu-1'],
  ['reading', 'restricted, it was used by /people/{id} of web-eu-0; /people/{id} of web-eu-1'],
  ['changing', 'restricted, it was used by PUT /people/{id} of web-eu-0; PUT /people/{id} of web-eu-1'],
  ['storing', 'once lifted, it was not there by /people/{id} of web-eu-0'],
] as const)('where a service forgets it (%s), that is told by its place', async (what, detail) => {
  ignored = what;
  const change = what === 'storing' ? { change: [] } : {};
  expect(await told(change)).toEqual({ kind: 'value', value: false, detail });
  expect(await left()).toBe(0);
});

test('what cannot be tried is unknown with its reason', async () => {
  const reasonOf = async (over: Partial<RestrictionInstance['recipe']>) => {
    const measured = await told(over);
    return measured?.kind === 'unknown' ? measured.reason : measured;
  };
  ignored = 'lifting';
  expect(await reasonOf({})).toBe('restriction could not be tried at web/eu: the canary could not be taken away: 451');
  ignored = 'nothing';
  const nowhere = { method: 'PUT', path: '/restrictions/nobody' };
  expect(await reasonOf({ restrict: nowhere })).toBe(
    'restriction could not be tried at web/eu: it takes no restriction: 404',
  );
  expect(await reasonOf({ read: ['/people/other'] })).toBe(
    'restriction could not be tried at web/eu: its owner does not find the canary by /people/other of web-eu-0',
  );
  const never = [{ method: 'DELETE', path: '/people/other' }];
  expect(await reasonOf({ change: never })).toBe(
    'restriction could not be tried at web/eu: DELETE /people/other of web-eu-0 is refused also without a restriction',
  );
});

test('what a round left restricted that was cut off is taken away by the next', async () => {
  await admin.query("insert into people values ('kintsugi-canary-restricted', 'kintsugi-canary-restricted', true)");
  expect(await told()).toEqual({ kind: 'value', value: true });
  expect(await left()).toBe(0);
});
