/**
 * Real replicas of the healer, with a lease in a real database and real instances behind a real keeper, are killed in the
 * middle of a repair, or stopped while another takes over. Every move that the fleet of processes can make, in every
 * phase of its repair. What the simulation covers moment by moment (test/crash-matrix), this shows on what it simulates.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/base/clock.ts';
import type { JsonObject } from '../../src/base/json.ts';
import { systemRandom as random } from '../../src/base/random.ts';
import type { JournalEntry, JournalEvent } from '../../src/heal/journal.ts';
import type { Outcome, Plan } from '../../src/heal/plan.ts';
import { readJournal } from '../../src/heal/repair-store.ts';
import type { MoveName } from '../../src/resources/playbook.ts';
import type { FleetUnderTest } from '../conformance/fleet.ts';
import type { HealerSettings } from '../fixtures/healer-process.ts';
import { REGION, RealFleet } from '../fixtures/real-fleet.ts';
import { planOf, stepOf } from '../sim/plans.ts';
import { type Program, start, until } from './program.ts';

const TEST_MS = 240_000;
/** How long after an entry of the journal the blow falls, at most: into whatever is under way by then. */
const LATER_MS = 250;

let real: RealFleet;
let of: FleetUnderTest;
const healers: Program[] = [];

beforeAll(async () => {
  real = await RealFleet.start();
});

afterAll(() => real?.close());

beforeEach(async () => {
  of = await real.open();
});

afterEach(async () => {
  for (const { child } of healers) child.kill('SIGKILL');
  await Promise.all(healers.splice(0).map(({ ended }) => ended));
});

const slotOf = (ordinal: number) => ({
  region: REGION,
  ordinal,
  oldInstance: `${of.workload}-${ordinal}`,
  newInstance: `${of.workload}-${ordinal}-next`,
  oldState: 'ready',
});

/** What each move is told. */
function inputOf(move: MoveName): JsonObject {
  const { workload } = of;
  const limit = { id: `${workload}-${move}`, tenant: 'shop', requestsPerSecond: 5, concurrency: 2, minutes: 10 };
  const one = { ...slotOf(0), workload, version: 2, oldVersion: 2 };
  const back = { workload, from: 2, to: 1, oldPhase: 'canary', slots: [0, 1, 2].map(slotOf) };
  switch (move) {
    case 'replace':
      return { ...one, inPlace: false };
    case 'restart':
      return { ...one, inPlace: true };
    case 'rollback':
      return { ...back, inPlace: false };
    case 'revert':
      return { ...back, inPlace: true };
    case 'scale':
      return { workload, regions: [REGION], by: 1, key: `pln_${workload}` };
    case 'scale-in':
      return { workload, region: REGION, key: `pln_${workload}` };
    default:
      return { ...limit, kind: move };
  }
}

/** One rung with a limit before the move: two steps that are verified together, and undone in reverse. */
async function planFor(move: MoveName): Promise<Plan> {
  const { workload } = of;
  const incident = `inc_${workload}`;
  const row = { id: incident, key: incident, state: 'open', body: '{}' };
  await real.database.kysely.insertInto('incident').values(row).execute();
  const times = { soakMs: 300, verifyWithinMs: 1_500 };
  const steps = [
    stepOf({ ...times, move: 'shed', input: inputOf('shed') }),
    stepOf({ ...times, move, input: inputOf(move) }),
  ];
  const life = { madeAt: clock.now(), expiresAt: clock.now() + 600_000 };
  const cause = 'instance-died';
  return planOf({ id: `pln_${workload}`, incident, cause, workload, target: `workload ${workload}`, ...life, steps });
}

function begin(plan: Plan, name: string, reading: 'good' | 'bad'): Program {
  const { connection, keeperSocket } = real;
  const settings: HealerSettings = { connection, keeperSocket, name, plan, readings: [reading] };
  const healer = start('test/fixtures/healer-process.ts', [JSON.stringify(settings)]);
  healers.push(healer);
  return healer;
}

const journalOf = (plan: Plan): Promise<readonly JournalEntry[]> => readJournal(real.database, `rep_${plan.id}`);

async function untilWritten(plan: Plan, event: JournalEvent): Promise<void> {
  await until(`${event} is in the journal`, async () => (await journalOf(plan)).some((entry) => entry.event === event));
}

function untilEnded(healer: Program): Promise<string> {
  return until('the repair has ended', () => /^ended (\w+)$/m.exec(healer.out())?.[1]);
}

/** Versions in slots, who runs, and what else the moves change. */
async function picture() {
  const slots = await of.slots();
  const running = await of.running();
  const places = slots.map(({ ordinal, version, incoming, instance }) => ({
    ordinal,
    version,
    incoming,
    runs: running.includes(instance ?? ''),
  }));
  return { places, count: running.length, rest: await of.rest() };
}

