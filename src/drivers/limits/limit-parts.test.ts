import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useMigratedDatabase } from '../../../test/fixtures/migrated-database.ts';
import { holdLease } from '../../../test/sim/held-lease.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import type { Fleet } from '../../heal/fleet.ts';
import { createRecord } from '../../heal/record.ts';
import type { FactName } from '../../resources/fact-kinds.ts';
import { sessionTrialSchema } from '../../resources/session-trial.ts';
import type { Database } from '../../store/database.ts';
import type { LeaderLease } from '../../store/lease.ts';
import { LimitParts } from './limit-parts.ts';

let database: Database;
let lease: LeaderLease;
let folder: string;

useMigratedDatabase((its) => {
  database = its;
});

beforeAll(async () => {
  lease = await holdLease(database);
  folder = mkdtempSync(join(tmpdir(), 'kin-limits-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
});

const LAW: Readonly<Record<string, Partial<Record<FactName, readonly number[]>>>> = {
  shop: { 'auth.session.idleMinutes': [15], 'auth.password.lengthMin': [12] },
  clinic: { 'auth.session.idleMinutes': [10], 'auth.password.lengthMin': [8] },
  free: {},
};
const sessionTrial = sessionTrialSchema.parse({
  account: { name: 'canary', secret: 'canary' },
  login: { path: '/login' },
  read: '/me',
  limits: { idleMinutes: 'IDLE', passwordLength: 'LENGTH', lockoutMinutes: 'LOCK' },
});
const file = () => join(folder, 'limits.json');
const parts = () =>
  new LimitParts({
    database,
    lease,
    record: createRecord(systemClock, systemRandom),
    file: file(),
    workloads: () => [
      { name: 'staff', spec: { sessionTrial } },
      { name: 'records', spec: { sessionTrial: undefined } },
    ],
    tenants: () => Object.keys(LAW),
    demanded: (tenant, fact) => LAW[tenant]?.[fact] ?? [],
  });
const context = {
  key: 'rep_1:0:apply',
  epoch: 1,
  signal: systemClock.deadline(60_000),
  fleet: undefined as unknown as Fleet,
};
const published = () => JSON.parse(readFileSync(file(), 'utf8'));

test('each limit that somebody has a law about is a setting whose floor is the strictest of them', async () => {
  const { settings } = await parts().look();
  expect(settings.map(({ id, value, revision, workloads }) => [id, value, revision, workloads])).toEqual([
    ['limit/staff/IDLE', null, 0, ['staff']],
    ['limit/staff/LENGTH', null, 0, ['staff']],
  ]);
  const subjects = ['tenant shop', 'tenant clinic'];
  expect(settings.map(({ floor }) => floor)).toEqual([
    { lawful: 10, worse: 'higher', facts: ['auth.session.idleMinutes'], subjects },
    { lawful: 12, worse: 'lower', facts: ['auth.password.lengthMin'], subjects },
  ]);
  expect(published()).toEqual({ limits: {} });
});

test('what is written is published once it is stored, a repetition changes nothing, and whoever comes next publishes it', async () => {
  const order = { setting: 'limit/staff/IDLE', value: '10', oldValue: null, expectedRevision: 0, key: 'pln_1-0' };
  for (let i = 0; i < 2; i++) await parts().set(order, context);
  expect(published()).toEqual({ limits: { staff: { IDLE: '10' } } });
  rmSync(file());
  const [setting] = (await parts().look()).settings;
  expect([setting?.value, setting?.revision, setting?.history.map(({ by }) => by)]).toEqual([
    '10',
    1,
    ['kintsugi rep_1'],
  ]);
  expect(published()).toEqual({ limits: { staff: { IDLE: '10' } } });
  const late = { ...order, key: 'pln_2-0', value: '15' };
  await expect(parts().set(late, context)).rejects.toMatchObject({ code: 'resource.conflict' });
});
