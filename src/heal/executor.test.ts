import { expect, test } from 'vitest';
import type { Course } from '../../test/crash-matrix/course.ts';
import { Trial } from '../../test/crash-matrix/trial.ts';
import { Replica } from '../../test/sim/calamity.ts';
import { FleetInMemory } from '../../test/sim/fleet-in-memory.ts';
import { MemoryInMemory } from '../../test/sim/memory-in-memory.ts';
import { planOf, stepOf } from '../../test/sim/plans.ts';
import { VirtualClock } from '../../test/sim/virtual-clock.ts';
import { InvariantError } from '../base/assert.ts';
import type { MoveName } from '../resources/playbook.ts';
import { createExecutor, type ExecutorOptions } from './executor.ts';
import type { Move } from './move.ts';
import type { Plan } from './plan.ts';
import type { Reading } from './verification.ts';

// Where a leader may die, and that nothing is done twice or without an intent, is the crash matrix (test/crash-matrix).

/** How a course goes when nobody dies: its end, and the story of it. */
async function go(course: Omit<Course, 'of' | 'what'>) {
  const trial = new Trial({ of: 'test', what: '', ...course });
  const outcome = await trial.toItsEnd();
  const story = trial.journal.map(({ event, moveIndex }) => `${event} ${moveIndex}`).slice(1, -1);
  return { trial, outcome, story, reason: trial.journal.at(-1)?.data['reason'] };
}

test('steps of one rung are verified together, undone in reverse, and the next rung is climbed', async () => {
  const ladder = [['suspend', 'resize'], ['replace']] as const;
  const { outcome, story } = await go({ ladder, readings: ['bad', 'good'], ends: 'healed' });
  expect(outcome).toBe('healed');
  const done = ['intent 0', 'applied 0', 'intent 1', 'applied 1', 'verify-failed 1'];
  const undone = ['undo-intent 1', 'undone 1', 'undo-intent 0', 'undone 0'];
  expect(story).toEqual([...done, ...undone, 'intent 2', 'applied 2', 'verified 2']);
});

test('a step that fails undoes its rung, and steps of it that were not begun are left alone', async () => {
  const fault = { key: 'rep_1:1:apply', name: 'write records/LIMIT1' };
  const { outcome, story } = await go({ ladder: [['suspend', 'resize', 'shed']], fault, ends: 'unwound' });
  expect(outcome).toBe('unwound');
  const done = ['intent 0', 'applied 0', 'intent 1', 'apply-failed 1'];
  expect(story).toEqual([...done, 'undo-intent 1', 'undone 1', 'undo-intent 0', 'undone 0']);
});

test('a setting that somebody else wrote meanwhile is neither overwritten nor put back', async () => {
  const trial = new Trial({ of: 'test', what: '', ladder: [['resize']], ends: 'unwound' });
  trial.fleet.facts.overwrite('records/LIMIT0', 'by hand');
  expect(await trial.toItsEnd()).toBe('unwound');
  expect(trial.journal.find(({ event }) => event === 'apply-failed')?.data['reason']).toMatch(/is at revision 5/);
  expect(trial.fleet.picture().settings['records/LIMIT0']).toBe('by hand');
});

test('an undo that fails ends as stuck with a call for a person, and what came before it stays', async () => {
  const fault = { key: 'rep_1:1:undo', name: 'write records/LIMIT1' };
  const given = { ladder: [['suspend', 'resize']], readings: ['bad'], fault, ends: 'stuck' } as const;
  const { trial, outcome, story, reason } = await go(given);
  expect(outcome).toBe('stuck');
  expect(story.slice(-3)).toEqual(['undo-intent 1', 'undo-failed 1', 'called 1']);
  expect(reason).toBe('resize could not be undone; a person was called');
  expect(trial.fleet.pages).toBe(1);
  expect(trial.fleet.picture().facts['actor job nightly-0']).toBe('stands still');
});