async function journaledEpochs(plan: Plan): Promise<readonly number[]> {
  const rows = await real.database.kysely
    .selectFrom('repair_journal')
    .select('epoch')
    .where('repair_id', '=', `rep_${plan.id}`)
    .orderBy('seq')
    .execute();
  return rows.map(({ epoch }) => epoch);
}

/** What must be true of every journal, whoever wrote which part of it. */
async function expectOneStory(plan: Plan, outcome: Outcome): Promise<void> {
  const journal = await journalOf(plan);
  const told = journal.map(({ event, moveIndex }) => `${event} ${moveIndex}`);
  expect(new Set(told).size, told.join(', ')).toBe(told.length);
  expect(journal.at(-1)).toMatchObject({ event: 'ended', data: { outcome } });
  const epochs = await journaledEpochs(plan);
  // On a busy machine a replica may lose its lead for a moment and get it again: no writer of before comes back.
  expect(epochs).toEqual(epochs.toSorted((a, b) => a - b));
}

const MOVES = ['replace', 'restart', 'rollback', 'revert', 'throttle', 'quarantine', 'scale', 'scale-in'] as const;

/** Where the healer is hit, and how the repair would have ended without that. */
const BLOWS: readonly (readonly [JournalEvent, 'good' | 'bad'])[] = [
  ['applied', 'good'],
  ['intent', 'bad'],
  ['undo-intent', 'bad'],
];

/** Each move gets another of the blows, and every second one a leader that stands still; with KINTSUGI_BLOWS=all each gets all. */
const EVERY_BLOW = process.env['KINTSUGI_BLOWS'] === 'all';

function blowsFor(move: (typeof MOVES)[number]) {
  return EVERY_BLOW ? BLOWS : [BLOWS[MOVES.indexOf(move) % BLOWS.length]!];
}

describe.each(MOVES)('%s', (move) => {
  test.each(blowsFor(move))(
    'after %s, in a world where it is %s, another replica ends what a killed one began',
    async (event, reading) => {
      const before = await picture();
      const plan = await planFor(move);
      const first = begin(plan, 'first', reading);
      await untilWritten(plan, event);
      const laterMs = Math.floor(random.next() * LATER_MS);
      await clock.sleep(laterMs);
      first.child.kill('SIGKILL');
      const outcome = reading === 'good' ? 'healed' : 'unwound';
      expect(await untilEnded(begin(plan, 'second', reading)), `hit ${laterMs} ms after ${event}`).toBe(outcome);
      await expectOneStory(plan, outcome);
      const after = await picture();
      if (outcome === 'unwound') expect(after).toEqual(before);
      else expect(after.places.every(({ incoming, runs }) => incoming === null && runs)).toBe(true);
      expect(after.count).toBe(after.places.length);
    },
    TEST_MS,
  );

  if (!EVERY_BLOW && MOVES.indexOf(move) % 2 === 1) return;
  test(
    'a leader that stands still while another ends its repair does nothing when it wakes up',
    async () => {
      const plan = await planFor(move);
      const first = begin(plan, 'first', 'good');
      await untilWritten(plan, 'intent');
      await clock.sleep(Math.floor(random.next() * LATER_MS));
      first.child.kill('SIGSTOP');
      expect(await untilEnded(begin(plan, 'second', 'good'))).toBe('healed');
      const ended = {
        picture: await picture(),
        journal: await journalOf(plan),
        children: await real.hands.driver.list(),
      };
      first.child.kill('SIGCONT');
      // On a busy machine it may have come to the end before it was stopped: then it has nothing to let go of.
      await until('it has let go, or had ended', () => /^(?:let go|ended) /m.test(first.out()));
      expect(await picture()).toEqual(ended.picture);
      expect(await journalOf(plan)).toEqual(ended.journal);
      expect((await real.hands.driver.list()).map(({ id, state }) => [id, state])).toEqual(
        ended.children.map(({ id, state }) => [id, state]),
      );
      await expectOneStory(plan, 'healed');
      await expectFenced(Number(/leads (\d+)/.exec(first.out())?.[1]));
    },
    TEST_MS,
  );
});

/** The keeper remembers the epoch of the second leader, and takes nothing from the first any more. */
async function expectFenced(epoch: number): Promise<void> {
  const { driver } = real.hands;
  const [running] = await of.running();
  const late = driver.stop(running ?? '', { epoch, signal: 'SIGTERM', killAfterMs: 0, reason: 'late' });
  await expect(late).rejects.toMatchObject({ code: 'keeper.refused' });
}
