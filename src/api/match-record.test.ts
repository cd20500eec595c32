import { expect, test } from 'vitest';
import { useMigratedDatabase } from '../../test/fixtures/migrated-database.ts';
import { holdLease } from '../../test/sim/held-lease.ts';
import { systemClock as clock } from '../base/clock.ts';
import type { Database } from '../store/database.ts';
import { MatchRecord } from './match-record.ts';

let database: Database;

useMigratedDatabase((its) => {
  database = its;
});

test('what was counted outlasts the process that counted it, and goes on from there', async () => {
  const lease = await holdLease(database);
  const first = new MatchRecord({ database, lease, clock });
  first.take(new Map([['tape-robot', 2]]));
  expect(first.matches('tape-robot')).toBe(2);
  await first.flush();
  await first.flush();
  const second = new MatchRecord({ database, lease, clock });
  expect(second.matches('tape-robot')).toBe(0);
  await second.flush();
  expect(second.matches('tape-robot')).toBe(2);
  second.take(new Map([['tape-robot', 1]]));
  await second.flush();
  expect([second.matches('tape-robot'), second.matches('another')]).toEqual([3, 0]);
  // At each start it stands in again: nothing turned.
  second.take(
    new Map([
      ['tape-robot', 0],
      ['since-always', 0],
    ]),
  );
  await second.flush();
  expect([second.matches('tape-robot'), second.matches('since-always')]).toEqual([3, 1]);
  expect(second.since('tape-robot')).toBe(first.since('tape-robot'));
});
