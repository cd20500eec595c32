import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { placeOn } from '../../../test/fixtures/postgres-place.ts';
import { systemClock as clock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { cardTrials } from './card-trials.ts';

let database: ThrowawayPostgres;
let admin: Client;
let api: Server;
/** How the API keeps a card, and how it shows it. */
let keep: (card: string) => string;
let show: (card: string) => string;
let cards: Map<string, string>;

beforeAll(async () => {
  database = await startThrowawayPostgres();
  admin = new Client(database.connection);
  await admin.connect();
  await admin.query('create schema shop; create table shop.cards (tenant text, id text, token text)');
  api = createServer(async (request, response) => {
    const { status, text } = await answer(request);
    response.writeHead(status).end(text);
  });
  api.listen(0, '127.0.0.1');
  await once(api, 'listening');
}, 60_000);
afterAll(async () => {
  await admin.end();
  api.close();
  await database.close();
});
beforeEach(async () => {
  cards = new Map();
  keep = (card) => createHmac('sha256', 'a managed key').update(card).digest('hex');
  show = (card) => `${card.slice(0, 6)}******${card.slice(-4)}`;
  await admin.query('truncate shop.cards');
});

async function answer(request: IncomingMessage): Promise<{ status: number; text: string }> {
  const key = `${String(request.headers['x-kintsugi-tenant'])} ${request.url}`;
  if (request.method === 'PUT') {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const { number } = JSON.parse(text) as { number: string };
    cards.set(key, number);
    await admin.query('insert into shop.cards values ($1, $2, $3)', [...key.split(' /cards/'), keep(number)]);
    return { status: 201, text: '' };
  }
  if (request.method === 'DELETE') {
    await admin.query('delete from shop.cards where tenant = $1', [request.headers['x-kintsugi-tenant']]);
    return { status: cards.delete(key) ? 204 : 404, text: '' };
  }
  const card = cards.get(key);
  return card === undefined ? { status: 404, text: '' } : { status: 200, text: JSON.stringify({ card: show(card) }) };
}

async function measured(read: readonly string[] = ['/cards/{id}']) {
  const store = {
    ...placeOn(database, 'shop', ['shop']),
  };
  const recipe = {
    write: { method: 'PUT', path: '/cards/{id}', body: { number: '{card}' } },
    read,
    remove: { method: 'DELETE', path: '/cards/{id}' },
  };
  const where = { host: '127.0.0.1', port: (api.address() as AddressInfo).port };
  const instance = { id: 'shop-eu-0-a', region: 'eu', ...where, recipe, tenants: ['shop'], stores: [store] };
  const collector = cardTrials({ instances: () => [instance], clock, random: seededRandom(11) });
  const facts = await collector.collect(new AbortController().signal);
  return Object.fromEntries(
    facts.map(({ name, measured }) => [name, measured.kind === 'value' ? measured.value : measured.reason]),
  );
}

const GOOD = { 'card.display.unmasked': 0, 'card.hash.keyed': true };

test('a masked card under a keyed hash is as it should be, and nothing of it stays', async () => {
  expect(await measured()).toEqual(GOOD);
  expect([cards.size, (await admin.query('select from shop.cards')).rowCount]).toEqual([0, 0]);
});

test.each([
  ['as it is', (card: string) => card],
  ['in groups', (card: string) => card.replaceAll(/(.{4})(?=.)/g, '$1 ')],
])('an answer with the whole number %s is counted', async (_, shows) => {
  show = shows;
  expect(await measured()).toEqual({ ...GOOD, 'card.display.unmasked': 1 });
});

test.each([
  ['sha256', (card: string) => createHash('sha256').update(card).digest('hex')],
  ['md5 in capitals', (card: string) => createHash('md5').update(card).digest('hex').toUpperCase()],
  [
    'sha512 in base64 within JSON',
    (card: string) => JSON.stringify({ fp: createHash('sha512').update(card).digest('base64') }),
  ],
])('a hash without a key is found: %s', async (_, keeps) => {
  keep = keeps;
  expect(await measured()).toEqual({ ...GOOD, 'card.hash.keyed': false });
});

test('an API that shows nothing to its owner, and a store without the canary, prove nothing', async () => {
  expect((await measured(['/nowhere']))['card.display.unmasked']).toMatch(/no declared path answers its owner/);
  await admin.query(
    'alter table shop.cards rename to away; create table shop.cards (tenant text, id text, token text)',
  );
  await admin.query('create schema elsewhere; alter table shop.away set schema elsewhere');
  await admin.query('create rule elsewhere as on insert to shop.cards do instead nothing');
  expect((await measured())['card.hash.keyed']).toMatch(/the canary was not found/);
});
