import { describe, expect, test } from 'vitest';
import { type Moment, Replica } from '../../test/sim/calamity.ts';
import { FleetInMemory, type Picture } from '../../test/sim/fleet-in-memory.ts';
import { JournalInMemory } from '../../test/sim/journal-in-memory.ts';
import { VirtualClock } from '../../test/sim/virtual-clock.ts';
import { InvariantError } from '../base/assert.ts';
import type { JsonObject } from '../base/json.ts';
import type { MoveName } from '../resources/playbook.ts';
import { createExecutor, type ExecutorOptions } from './executor.ts';
import type { Move } from './move.ts';
import { quarantine, throttle } from './moves/limit-traffic.ts';
import { page } from './moves/page.ts';
import { replace, restart } from './moves/replace.ts';
import { revert, rollback } from './moves/rollback.ts';
import { scale } from './moves/scale.ts';
import { NOTHING_TOUCHED, type Outcome, type Plan, type Step } from './plan.ts';
import type { Reading } from './verification.ts';

const MOVES: ReadonlyMap<MoveName, Move> = new Map(
  [replace, restart, rollback, revert, throttle, quarantine, scale, page].map((move) => [move.name, move]),
);

const PLACES = [0, 1, 2].map((ordinal) => ({
  region: 'eu',
  ordinal,
  oldInstance: `${ordinal}:old`,
  newInstance: `${ordinal}:new`,
}));
const one = (inPlace: boolean) => ({ ...PLACES[0]!, workload: 'records', version: 2, oldVersion: 2, inPlace });
const back = { workload: 'records', from: 2, to: 1, oldPhase: 'canary', inPlace: false, slots: PLACES };
const limit = { tenant: 'shop', requestsPerSecond: 5, concurrency: 2, minutes: 10 };

const INPUTS: Readonly<Partial<Record<MoveName, JsonObject>>> = {
  replace: one(false),
  restart: one(true),
  rollback: back,
  revert: { ...back, inPlace: true },
  throttle: { ...limit, id: 'pln_1-throttle', kind: 'throttle' },
  quarantine: { ...limit, id: 'pln_1-quarantine', kind: 'quarantine' },
  scale: { workload: 'records', regions: ['eu'], by: 1, key: 'pln_1' },
  page: { incident: 'inc_1', summary: 'it is broken' },
};

function step(move: MoveName, rung: number): Step {
  const said = { effect: move, undo: `no ${move}` };
  return { move, rung, input: INPUTS[move] ?? {}, touch: NOTHING_TOUCHED, ...said, soakMs: 100, verifyWithinMs: 200 };
}

function planOf(moves: readonly MoveName[]): Plan {
  const made = {
    id: 'pln_1',
    incident: 'inc_1',
    playbook: 'p',
    summary: '',
    target: 'slot records/eu/0',
    verdicts: [],
  };
  const life = { workload: 'records', revision: 1, madeAt: 0, expiresAt: 60_000, needsApproval: false };
  return { kind: 'plan', cause: 'instance-died', ...made, ...life, steps: moves.map(step) };
}

/** What a world is like in which a ladder is climbed. */
interface Course {
  readonly ladder: readonly MoveName[];
  readonly readings?: readonly Reading[];
  readonly faults?: FleetInMemory['faults'];
  /** Steps that a guard denies at the last moment. */
  readonly denied?: readonly number[];
  /** The second leader may begin nothing. */
  readonly deniedToSuccessor?: boolean;
  readonly ends: Outcome;
}

const COURSES: readonly Course[] = [
  ...(['replace', 'restart', 'rollback', 'revert', 'throttle', 'quarantine', 'scale'] as const).flatMap(
    (move): Course[] => [
      { ladder: [move], ends: 'healed' },
      { ladder: [move], readings: ['bad'], ends: 'unwound' },
      { ladder: [move], readings: ['none'], ends: 'unwound' },
      { ladder: [move, 'page'], readings: ['bad'], ends: 'escalated' },
      { ladder: [move], denied: [0], ends: 'refused' },
    ],
  ),
  { ladder: ['page'], ends: 'escalated' },
  { ladder: ['page'], faults: { page: true }, ends: 'unwound' },
  { ladder: ['throttle', 'quarantine'], readings: ['bad', 'good'], ends: 'healed' },
  { ladder: ['throttle', 'quarantine'], readings: ['bad', 'bad'], ends: 'unwound' },
  { ladder: ['throttle', 'quarantine'], readings: ['none', 'good'], denied: [1], ends: 'unwound' },
  { ladder: ['throttle', 'page'], readings: ['bad'], faults: { lift: true }, ends: 'stuck' },
  { ladder: ['replace', 'page'], faults: { start: ['0:new'] }, ends: 'escalated' },
  { ladder: ['replace'], faults: { start: ['0:new'] }, ends: 'unwound' },
  { ladder: ['replace'], faults: { start: ['0:new'], stopOf: '0:new' }, ends: 'stuck' },
  { ladder: ['rollback', 'page'], faults: { start: ['1:new'] }, ends: 'escalated' },
  { ladder: ['rollback'], faults: { start: ['2:new'] }, ends: 'unwound' },
  { ladder: ['restart', 'page'], faults: { start: ['0:new'] }, ends: 'escalated' },
  { ladder: ['revert', 'page'], faults: { start: ['0:new', '1:new'] }, ends: 'escalated' },
  { ladder: ['scale', 'replace'], readings: ['bad', 'good'], ends: 'healed' },
];

