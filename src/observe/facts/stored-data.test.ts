import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { placeOn } from '../../../test/fixtures/postgres-place.ts';
import { systemClock as clock } from '../../base/clock.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { type DescribedStore, storedData } from './stored-data.ts';

let server: ThrowawayPostgres;
let admin: Client;

beforeAll(async () => {
  server = await startThrowawayPostgres();
  admin = new Client(server.connection);
  await admin.connect();
  await admin.query('create role shop_app login; create role anna login; create role nobody nologin');
}, 60_000);
afterAll(async () => {
  await admin.end();
  await server.close();
});
beforeEach(() => admin.query('drop schema if exists shop cascade; create schema shop'));

async function measured(described: DescribedStore['described'] = []) {
  const store: DescribedStore = {
    ...placeOn(server, 'shop', ['shop']),
    described,
    applications: ['shop_app'],
  };
  const transcripts: unknown[] = [];
  const keep = (transcript: unknown) => {
    transcripts.push(transcript);
    return 'sha256:kept';
  };
  const facts = await storedData({ stores: () => [store], clock }).collect(new AbortController().signal, keep);
  const values = Object.fromEntries(
    facts.map(({ name, measured }) => [name, measured.kind === 'value' ? measured.value : measured.reason]),
  );
  return { values, transcript: JSON.stringify(transcripts) };
}

const CLEAN = { 'personal.undeclared.columns': 0, 'card.authentication.stored': 0, 'access.direct.roles': 0 };

/** A table of one column with ten values, of the number of each. */
async function filled(column: string, type: string, value: string): Promise<void> {
  await admin.query(`create table shop.people (${column} ${type})`);
  await admin.query(`insert into shop.people select ${value} from generate_series(1, 10) n`);
}

test.each([
  ['an e-mail address', 'contact', 'text', "'p' || n || '@clinic.de'"],
  ['a phone number', 'contact', 'text', "'+49 30 90182' || n"],
  ['a number of social security', 'note', 'text', "'123-45-67' || (10 + n)"],
  [
    'an IBAN',
    'account',
    'text',
    "'DE' || lpad((98 - (('50010517' || lpad(n::text, 10, '0') || '131400')::numeric % 97))::text, 2, '0') || '50010517' || lpad(n::text, 10, '0')",
  ],
  ['a date of birth', 'birth_date', 'date', "date '1980-01-01' + n::int"],
  ['a field of JSON', 'body', 'jsonb', "jsonb_build_object('a', jsonb_build_object('mail', 'p' || n || '@clinic.de'))"],
])('%s in a column that nobody declared is counted once, and declared it is not', async (_, column, type, value) => {
  await filled(column, type, value);
  const { values, transcript } = await measured();
  expect(values['personal.undeclared.columns']).toBe(1);
  expect(transcript).toContain(`people.${column}`);
  expect(transcript).not.toMatch(/@clinic|90182|123-45|50010517|1980/);
  expect((await measured([{ table: 'people', column }])).values).toEqual(CLEAN);
});

test.each([
  ['times of day and dates of orders', 'ordered_on', 'date', "date '2026-01-01' + n::int"],
  ['ids of fifteen digits', 'reference', 'text', "'17637000' || lpad(n::text, 7, '0')"],
  ['names of packages and addresses of servers', 'package', 'text', "'@scope/name-' || n"],
  ['an account of a machine at a host without a domain', 'runs_as', 'text', "'deploy@host' || n"],
  [
    'codes of parts that look like a number of social security by their dashes alone',
    'part',
    'text',
    "'900-00-00' || n",
  ],
  ['one address over and over', 'sender', 'text', "'no-reply@clinic.de'"],
  ['codes of three digits', 'security_code', 'text', "'12' || (n % 10)"],
  ['a digest', 'token_digest', 'text', "encode(sha256(n::text::bytea), 'hex')"],
])('%s are nothing of a person', async (_, column, type, value) => {
  await filled(column, type, value);
  expect((await measured()).values).toEqual(CLEAN);
});

test.each([
  ['codes', 'card_cvv', 'text', "'12' || (n % 10)", 10],
  ['codes as numbers', 'cvc2', 'int', '120 + n', 10],
  ['codes in JSON', 'body', 'jsonb', "jsonb_build_object('cardCvv', '12' || (n % 10))", 10],
  ['tracks', 'raw', 'text', "';4111111111111111=29121010000' || n || '?'", 10],
  ['PIN blocks', 'pin_block', 'text', "'0412AC89ABCDEF' || lpad(n::text, 2, '0')", 10],
  ['codes that are masked', 'cvv', 'text', "'***'", 0],
  ['tracks of a number that is none', 'raw', 'text', "';4111111111111112=29121010000' || n || '?'", 0],
])('%s of cards are counted where they are kept: %s', async (_, column, type, value, hits) => {
  await filled(column, type, value);
  expect((await measured()).values['card.authentication.stored']).toBe(hits);
});

test('whoever may log in and read cards past the application is counted; the application and its administrator are not', async () => {
  await admin.query(`
    create table shop.cards (id int, card_number text, card_last4 text); create table shop.orders (id int, card_token text);
    grant usage on schema shop to shop_app, anna, nobody;
    grant select on shop.cards to shop_app, nobody; grant select on shop.orders to anna; grant insert on shop.cards to anna`);
  expect((await measured()).values).toEqual(CLEAN);
  await admin.query('grant nobody to anna');
  const { values, transcript } = await measured();
  expect(values['access.direct.roles']).toBe(1);
  expect(transcript).toContain('"readers":["anna"]');
  await admin.query('revoke nobody from anna; revoke all on all tables in schema shop from nobody');
  await admin.query('grant select (card_number) on shop.cards to anna');
  expect((await measured()).values['access.direct.roles']).toBe(1);
  await admin.query('revoke all on all tables in schema shop from anna');
});

test('cards count wherever their numbers are found', async () => {
  await admin.query(`create table shop.notes (text text); insert into shop.notes values ('paid by 4111 1111 1111 1111');
    grant select on shop.notes to anna`);
  expect((await measured()).values['access.direct.roles']).toBe(1);
});
