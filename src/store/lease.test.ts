import { EventEmitter, once } from 'node:events';
import { sql } from 'kysely';
import { afterEach, expect, test } from 'vitest';
import { useMigratedDatabase } from '../../test/fixtures/migrated-database.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { type Database, openDatabase } from './database.ts';
import {
  acquireLease,
  assertEpoch,
  fencedTransaction,
  type LeaderLease,
  leaderLease,
  releaseLease,
  renewLease,
} from './lease.ts';
import type { ThrowawayPostgres } from './throwaway-postgres.ts';

let server: ThrowawayPostgres;
let database: Database;
const open: LeaderLease[] = [];

useMigratedDatabase((its, on) => {
  database = its;
  server = on;
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((lease) => lease.close()));
});

function lead(name: string, holder: string, ttlMs: number, clock: Clock = systemClock): LeaderLease {
  const lease = leaderLease({ database, name, holder, ttlMs, clock });
  open.push(lease);
  return lease;
}

function gain(lease: LeaderLease): Promise<number> {
  return new Promise((resolve) => {
    lease.onGained(resolve);
  });
}

function loss(lease: LeaderLease): Promise<number> {
  return new Promise((resolve) => {
    lease.onLost(resolve);
  });
}

async function expire(name: string): Promise<void> {
  await sql`update lease set expires_at = clock_timestamp() where name = ${name}`.execute(database.kysely);
}

test('a held lease is refused to others, and the epoch grows by one with each holder', async () => {
  expect(await acquireLease(database, 'plain', 'a', 60_000)).toBe(1);
  expect(await acquireLease(database, 'plain', 'b', 60_000)).toBeUndefined();
  expect(await acquireLease(database, 'plain', 'a', 60_000)).toBeUndefined();
  await releaseLease(database, 'plain', 1);
  expect(await acquireLease(database, 'plain', 'b', 60_000)).toBe(2);
});

test('the same holder gets a new epoch after its lease has run out', async () => {
  expect(await acquireLease(database, 'again', 'a', 60_000)).toBe(1);
  await expire('again');
  expect(await renewLease(database, 'again', 1, 60_000)).toBe(false);
  expect(await acquireLease(database, 'again', 'a', 60_000)).toBe(2);
});

test('a former holder neither renews nor releases the lease of its successor', async () => {
  await acquireLease(database, 'former', 'a', 60_000);
  await expire('former');
  await acquireLease(database, 'former', 'b', 60_000);
  expect(await renewLease(database, 'former', 1, 60_000)).toBe(false);
  await releaseLease(database, 'former', 1);
  expect(await acquireLease(database, 'former', 'c', 60_000)).toBeUndefined();
});

test('of many that ask at once one gets it', async () => {
  const epochs = await Promise.all(
    Array.from({ length: 8 }, (_, n) => acquireLease(database, 'rush', `r${n}`, 60_000)),
  );
  expect(epochs.filter((epoch) => epoch !== undefined)).toEqual([1]);
});

test('two replicas never lead at the same time when leaders lose their database one after the other', async () => {
  const gained = new EventEmitter();
  const overlaps: string[] = [];
  const epochs: number[] = [];
  const databases = new Map<LeaderLease, Database>();
  const join = async (holder: string) => {
    const own = await openDatabase(server.connection, { connectionsMax: 1 });
    const lease = leaderLease({ database: own, name: 'many', holder, ttlMs: 400, clock: systemClock });
    open.push(lease);
    databases.set(lease, own);
    lease.onGained((epoch) => {
      for (const other of open) if (other !== lease && other.current()) overlaps.push(`${other.holder} and ${holder}`);
      epochs.push(epoch);
      gained.emit('gained', lease);
    });
  };
  const first = once(gained, 'gained');
  await Promise.all(['a', 'b', 'c'].map(join));
  let [leader] = (await first) as [LeaderLease];
  for (const holder of ['d', 'e', 'f']) {
    const next = once(gained, 'gained');
    await databases.get(leader)?.close();
    await join(holder);
    [leader] = (await next) as [LeaderLease];
  }
  expect(overlaps).toEqual([]);
  expect(epochs).toEqual([1, 2, 3, 4]);
  await Promise.all(open.splice(0).map((lease) => lease.close()));
  await Promise.all([...databases.values()].map((own) => own.close()));
});

