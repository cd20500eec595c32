import { KinError } from '../../src/base/errors.ts';
import { MOVES } from '../../src/builtin.ts';
import { bucketOf } from '../../src/heal/budgets.ts';
import { createExecutor, type Executor } from '../../src/heal/executor.ts';
import type { JournalEntry } from '../../src/heal/journal.ts';
import type { Memory } from '../../src/heal/memory.ts';
import type { Outcome, Plan } from '../../src/heal/plan.ts';
import { type Moment, Replica } from '../sim/calamity.ts';
import { FleetInMemory, type Picture } from '../sim/fleet-in-memory.ts';
import { MemoryInMemory } from '../sim/memory-in-memory.ts';
import { VirtualClock } from '../sim/virtual-clock.ts';
import { type Course, planOf, READ_AT_START, REGION, surroundingsOf } from './course.ts';

const REPAIR = 'rep_1';
const SCOPES = ['global', 'workload records'];
/** After this time a token that was taken is there again. */
const REFILL_MS = 1_000 / bucketOf('workload records').refillPerSecond;

/** One repair in a small world, under as many leaders as it takes. */
export class Trial {
  readonly clock = new VirtualClock();
  readonly memory = new MemoryInMemory(this.clock);
  readonly fleet = new FleetInMemory(this.clock);
  readonly plan: Plan;
  readonly before: Picture;
  /** What was done that may never be done, in words. */
  readonly wrongs: string[] = [];
  /** Names of the effects that were made, by key. */
  readonly effects = new Map<string, string[]>();
  readonly #course: Course;
  readonly #said = new Set<number>();
  #epoch = 0;
  #tokensBefore = 0;
  #begunAt = 0;

  constructor(course: Course) {
    this.#course = course;
    const { plan, slots, settings, facts } = settingOf(course);
    this.plan = plan;
    const old = course.old ?? 'ready';
    for (const [setting, value] of Object.entries(settings)) this.fleet.facts.declare(setting, value, 4);
    if (course.rereads) this.fleet.slots.reads = () => `with ${this.fleet.facts.values()[READ_AT_START]}`;
    for (const name of slots) {
      this.fleet.slots.add(name, `${name}:old`, 2, old === 'ready');
      if (old === 'gone') this.fleet.slots.running.delete(`${name}:old`);
    }
    this.fleet.declared = { [REGION]: slots.length };
    for (const [name, value] of Object.entries(facts)) this.fleet.facts.facts.set(name, value);
    this.fleet.slots.neverReady = course.neverReady ?? [];
    this.before = this.fleet.picture();
    this.fleet.onEffect = (key, name, epoch) => this.#onEffect(key, name, epoch);
    this.fleet.faultOf = (key, name) =>
      course.fault?.key === key && course.fault.name === name
        ? new KinError('resource.unknown', `${name} does not work`)
        : undefined;
  }

  get journal(): readonly JournalEntry[] {
    return this.memory.repairs[0]?.journal ?? [];
  }

  /** A new leader goes on with the repair as far as it comes. */
  async lead(end?: Moment): Promise<{ outcome: Outcome | undefined; replica: Replica }> {
    const { replica, run } = this.start(end);
    return { outcome: await this.clock.drive(run), replica };
  }

