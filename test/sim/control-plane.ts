import { planHash } from '../../src/heal/plan-hash.ts';
import type { Incident } from '../../src/heal/memory.ts';
import { SimulatedControl } from './control.ts';
import { DetectionInMemory } from './detection-in-memory.ts';
import { MemoryInMemory } from './memory-in-memory.ts';
import type { EventWords } from './world/words.ts';
import type { World } from './world/world.ts';

type HealerWords = NonNullable<EventWords['healer']>;

const FOR_MS: Readonly<Record<HealerWords['does'], number>> = {
  'kill-leader': 5_000,
  'pause-leader': 30_000,
  'partition-leader': 60_000,
  'database-away': 60_000,
  'kill-all': 10_000,
};
/** A repair that waits for nobody and is this old will not end any more. */
const UNENDED_MS = 1_800_000;

/** A diagnosis that an incident had. */
export interface DiagnosisNote {
  readonly at: number;
  readonly cause: string;
  readonly subject: string;
  readonly summary: string;
}

/** All replicas of the healer, what is done to them, the people who answer them, and what they remember together. */
export class ControlPlane {
  readonly memory: MemoryInMemory;
  readonly faults: { readonly at: number; readonly what: string }[] = [];
  readonly diagnoses = new Map<string, DiagnosisNote[]>();
  readonly #detection = new DetectionInMemory();
  readonly #world: World;
  readonly #seed: number;
  readonly #withoutGuards: readonly string[];
  #replicas: SimulatedControl[] = [];
  #armed: HealerWords[] = [];
  readonly #asked = new Map<string, number>();
  #births = 0;
  #journalled = 0;
  #open: { readonly at: number; readonly repairs: MemoryInMemory['repairs'] } | undefined;

  constructor(world: World, seed: number, withoutGuards: readonly string[]) {
    this.#world = world;
    this.#seed = seed;
    this.#withoutGuards = withoutGuards;
    this.memory = new MemoryInMemory(world.clock);
    const { drilled } = world.scenario.policy;
    for (const [playbook, ageMs] of Object.entries(drilled)) this.memory.drilled.set(playbook, world.startAt - ageMs);
    for (let i = 1; i <= world.scenario.fleet.replicas; i++) this.#replicas.push(this.#bear(`control-${i}`));
    world.onWake = () => this.#wake();
    world.repairOf = (id) => this.memory.repairs.find((each) => each.id === id);
    world.rhythm.isBusy = () => this.#openRepairs().some((each) => !isWaiting(each));
    world.happenings.onHealer = (words) => {
      if (words.upon === undefined) this.#befall(words);
      else this.#armed.push(words);
    };
  }