test('a leader keeps its epoch over many renewals', async () => {
  const lease = lead('steady', 'a', 300);
  const epoch = await gain(lease);
  await systemClock.sleep(1_000);
  expect(lease.current()).toEqual({ epoch });
});

test('closing hands over at once', async () => {
  const first = lead('handover', 'a', 60_000);
  await gain(first);
  const second = lead('handover', 'b', 60_000);
  const gained = gain(second);
  const lost = loss(first);
  await first.close();
  expect(await lost).toBe(1);
  expect(first.current()).toBeUndefined();
  expect(await gained).toBe(2);
});

test('a leader that was stopped does not believe in its lease when it comes back', async () => {
  let offsetMs = 0;
  const stopped: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + offsetMs };
  const lease = lead('paused', 'a', 60_000, stopped);
  await gain(lease);
  expect(lease.current()).toEqual({ epoch: 1 });
  offsetMs = 60_000;
  expect(lease.current()).toBeUndefined();
});

test('a write under a stale epoch is refused and leaves nothing', async () => {
  await sql`create table written (n int)`.execute(database.kysely);
  await acquireLease(database, 'fence', 'a', 60_000);
  const former = { name: 'fence', current: () => ({ epoch: 1 }) };
  const write = () => fencedTransaction(database, former, (tx) => sql`insert into written values (1)`.execute(tx));
  await write();
  await expire('fence');
  await acquireLease(database, 'fence', 'b', 60_000);
  await expect(write()).rejects.toMatchObject({ code: 'lease.stale' });
  const { rows } = await sql<{ n: number }>`select count(*) as n from written`.execute(database.kysely);
  expect(rows).toEqual([{ n: 1 }]);
});

test('who does not lead does not write', async () => {
  const nobody = { name: 'fence', current: () => undefined };
  await expect(fencedTransaction(database, nobody, async () => 1)).rejects.toMatchObject({ code: 'lease.lost' });
});

test('a new leader waits for a write of the old one that is under way; a renewal does not', async () => {
  await acquireLease(database, 'order', 'a', 60_000);
  const order: string[] = [];
  let taken: Promise<unknown> = Promise.resolve();
  await database.transaction(async (tx) => {
    await assertEpoch(tx, 'order', 1);
    expect(await renewLease(database, 'order', 1, 60_000)).toBe(true);
    await expire('order');
    taken = acquireLease(database, 'order', 'b', 60_000).then((epoch) => order.push(`b leads as ${epoch}`));
    await blocked();
    order.push('a writes');
  });
  await taken;
  expect(order).toEqual(['a writes', 'b leads as 2']);
});

async function blocked(): Promise<void> {
  const signal = systemClock.deadline(5_000);
  for (;;) {
    const { rows } = await sql`select 1 from pg_locks where not granted`.execute(database.kysely);
    if (rows.length > 0) return;
    await systemClock.sleep(10, signal);
  }
}

test('a leader survives a restart of the database that is shorter than its lease', async () => {
  const lease = lead('restart', 'a', 20_000);
  const epoch = await gain(lease);
  await server.stop('SIGKILL');
  await server.start();
  expect(lease.current()).toEqual({ epoch });
  expect(await renewLease(database, 'restart', epoch, 20_000)).toBe(true);
});

test('a leader without its database stops leading when the lease could have run out, and leads again later', async () => {
  const lease = lead('outage', 'a', 400);
  const epoch = await gain(lease);
  const lost = loss(lease);
  const regained = gain(lease);
  await server.stop('SIGKILL');
  expect(await lost).toBe(epoch);
  expect(lease.current()).toBeUndefined();
  await server.start();
  expect(await regained).toBe(epoch + 1);
});