test('what cannot be taken back is kept, and the end says so', async () => {
  const given = { ladder: [['throttle', 'terminate']], readings: ['bad'], irreversible: ['terminate'] } as const;
  const { outcome, story, reason } = await go({ ...given, ends: 'unwound' });
  expect(outcome).toBe('unwound');
  expect(story.slice(-3)).toEqual(['kept 1', 'undo-intent 0', 'undone 0']);
  expect(reason).toMatch(/terminate cannot be taken back and stayed/);
});

test('a call that nobody takes ends as escalated all the same, and what its rung contained stays contained', async () => {
  const fault = { key: 'rep_1:1:apply', name: 'call a person' };
  const { trial, outcome, reason } = await go({ ladder: [['quarantine', 'page']], fault, ends: 'escalated' });
  expect({ outcome, reason }).toEqual({
    outcome: 'escalated',
    reason: 'a person is needed, and no webhook took the call',
  });
  expect(trial.fleet.picture().facts['limit pln_1-quarantine-0 at the gateways']).toBe('in force');
});

test('a cancellation ends a verification at once', async () => {
  const cancel = { say: 'cancelled', by: 'anna', when: 'applied', moveIndex: 0 } as const;
  const { trial, outcome, story, reason } = await go({ ladder: [['throttle']], people: [cancel], ends: 'unwound' });
  expect(outcome).toBe('unwound');
  expect(story).toEqual(['intent 0', 'applied 0', 'cancelled 0', 'undo-intent 0', 'undone 0']);
  expect(reason).toBe('cancelled by anna: as a person sees it');
  expect(trial.clock.monotonicMs()).toBe(0);
});

class Bench {
  readonly clock = new VirtualClock();
  readonly memory = new MemoryInMemory(this.clock);
  readonly fleet = new FleetInMemory(this.clock);
  readonly replica = new Replica(1);
  readonly plan: Plan;
  reading: Reading = 'good';
  readonly options: ExecutorOptions;

  constructor(moves: readonly Move[], plan: Partial<Plan> = {}) {
    this.plan = planOf({ steps: [stepOf({ move: 'throttle', input: { id: 'x' } })], ...plan });
    this.options = {
      moves: new Map(moves.map((move): [MoveName, Move] => [move.name, move])),
      fleet: this.fleet.handsOf(this.replica),
      store: this.memory.of(this.replica),
      clock: this.clock,
      signalOf: () => ({ read: () => this.reading }),
      rejudge: async () => [],
    };
  }

  async begin() {
    await this.memory.of(this.replica).beginRepair('rep_1', this.plan, []);
    const executor = createExecutor(this.options);
    return { executor, run: executor.run('rep_1', this.plan, 1, this.replica.signal) };
  }
}

const quick: Move = { name: 'throttle', deadlineMs: 500, apply: async () => ({}), undo: async () => undefined };

test('a move that hangs ends at its deadline and is undone', async () => {
  const undone: string[] = [];
  const bench = new Bench([
    {
      ...quick,
      apply: (_input, { signal }) => bench.clock.sleep(60_000, signal).then(() => ({})),
      undo: async (_input, { key }) => void undone.push(key),
    },
  ]);
  const { run } = await bench.begin();
  expect(await bench.clock.drive(run)).toBe('unwound');
  expect(undone).toEqual(['rep_1:0:undo']);
  expect(bench.clock.monotonicMs()).toBe(500);
});

test('a plan that waits for people is not begun, and goes on when they have spoken', async () => {
  const bench = new Bench([quick], { needsApproval: true });
  const { run, executor } = await bench.begin();
  expect(await bench.clock.drive(run)).toBeUndefined();
  const { memory, plan, replica } = bench;
  await memory.of(replica).append('rep_1', plan, { moveIndex: 0, event: 'approved', data: { by: 'anna' } });
  expect(await bench.clock.drive(executor.run('rep_1', plan, 1, replica.signal))).toBe('healed');
});

test('being woken for nothing does not shorten the soak', async () => {
  const bench = new Bench([quick]);
  const { run, executor } = await bench.begin();
  bench.clock.after(1_000, () => executor.wake('rep_1'));
  expect(await bench.clock.drive(run)).toBe('healed');
  expect(bench.clock.monotonicMs()).toBe(3_000);
});

