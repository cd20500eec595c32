import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fleetView, workloadView } from '../../../test/sim/fleet-views.ts';
import { holdLease } from '../../../test/sim/held-lease.ts';
import { systemClock } from '../../base/clock.ts';
import { stateDirectory } from '../../base/state-directory.ts';
import { conditionDetector } from '../../detect/condition.ts';
import { run } from '../../detect/detector.ts';
import { applyChanges, type Symptoms } from '../../detect/symptoms.ts';
import { diagnose } from '../../diagnose/diagnose.ts';
import { type Database, openDatabase } from '../../store/database.ts';
import type { LeaderLease } from '../../store/lease.ts';
import { migrate } from '../../store/migrate.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { OwnProcesses, ownSocket } from './own-processes.ts';
import { newStatus } from './child.ts';
import type { ChildStatus } from './protocol.ts';

let postgres: ThrowawayPostgres;
let database: Database;
let lease: LeaderLease;
let folder: string;
let server: Server;

beforeAll(async () => {
  postgres = await startThrowawayPostgres();
  await migrate(postgres.connection);
  database = await openDatabase(postgres.connection);
  lease = await holdLease(database);
  folder = mkdtempSync(join(tmpdir(), 'kin-own-'));
  server = createServer((_, response) => response.end('ok'));
});
afterAll(async () => {
  server?.close();
  await database?.close();
  await postgres?.close();
  rmSync(folder, { recursive: true, force: true });
});

const MARCH = '2026-03-01T00:00:00.000Z';
let nowMs = Date.parse(MARCH);
const clock = { ...systemClock, now: () => (nowMs += 1_000) };
const ledger = (hung: ChildStatus['hung']): ChildStatus => ({
  ...newStatus({ id: 'ledger', role: 'system' }),
  state: 'running',
  hung,
});
const parts = (child: ChildStatus) =>
  new OwnProcesses({
    children: () => [child, newStatus({ id: 'gateway-0', role: 'system' })],
    socketOf: (id) => (id === 'ledger' ? join(folder, 'ledger.sock') : undefined),
    database,
    lease,
    clock,
  });

test('one that hung is blocked until it has answered again and again, and then no more for whoever leads next', async () => {
  const part = parts(ledger({ at: MARCH, times: 2 }));
  const holds = async (of = part) => (await of.look()).samples.map((each) => each.holds);
  for (let looks = 0; looks < 5; looks += 1) expect(await holds()).toEqual([true]);
  server.listen(join(folder, 'ledger.sock'));
  await once(server, 'listening');
  for (let looks = 0; looks < 29; looks += 1) expect(await holds()).toEqual([false]);
  // A control that is killed before it is over tells it again: two looks alone would not be believed to have been there.
  expect(await holds(parts(ledger({ at: MARCH, times: 2 })))).toEqual([true]);
  expect(await holds()).toEqual([false]);
  expect(await holds()).toEqual([]);
  expect(await holds(parts(ledger({ at: MARCH, times: 2 })))).toEqual([]);
  // The next time is another one, also where it answers at the first look.
  const again = parts(ledger({ at: '2026-03-02T00:00:00.000Z', times: 3 }));
  expect([await holds(again), await holds(again), await holds(again), await holds(again)].flat()).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(await holds(parts(ledger(undefined)))).toEqual([]);
});

test('it is an incident with its cause, and is over once it answers', async () => {
  const part = parts(ledger({ at: '2026-03-03T00:00:00.000Z', times: 1 }));
  const detector = run(conditionDetector);
  let symptoms: Symptoms = new Map();
  const look = async () => {
    const { assets, samples } = await part.look();
    symptoms = applyChanges(
      symptoms,
      samples.flatMap((sample) => detector.feed(sample)),
    );
    return { ...fleetView([workloadView('records')]), assets };
  };
  await look();
  const fleet = await look();
  const [found, ...others] = diagnose(symptoms, fleet);
  expect(others).toEqual([]);
  expect(found).toMatchObject({ cause: 'instance-hung', subject: { name: 'service kintsugi/ledger' }, workload: null });
  expect(found?.summary).toBe(
    'ledger did not answer; the keeper killed it at 2026-03-03T00:00:00.000Z and starts it again',
  );
  for (let looks = 0; looks < 25; looks += 1) await look();
  expect(diagnose(symptoms, fleet)).toEqual([]);
});

test('ledger, control and gateways answer on sockets of their own; PostgreSQL does not', () => {
  const state = stateDirectory(folder);
  const sockets = ['ledger', 'control', 'gateway-12', 'postgres', 'gateway-x'].map((id) => ownSocket(state, id));
  expect(sockets).toEqual([
    ...(['ledger', 'control', 'gateway-12'] as const).map((id) => state.socket(id)),
    undefined,
    undefined,
  ]);
});