  /** As `lead`, without waiting. */
  start(end?: Moment): { replica: Replica; run: Promise<Outcome | undefined> } {
    const replica = new Replica(++this.#epoch, end);
    this.memory.epoch = replica.epoch;
    return { replica, run: this.#run(replica) };
  }

  /** Leaders follow each other until it has ended. */
  async toItsEnd(ends: readonly Moment[] = []): Promise<Outcome | undefined> {
    for (let i = 0; i < ends.length + 4; i++) {
      const { outcome } = await this.lead(ends[i]);
      if (outcome !== undefined) return outcome;
    }
    return undefined;
  }

  /** Everything that is wrong with how it ended. Empty when nothing is. */
  holes(outcome: Outcome | undefined, undisturbed?: Picture): readonly string[] {
    const after = this.fleet.picture();
    const ended = this.journal.filter((entry) => entry.event === 'ended').length;
    const holes = [...this.wrongs];
    const say = (isWrong: boolean, what: string) => void (isWrong && holes.push(what));
    say(outcome !== this.#course.ends, `it ended ${outcome ?? 'not at all'}, and not ${this.#course.ends}`);
    say(ended !== 1, `it ended ${ended} times`);
    say(this.memory.repairs[0]?.outcome !== outcome, 'the memory holds another outcome');
    holes.push(...this.#lawHoles());
    say(!this.#isUndoneBackwards(), 'steps of a rung were undone in the order in which they were made');
    const isKept = this.journal.some((entry) => entry.event === 'kept');
    const isUndone = outcome === 'refused' || (outcome === 'unwound' && !isKept);
    if (outcome !== 'stuck') holes.push(...this.fleet.disorder());
    if (isUndone) holes.push(...differences(this.before, after));
    if (undisturbed && outcome !== 'stuck') holes.push(...differences(undisturbed, after));
    return holes;
  }

  /** What must hold of budgets and of the lock on the target. */
  #lawHoles(): readonly string[] {
    const passedMs = this.clock.now() - this.#begunAt;
    const left = this.memory.tokens('workload records');
    const isSpentOnce = left >= this.#tokensBefore - 1 && (passedMs >= REFILL_MS || left < this.#tokensBefore);
    return isSpentOnce ? [] : [`of ${this.#tokensBefore} tokens ${left} are left`];
  }

  #isUndoneBackwards(): boolean {
    const undone = this.journal.filter(({ event }) => event === 'undo-intent' || event === 'kept');
    const steps = undone.map(({ moveIndex }) => ({ moveIndex, ...this.plan.steps[moveIndex] }));
    // What reads a setting anew comes after the setting.
    const rank = (i: number) => (steps[i]?.moveIndex ?? 0) - (steps[i]?.input?.['rereads'] === undefined ? 0 : 1_000);
    return steps.every(({ rung }, i) => i === 0 || steps[i - 1]?.rung !== rung || rank(i) < rank(i - 1));
  }

  async #run(replica: Replica): Promise<Outcome | undefined> {
    const memory = this.memory.of(replica);
    const executor: Executor = createExecutor({
      moves: MOVES,
      fleet: this.fleet.handsOf(replica),
      store: this.#listening(memory, replica, () => executor.wake(REPAIR)),
      clock: this.clock,
      signalOf: (_plan, steps) => ({
        read: () => this.#course.readings?.[steps[0]?.rung ?? 0] ?? 'good',
        onChange: () => () => undefined,
      }),
      rejudge: async (_plan, moveIndex) =>
        this.#course.denied?.includes(moveIndex)
          ? [{ guard: 'regulation', kind: 'deny', reason: 'not lawful', remedy: '' }]
          : [],
    });
    try {
      await this.#open(memory);
    } catch {
      return undefined;
    }
    this.#listen();
    return executor.run(REPAIR, this.plan, replica.epoch, replica.signal);
  }

  /** The first leader opens the repair. While it is open nobody else gets its target. */
  async #open(memory: Memory): Promise<void> {
    const [repair] = this.memory.repairs;
    if (!repair) {
      this.#tokensBefore = this.memory.tokens('workload records');
      this.#begunAt = this.clock.now();
      await memory.beginRepair(REPAIR, this.plan, SCOPES);
      return;
    }
    if (repair.endedAt !== null) return;
    const rival = this.memory.of(new Replica(this.memory.epoch));
    const got = await rival.beginRepair('rep_2', this.plan, []).catch(() => undefined);
    if (got !== undefined) this.wrongs.push('another repair got the target');
  }

  #listening(memory: Memory, replica: Replica, wake: () => void): Memory {
    return {
      ...memory,
      append: async (repair, plan, entry) => {
        const written = await memory.append(repair, plan, entry);
        if (this.#listen() && replica.epoch === this.memory.epoch) wake();
        return written;
      },
    };
  }

  /** People speak as soon as there is what they wait for, whoever leads. */
  #listen(): boolean {
    const due = (this.#course.people ?? []).filter(
      ({ when, moveIndex }, i) =>
        !this.#said.has(i) && this.journal.some((entry) => entry.event === when && entry.moveIndex === moveIndex),
    );
    for (const saying of due) {
      this.#said.add((this.#course.people ?? []).indexOf(saying));
      const people = this.memory.of(new Replica(this.memory.epoch));
      const data = { by: saying.by, reason: 'as a person sees it' };
      void people.append(REPAIR, this.plan, { moveIndex: 0, event: saying.say, data });
    }
    return due.length > 0;
  }