test('a broken invariant ends the run and leaves the repair as it stands', async () => {
  const bench = new Bench([]);
  const { run } = await bench.begin();
  await expect(run).rejects.toThrow(InvariantError);
  expect(bench.memory.repairs[0]?.endedAt).toBeNull();
});

test('a fault of the healer itself counts for nothing: the repair stays as it is until the healer can go on', async () => {
  const bench = new Bench([quick]);
  const { run } = await bench.begin();
  bench.clock.after(100, () => {
    bench.memory.isAway = true;
  });
  expect(await bench.clock.drive(run)).toBeUndefined();
  expect(bench.memory.repairs[0]?.journal.map(({ event }) => event)).toEqual(['opened', 'intent', 'applied']);
});

test('what began under an earlier epoch writes nothing when the same process leads once more', async () => {
  const end = new AbortController();
  const loses: Move['apply'] = async () => {
    end.abort();
    return {};
  };
  const bench = new Bench([{ ...quick, apply: loses }]);
  await bench.memory.of(bench.replica).beginRepair('rep_1', bench.plan, []);
  const run = createExecutor(bench.options).run('rep_1', bench.plan, 1, end.signal);
  expect(await bench.clock.drive(run)).toBeUndefined();
  expect(bench.memory.repairs[0]?.journal.map(({ event }) => event)).toEqual(['opened', 'intent']);
});

test('of two replacements that run together, a failed one is not undone before the other has ended', async () => {
  const trial = new Trial({
    of: 'rollback',
    what: '',
    ladder: [['rollback']],
    neverReady: ['eu/0:new'],
    ends: 'unwound',
  });
  const order: string[] = [];
  const noted = trial.fleet.onEffect;
  trial.fleet.onEffect = (key, name, epoch) => {
    order.push(`${key} ${name}`);
    noted(key, name, epoch);
  };
  expect(await trial.toItsEnd()).toBe('unwound');
  const lastOfApply = order.findLastIndex((each) => each.startsWith('rep_1:0:apply'));
  const firstOfUndo = order.findIndex((each) => each.startsWith('rep_1:0:undo'));
  expect(order.slice(0, lastOfApply).some((each) => each.includes('eu/1:new'))).toBe(true);
  expect(firstOfUndo).toBeGreaterThan(lastOfApply);
});

/** Whether the tenant of the first step is kept out, at each effect of a repair and at its end. */
async function keptOut(course: Omit<Course, 'of' | 'what' | 'ladder' | 'leak'>) {
  const trial = new Trial({ of: 'test', what: '', ladder: [['quarantine', 'reenable']], leak: true, ...course });
  const isHeld = () => trial.fleet.picture().facts['limit pln_1-quarantine-0 at the gateways'] === 'in force';
  const seen: boolean[] = [];
  const noted = trial.fleet.onEffect;
  trial.fleet.onEffect = (key, name, epoch) => {
    seen.push(isHeld());
    noted(key, name, epoch);
  };
  await trial.toItsEnd();
  return { seen: [...seen, isHeld()], trial, reason: trial.journal.at(-1)?.data['reason'] };
}

test('what holds a leak stands when its rung goes back, and what else the rung did is undone', async () => {
  const { seen, trial, reason } = await keptOut({ readings: ['bad'], ends: 'unwound' });
  // The first effect is the limit itself, and no later one takes it away.
  expect(seen.length).toBeGreaterThan(4);
  expect(seen.lastIndexOf(false)).toBe(0);
  expect(trial.fleet.picture().settings['records/PROTECTION1']).toBe('off');
  expect(reason).toBe('no rung of the ladder held; quarantine stands until it is measured that nothing leaks');
});

test('what holds a leak stands when a guard denies the step after it, and goes when a person cancels', async () => {
  expect((await keptOut({ denied: [1], ends: 'unwound' })).seen.at(-1)).toBe(true);
  const cancel = { say: 'cancelled', by: 'anna', when: 'applied', moveIndex: 1 } as const;
  expect((await keptOut({ people: [cancel], ends: 'unwound' })).seen.at(-1)).toBe(false);
});
