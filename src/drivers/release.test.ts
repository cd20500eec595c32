import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RealFleet } from '../../test/fixtures/real-fleet.ts';
import { systemClock } from '../base/clock.ts';
import { Redacted } from '../base/redacted.ts';
import type { Mitigation } from '../heal/fleet.ts';
import { readIncident } from '../heal/incident-store.ts';
import { routingOf } from './routing.ts';

let real: RealFleet;
let of: Awaited<ReturnType<RealFleet['open']>>;

beforeAll(async () => {
  real = await RealFleet.start();
  of = await real.open();
  await sql`insert into incident (id, key, state, body) values ('inc_1', 'k', 'open', '{"detectedAt": ""}')`.execute(
    real.database.kysely,
  );
});
afterAll(() => real?.close());

const base = { kind: 'quarantine', tenant: 'shop', workload: 'web', requestsPerSecond: 1, concurrency: 1 } as const;
const leak = (id: string): Mitigation => ({
  ...base,
  id,
  incident: 'inc_1',
  minutes: 30,
  rampMinutes: 9,
  untilLifted: true,
});
const context = (key: string) => ({ key, epoch: of.epoch, fleet: of.fleet, signal: systemClock.deadline(30_000) });
const aWeekPasses = () =>
  sql`update mitigation set expires_at = now() - interval '7 days'`.execute(real.database.kysely);
const declared = async () => {
  await real.hands.refresh();
  return real.hands.world.declared;
};
const recorded = async () => {
  const { rows } = await sql<{ event: { type: string; subject: string; tenant: string; data: object } }>`
    select event from outbox where event ->> 'type' = 'incident.released' order by 1`.execute(real.database.kysely);
  return rows.map(({ event: { type, subject, tenant, data } }) => ({ type, subject, tenant, data }));
};

test('a leak is held until it is lifted, also when its time is long over and nobody was there; one word lifts it', async () => {
  await of.fleet.mitigate(leak('a'), context('rep_1:0:apply'));
  await aWeekPasses();
  expect((await declared()).mitigations.map(({ id }) => id)).toEqual(['a']);
  const [entry] = routingOf(real.hands.world, new Redacted('k')).mitigations;
  const inAYear = systemClock.now() + 366 * 86_400_000;
  expect(entry).toMatchObject({ id: 'a', tenant: 'shop' });
  expect([entry!.until > inAYear, entry!.rampFrom > inAYear]).toEqual([true, true]);
  // Decided on anew, it takes the place of the old one.
  await of.fleet.mitigate(leak('b'), context('rep_2:0:apply'));
  expect((await declared()).containments).toMatchObject([{ id: 'b', incident: 'inc_1', hasEnded: false }]);
  expect(await recorded()).toEqual([]);
  for (let i = 0; i < 2; i += 1) await of.fleet.liftMitigation('b', context('inc_1:let-in'));
  expect((await declared()).containments).toEqual([]);
  const told = { limit: 'b', kind: 'quarantine', tenant: 'shop', workload: 'web', store: null };
  const why = 'its incident is over, and nothing is known to leak';
  expect(await recorded()).toEqual([
    { type: 'incident.released', subject: 'inc_1', tenant: 'shop', data: { ...told, why } },
  ]);
  const { body } = (await readIncident(real.database, 'inc_1'))!;
  expect(body.released).toEqual([{ ...told, why, at: expect.stringMatching(/^\d{4}-\d\d-\d\d/) }]);
});

test('what ends by itself holds nothing after its time, and its end is on record as well; other limits are told by their repairs', async () => {
  const { untilLifted: _, ...stray } = leak('c');
  const { incident: __, ...plain } = { ...stray, id: 'd' };
  for (const limit of [stray, plain]) await of.fleet.mitigate(limit, context('rep_3:0:apply'));
  await aWeekPasses();
  const { mitigations, containments } = await declared();
  expect([mitigations, containments]).toMatchObject([[], [{ id: 'c', hasEnded: true }]]);
  await of.fleet.liftMitigation('c', context('inc_1:ended'));
  await of.fleet.liftMitigation('d', context('rep_3:0:undo'));
  const { body } = (await readIncident(real.database, 'inc_1'))!;
  expect(body.released?.map(({ limit, why }) => [limit, why])).toEqual([
    ['b', 'its incident is over, and nothing is known to leak'],
    ['c', 'its time was over'],
  ]);
});
