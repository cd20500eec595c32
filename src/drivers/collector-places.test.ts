import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { Redacted } from '../base/redacted.ts';
import { postgresPlaces } from './collector-places.ts';
import type { StoreAddress } from './postgresql/store.ts';
import { World } from './world.ts';

function address(name: string, region: string, over: Partial<StoreAddress> = {}): StoreAddress {
  return {
    id: `${name}/${region}`,
    region,
    workloads: [name],
    server: 'database',
    host: '127.0.0.1',
    port: 5432,
    database: 'postgres',
    schema: name,
    tables: [],
    admin: { user: 'postgres', password: new Redacted('') },
    role: { user: `${name}_app`, password: new Redacted('') },
    privileges: ['SELECT'],
    operators: [],
    rowSecurity: true,
    ...over,
  };
}

const told = (...addresses: readonly StoreAddress[]) =>
  Object.fromEntries(
    postgresPlaces(new World(systemClock), addresses).map(({ subject, isToldOf, neighbours }) => [
      subject.replace('postgresql/', ''),
      [isToldOf, neighbours],
    ]),
  );

test('of the stores on a server the first that is judged whole tells what is so on all of it', () => {
  const both = ['payments_app', 'records_app'];
  expect(told(address('payments', 'eu'), address('records', 'eu'), address('records', 'us'))).toEqual({
    'payments/eu': [false, both],
    'records/eu': [true, both],
    'records/us': [false, ['records_app']],
  });
});

test('one that declares no privileges, or is not divided, tells nothing for others, nor does one of another database', () => {
  expect(told(address('payments', 'eu', { privileges: [] }), address('records', 'eu'))).toEqual({
    'payments/eu': [true, ['records_app']],
    'records/eu': [false, ['records_app']],
  });
  expect(told(address('payments', 'eu', { rowSecurity: false }), address('records', 'eu'))['records/eu']?.[0]).toBe(
    false,
  );
  expect(told(address('payments', 'eu', { database: 'other' }), address('records', 'eu'))['records/eu']?.[0]).toBe(
    false,
  );
});

test('a store knows which schemas of its server are stores too, so that they are no copies', () => {
  const addresses = [
    address('payments', 'eu'),
    address('records', 'eu', { database: 'other' }),
    address('records', 'us'),
  ];
  const [first] = postgresPlaces(new World(systemClock), addresses);
  expect(first?.siblings?.map(({ database, schema }) => `${database}/${schema}`)).toEqual([
    'postgres/payments',
    'other/records',
  ]);
});