  /** Before each step of the world: who leads is settled. */
  beat(aheadMs: number): void {
    for (const each of this.#replicas) each.beat(aheadMs);
  }

  /** After each step: what was seen is told, people answer, and what waits for the journal happens. */
  turn(): void {
    const samples = this.#world.observers.take();
    for (const each of this.#replicas) each.hear(samples);
    this.#answer();
    this.#spring();
  }

  end(): void {
    const now = this.#world.now();
    for (const each of this.memory.repairs) {
      const sinceMs = now - each.startedAt;
      if (each.endedAt === null && !isWaiting(each) && sinceMs > UNENDED_MS) {
        this.#world.invariants.unended(each.id, sinceMs, now);
      }
    }
    for (const each of this.#replicas) each.kill();
  }

  #bear(name: string): SimulatedControl {
    const world = this.#world;
    return new SimulatedControl({
      world,
      memory: this.memory,
      detection: this.#detection,
      name,
      seed: this.#seed + 7_919 * ++this.#births,
      withoutGuards: this.#withoutGuards,
      notes: {
        incidents: (incidents) => this.#note(incidents),
        fault: (what) => this.faults.push({ at: world.now() - world.startAt, what }),
      },
    });
  }

  #wake(): void {
    for (const each of this.#replicas) if (each.isLeading) each.wake();
  }

  #note(incidents: readonly Incident[]): void {
    for (const { id, body } of incidents) {
      const { cause, subject, summary } = body.diagnosis;
      const named = `${subject.kind} ${subject.name}`;
      const known = this.diagnoses.get(id) ?? [];
      const last = known.at(-1);
      if (last?.cause === cause && last.subject === named) continue;
      known.push({ at: this.#world.now() - this.#world.startAt, cause, subject: named, summary });
      this.diagnoses.set(id, known);
      this.#world.stir();
    }
  }

  get #leader(): SimulatedControl | undefined {
    return this.#replicas.find((each) => each.isLeading && each.epoch === this.#world.lease.epoch);
  }

  /** What is open, looked up again when anything was written. */
  #openRepairs(): MemoryInMemory['repairs'] {
    const { length } = this.memory.recorded;
    if (this.#open?.at === length) return this.#open.repairs;
    this.#open = { at: length, repairs: this.memory.repairs.filter((each) => each.endedAt === null) };
    return this.#open.repairs;
  }

  #befall(words: HealerWords): void {
    const { clock } = this.#world;
    const forMs = words.for ?? FOR_MS[words.does];
    const leader = this.#leader ?? this.#replicas.find((each) => each.process.isAlive);
    this.#world.stir();
    switch (words.does) {
      case 'kill-leader':
        if (leader) this.#kill([leader], forMs);
        return;
      case 'kill-all':
        this.#kill([...this.#replicas], forMs);
        return;
      case 'pause-leader':
        leader?.process.pause();
        clock.after(forMs, () => leader?.process.resume());
        return;
      case 'partition-leader':
        leader?.process.cut(true);
        clock.after(forMs, () => leader?.process.cut(false));
        return;
      case 'database-away':
        this.memory.isAway = true;
        clock.after(forMs, () => {
          this.memory.isAway = false;
        });
    }
  }

  /** Whoever runs them starts them again, without anything that they had in their heads. */
  #kill(replicas: readonly SimulatedControl[], forMs: number): void {
    for (const each of replicas) each.kill();
    this.#world.clock.after(forMs, () => {
      this.#replicas = this.#replicas.map((each) => (replicas.includes(each) ? this.#bear(each.process.name) : each));
      this.#world.stir();
    });
  }

  /** What was to happen upon an entry of a journal happens once there is one. */
  #spring(): void {
    const { recorded } = this.memory;
    const fresh = recorded.slice(this.#journalled);
    this.#journalled = recorded.length;
    if (this.#armed.length === 0) return;
    for (const { type } of fresh) {
      const sprung = this.#armed.find((each) => type === `repair.${each.upon}`);
      if (!sprung) continue;
      this.#armed = this.#armed.filter((each) => each !== sprung);
      this.#befall(sprung);
    }
  }

  /** People look at what waits for them, and say yes to what they say yes to. */
  #answer(): void {
    const { people } = this.#world.scenario;
    if (people.length === 0) return;
    const leader = this.#leader;
    const epoch = leader?.epoch;
    if (!leader || epoch === undefined || !leader.process.isRunning) return;
    for (const repair of this.#openRepairs()) {
      if (!isWaiting(repair)) continue;
      for (const person of people) {
        const key = `${repair.id} ${person.name}`;
        const since = this.#asked.get(key) ?? this.#world.now();
        this.#asked.set(key, since);
        const moves = repair.plan.steps.map((each) => each.move).filter((each) => each !== 'page');
        const agrees = moves.every((each) => person.approves.includes('any') || person.approves.includes(each));
        const hasSaid = repair.journal.some((each) => each.event === 'approved' && each.data['by'] === person.name);
        if (!agrees || hasSaid || this.#world.now() - since < person.after) continue;
        this.#world.stir();
        const { id } = repair.plan;
        leader.healer.desk
          .approve(id, planHash(repair.plan), person.name, { epoch, signal: leader.leadership() })
          .catch(() => undefined);
      }
    }
  }
}

/** It waits for people: nothing was begun. */
function isWaiting({ plan, journal }: MemoryInMemory['repairs'][number]): boolean {
  if (!plan.needsApproval) return false;
  return !journal.some((each) => each.event === 'intent' || each.event === 'ended');
}
