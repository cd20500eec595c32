import type { EventWords } from './words.ts';
import type { World } from './world.ts';

type RestartWords = NonNullable<EventWords['restart']>;

interface Due {
  readonly at: number;
  readonly workload: string;
  readonly region: string;
  readonly ordinal: number;
}

/** People who restart a workload: its processes are told to end, one after another; whoever keeps the fleet fills the slots. */
export class Restarts {
  readonly #world: World;
  #due: readonly Due[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  get nextAt(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#due.map(({ at }) => at));
  }

  begin({ workload, every }: RestartWords, now: number): void {
    const slots = this.#world.workload(workload).slots.map(({ region, ordinal }, i) => {
      return { at: now + i * every, workload, region, ordinal };
    });
    this.#due = [...this.#due, ...slots];
  }

  due(now: number): void {
    const ready = this.#due.filter(({ at }) => at <= now);
    if (ready.length === 0) return;
    this.#due = this.#due.filter(({ at }) => at > now);
    for (const { workload, region, ordinal } of ready) {
      const id = this.#world.workload(workload).slot(region, ordinal)?.instance;
      if (id == null) continue;
      this.#world.population.stop(id);
      this.#world.retire(id);
    }
    this.#world.stir();
  }
}
