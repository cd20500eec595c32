import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { apiIsolation } from './api-isolation.ts';
import type { CanaryRecipe } from './canary-calls.ts';
import { instanceClocks } from './instance-clocks.ts';

const recipe: CanaryRecipe = {
  write: { method: 'PUT', path: '/notes/{id}', body: { text: '{marker}' } },
  read: ['/notes/{id}', '/notes'],
  remove: { method: 'DELETE', path: '/notes/{id}' },
};
const signal = new AbortController().signal;

/** A small API for tenants, with the faults that such APIs have. */
let fault: 'none' | 'forgets the tenant' | 'list of all' | 'open without tenant' | 'loses writes' | 'keeps' | 'caches';
let cache: Map<string, string>;
let notes: Map<string, string>;
let skewMs: number;
let server: Server;

beforeEach(async () => {
  [fault, notes, skewMs, cache] = ['none', new Map(), 0, new Map()];
  server = createServer(async (request, response) => {
    const { status, body } = cached(request, answer(request, await bodyOf(request)));
    response.writeHead(status, { date: new Date(clock.now() + skewMs).toUTCString() }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

function answer({ method, url = '', headers }: IncomingMessage, body: string) {
  const tenant = headers['x-kintsugi-tenant'];
  if (typeof tenant !== 'string' && fault !== 'open without tenant') return { status: 400, body: '' };
  const key = fault === 'forgets the tenant' ? url : `${String(tenant)} ${url}`;
  if (method === 'PUT') {
    if (fault !== 'loses writes') notes.set(key, body);
    return { status: 201, body: '' };
  }
  if (method === 'DELETE') {
    if (fault !== 'keeps') notes.delete(key);
    return { status: fault === 'keeps' ? 500 : 204, body: '' };
  }
  if (url !== '/notes') return { status: notes.has(key) ? 200 : 404, body: notes.get(key) ?? '' };
  const isSeen = (name: string) =>
    fault === 'list of all' || name.startsWith(`${String(tenant)} `) || tenant === undefined;
  return { status: 200, body: [...notes].flatMap(([name, text]) => (isSeen(name) ? [text] : [])).join() };
}

/** What was answered once is answered to everybody who asks for the same. */
function cached({ method, url = '' }: IncomingMessage, fresh: { status: number; body: string }) {
  if (fault !== 'caches' || method !== 'GET') return fresh;
  if (fresh.body !== '' && !cache.has(url)) cache.set(url, fresh.body);
  return { status: 200, body: cache.get(url) ?? '' };
}

function place() {
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

async function collected() {
  const collector = apiIsolation({
    instances: () => [{ id: 'notes-eu-0-a', slot: 'notes/eu/0', region: 'eu', ...place(), recipe }],
    tenants: () => [
      { name: 'clinic-de', regions: ['eu'] },
      { name: 'hospital-us', regions: ['us'] },
    ],
    clock,
    random: seededRandom(5),
  });
  return collector.collect(signal);
}

async function measured() {
  return Object.fromEntries(
    (await collected()).map(({ subject, measured }) => [
      subject,
      measured.kind === 'value' ? measured.value : measured.reason,
    ]),
  );
}

test('a sound API shows nobody what another left, and keeps nothing of it', async () => {
  expect(await measured()).toEqual({
    'clinic-de': 0,
    'hospital-us': 'no workload that serves it declares `isolationTrial`',
  });
  expect(notes.size).toBe(0);
});

test.each([
  ['forgets the tenant', 1],
  ['list of all', 1],
  ['open without tenant', 1],
] as const)('a leak is found: %s', async (kind, answers) => {
  fault = kind;
  expect((await measured())['clinic-de']).toBe(answers);
  expect(notes.size).toBe(0);
});

test('a leak says in which slots it was found, for people and for whoever heals it', async () => {
  fault = 'list of all';
  expect((await collected())[0]?.measured).toMatchObject({ detail: 'at notes/eu/0', where: ['notes/eu/0'] });
});

test('a cache that forgets the tenant leaks in every round, also what it kept of an earlier one', async () => {
  fault = 'caches';
  expect((await measured())['clinic-de']).toBe(4);
  expect((await measured())['clinic-de']).toBe(4);
});

test('an API that does not show the canary to its owner proves nothing', async () => {
  fault = 'loses writes';
  expect((await measured())['clinic-de']).toBe('notes-eu-0-a could not be tried: not even its owner found the canary');
});

test('a canary that stays is told, and the next round takes it away', async () => {
  fault = 'keeps';
  expect((await measured())['clinic-de']).toMatch(/the canary could not be taken away: 500/);
  fault = 'none';
  expect((await measured())['clinic-de']).toBe(0);
  expect(notes.size).toBe(0);
});

test.each([
  [0, 0, 0],
  [5_000, 3.9, 5],
  [-5_000, 3.9, 5],
  [800, 0, 0.8],
])('a clock that is %i ms off is never told to be further off than it is', async (offMs, least, most) => {
  skewMs = offMs;
  const instances = () => [{ subject: 'notes/eu/0', tenants: ['clinic-de'], ...place(), path: '/notes' }];
  const [fact] = await instanceClocks({ instances, clock }).collect(signal);
  const seconds = fact?.measured.kind === 'value' ? Number(fact.measured.value) : Number.NaN;
  expect(seconds).toBeGreaterThanOrEqual(least);
  expect(seconds).toBeLessThanOrEqual(most);
});