function nameOf({ ladder, readings, faults, denied, ends }: Course): string {
  const what = [readings?.join(' then '), faults && JSON.stringify(faults), denied && `step ${denied.join()} denied`];
  return `${ladder.join(' then ')} (${what.filter(Boolean).join(', ') || 'good'}) ends ${ends}`;
}

class Trial {
  readonly clock = new VirtualClock();
  readonly journal = new JournalInMemory();
  readonly fleet = new FleetInMemory(this.clock, { 0: '0:old', 1: '1:old', 2: '2:old' });
  readonly before: Picture;
  readonly plan: Plan;
  /** Keys of effects that had no intent of theirs at the end of the journal. */
  readonly strays: string[] = [];
  readonly #course: Course;
  #epoch = 0;

  constructor(course: Course) {
    this.#course = course;
    this.plan = planOf(course.ladder);
    this.fleet.faults = course.faults ?? {};
    this.before = this.fleet.picture();
    this.fleet.onEffect = (key) => {
      const last = this.journal.entries.at(-1);
      const verb = last?.event === 'undo-intent' ? 'undo' : last?.event === 'intent' ? 'apply' : 'nothing';
      if (key !== `rep_1:${last?.moveIndex}:${verb}`) this.strays.push(key);
    };
  }

  /** A new leader runs the repair as far as it comes. */
  async lead(end?: Moment): Promise<{ outcome: Outcome | undefined; replica: Replica }> {
    const replica = new Replica(++this.#epoch, end);
    this.journal.epoch = replica.epoch;
    const options: ExecutorOptions = {
      moves: MOVES,
      fleet: this.fleet.handsOf(replica),
      store: this.journal.storeOf(replica),
      clock: this.clock,
      signalOf: (plan, at) => () => this.#course.readings?.[plan.steps.indexOf(at)] ?? 'good',
      rejudge: async (_plan, moveIndex) => {
        const { denied, deniedToSuccessor } = this.#course;
        const no = denied?.includes(moveIndex) || (deniedToSuccessor && replica.epoch > 1);
        return no ? [{ guard: 'regulation', kind: 'deny', reason: 'not lawful', remedy: '' }] : [];
      },
    };
    const run = createExecutor(options).run('rep_1', this.plan, replica.epoch, replica.signal);
    return { outcome: await this.clock.drive(run), replica };
  }
}

/** What must hold of a repair that has ended, whatever happened on the way. */
function check(trial: Trial, outcome: Outcome | undefined): void {
  expect(trial.strays, 'an effect has its intent before it').toEqual([]);
  expect(trial.journal.outcomes, 'a repair ends once').toEqual([outcome]);
  const events = trial.journal.entries.map(({ event }) => event);
  expect(events.includes('undo-failed')).toBe(outcome === 'stuck');
  const after = trial.fleet.picture();
  if (outcome === 'stuck') return;
  for (const [name, slot] of Object.entries(after.slots)) {
    expect(slot.incoming, 'nobody is left on the way').toBeNull();
    const here = after.running.filter((id) => id.startsWith(`${name}:`));
    const stoppedInPlace = slot.instance === `${name}:old` && here.length === 0;
    if (!stoppedInPlace) expect(here, 'who has the slot runs, and nobody else').toEqual([slot.instance]);
  }
  if (outcome === 'refused') expect(after).toEqual(trial.before);
  if (outcome === 'unwound' || outcome === 'escalated') {
    const { target, scale, mitigations } = after;
    expect({ target, scale, mitigations }).toEqual({ target: trial.before.target, scale: {}, mitigations: [] });
    // A successor that took its slot stays there; nothing else may be left of what was tried.
    const tookASlot = Object.values(after.slots).some(({ instance }) => instance?.endsWith(':new'));
    const gaveUpASlot = trial.plan.steps.some(({ input }) => input['inPlace'] === true);
    if (!tookASlot && !gaveUpASlot) expect(after).toEqual(trial.before);
  }
  if (outcome === 'escalated') expect(trial.fleet.pages).toBeGreaterThan(0);
}

describe.each(COURSES.map((course) => [nameOf(course), course] as const))('%s', (_name, course) => {
  test('when nobody dies', async () => {
    const trial = new Trial(course);
    const { outcome } = await trial.lead();
    expect(outcome).toBe(course.ends);
    check(trial, outcome);
    expect(trial.fleet.pages).toBe(outcome === 'escalated' ? 1 : 0);
  });

  test('wherever the leader dies or is deposed', async () => {
    const { replica } = await new Trial(course).lead();
    expect(replica.acts).toBeGreaterThan(0);
    for (let nth = 1; nth <= replica.acts; nth++) {
      for (const when of ['before', 'after'] as const) {
        for (const how of ['killed', 'deposed'] as const) {
          const trial = new Trial(course);
          const first = await trial.lead({ nth, when, how });
          // One that only heard that it was deposed may find that it was not, and end what it began.
          if (how === 'killed') expect(first.outcome, `${when} act ${nth}`).toBeUndefined();
          const outcome = first.outcome ?? (await trial.lead()).outcome;
          expect(outcome, `${when} act ${nth}, ${how}`).toBe(course.ends);
          check(trial, outcome);
        }
      }
    }
  });
});

test('three leaders in a row die at every pair of points and the fourth still ends it', async () => {
  const course: Course = { ladder: ['replace', 'page'], readings: ['bad'], ends: 'escalated' };
  const { replica } = await new Trial(course).lead();
  for (let i = 1; i <= replica.acts; i++) {
    for (let j = 1; j <= replica.acts; j++) {
      const trial = new Trial(course);
      await trial.lead({ nth: i, when: 'after', how: 'killed' });
      const second = await trial.lead({ nth: j, when: 'before', how: 'killed' });
      const third = second.outcome ?? (await trial.lead({ nth: 2, when: 'after', how: 'deposed' })).outcome;
      const outcome = third ?? (await trial.lead()).outcome;
      expect(outcome).toBe('escalated');
      check(trial, outcome);
    }
  }
});

test('a move that has begun is not judged again: refused now, it would stay half done', async () => {
  const course: Course = { ladder: ['rollback'], deniedToSuccessor: true, ends: 'healed' };
  const { replica } = await new Trial(course).lead();
  for (let nth = 1; nth <= replica.acts; nth++) {
    const trial = new Trial(course);
    await trial.lead({ nth, when: 'before', how: 'killed' });
    const begun = trial.journal.entries.length > 0;
    const { outcome } = await trial.lead();
    expect(outcome).toBe(begun ? 'healed' : 'refused');
    check(trial, outcome);
  }
});

test('a plan that waits for a person is not begun', async () => {
  const trial = new Trial({ ladder: ['replace'], ends: 'healed' });
  Object.assign(trial.plan, { needsApproval: true });
  expect((await trial.lead()).outcome).toBeUndefined();
  expect(trial.journal.entries).toEqual([]);
  expect(trial.fleet.picture()).toEqual(trial.before);
});

test('a move that hangs ends at its deadline and is undone', async () => {
  const trial = new Trial({ ladder: ['throttle'], ends: 'unwound' });
  const undone: string[] = [];
  const hangs: Move = {
    name: 'throttle',
    deadlineMs: 500,
    apply: (_input, { signal }) => trial.clock.sleep(60_000, signal).then(() => ({})),
    undo: async (_input, { key }) => void undone.push(key),
  };
  const replica = new Replica(1);
  const executor = createExecutor({
    moves: new Map([['throttle', hangs]]),
    fleet: trial.fleet.handsOf(replica),
    store: trial.journal.storeOf(replica),
    clock: trial.clock,
    signalOf: () => () => 'good',
    rejudge: async () => [],
  });
  expect(await trial.clock.drive(executor.run('rep_1', trial.plan, 1, replica.signal))).toBe('unwound');
  expect(undone).toEqual(['rep_1:0:undo']);
  expect(trial.clock.monotonicMs()).toBe(500);
});

test('a broken invariant ends the run and leaves the repair as it stands', async () => {
  const trial = new Trial({ ladder: ['throttle'], ends: 'healed' });
  const replica = new Replica(1);
  const executor = createExecutor({
    moves: new Map(),
    fleet: trial.fleet.handsOf(replica),
    store: trial.journal.storeOf(replica),
    clock: trial.clock,
    signalOf: () => () => 'good',
    rejudge: async () => [],
  });
  await expect(executor.run('rep_1', trial.plan, 1, replica.signal)).rejects.toThrow(InvariantError);
  expect(trial.journal.outcomes).toEqual([]);
});

test('of two replacements that run together, a failed one is not undone before the other has ended', async () => {
  const trial = new Trial({ ladder: ['rollback'], ends: 'unwound' });
  const ends: string[] = [];
  const replica = new Replica(1);
  const hands = trial.fleet.handsOf(replica);
  const fleet = {
    ...hands,
    replace: async (order: Parameters<typeof hands.replace>[0], context: Parameters<typeof hands.replace>[1]) => {
      if (order.ordinal === 0) throw new Error('the first fails at once');
      await hands.replace(order, context).finally(() => ends.push(order.newInstance));
    },
    undoReplace: async (order: Parameters<typeof hands.undoReplace>[0]) => void ends.push(`undo ${order.newInstance}`),
  };
  const store = trial.journal.storeOf(replica);
  const options = { moves: MOVES, fleet, store, clock: trial.clock, rejudge: async () => [] };
  const executor = createExecutor({ ...options, signalOf: () => () => 'good' });
  await trial.clock.drive(executor.run('rep_1', trial.plan, 1, replica.signal));
  expect(ends[0]).toBe('1:new');
});