  #onEffect(key: string, name: string, epoch: number): void {
    if (epoch < this.memory.epoch) this.wrongs.push(`a former leader made ${name}`);
    const made = this.effects.get(key) ?? [];
    if (made.includes(name)) this.wrongs.push(`${name} was made twice under ${key}`);
    this.effects.set(key, [...made, name]);
    if (!this.#isIntended(key)) this.wrongs.push(`${name} was made under ${key} without an intent`);
  }

  #isIntended(key: string): boolean {
    const last = this.journal.findLast((entry) => entry.event in VERBS);
    if (!last) return false;
    const verb = VERBS[last.event as keyof typeof VERBS];
    return key === (verb === 'stuck' ? `${REPAIR}:stuck` : `${REPAIR}:${last.moveIndex}:${verb}`);
  }
}

/** Where a course takes place; the same for each of its many trials. */
const settings = new WeakMap<Course, ReturnType<typeof surroundingsOf> & { readonly plan: Plan }>();

function settingOf(course: Course) {
  const known = settings.get(course);
  if (known) return known;
  const made = { plan: planOf(course), ...surroundingsOf(course) };
  settings.set(course, made);
  return made;
}

/** What the last entry about a step allows to be done. */
const VERBS = {
  intent: 'apply',
  applied: 'nothing',
  'apply-failed': 'nothing',
  verified: 'nothing',
  'verify-failed': 'nothing',
  'undo-intent': 'undo',
  undone: 'nothing',
  'undo-failed': 'stuck',
  kept: 'nothing',
  called: 'nothing',
  ended: 'nothing',
} as const;

/** Where two pictures differ. A slot in which more works than before, of the same version and settings, is as before. */
function differences(wanted: Picture, found: Picture): readonly string[] {
  const { slots: wantedSlots, ...wantedRest } = wanted;
  const { slots: foundSlots, ...foundRest } = found;
  const parts = Object.keys(wantedRest) as (keyof typeof wantedRest)[];
  const names = new Set([...Object.keys(wantedSlots), ...Object.keys(foundSlots)]);
  return [
    ...parts
      .filter((part) => JSON.stringify(wantedRest[part]) !== JSON.stringify(foundRest[part]))
      .map((part) => `${part}: ${JSON.stringify(foundRest[part])} and not ${JSON.stringify(wantedRest[part])}`),
    ...[...names]
      .filter((name) => !isAsGood(wantedSlots[name], foundSlots[name]))
      .map((name) => `slot ${name}: ${foundSlots[name]} and not ${wantedSlots[name]}`),
  ];
}

const RANKS = ['nobody runs', 'runs', 'serves'];

function isAsGood(wanted: string | undefined, found: string | undefined): boolean {
  if (wanted === undefined || found === undefined) return wanted === found;
  const rank = (text: string) => RANKS.findIndex((word) => text.endsWith(word));
  const read = (text: string) => / with (\w+) /.exec(text)?.[1];
  if (rank(wanted) > 0 && read(wanted) !== read(found)) return false;
  return wanted.split(':')[0] === found.split(':')[0] && rank(found) >= rank(wanted);
}
