import type { World } from './world.ts';

/** So long after something changed the world is looked at very closely, closely, less so. */
const FINE_FOR_MS = 10_000;
const CLOSE_MS = 60_000;
const CALMER_MS = 240_000;
const QUIET_STEP_MS = 60_000;
const CALMER_STEP_MS = 5_000;
const CLOSE_STEP_MS = 1_000;
/** Instances and tenants above which a close look is a second and not a quarter. */
const LARGE_INSTANCES = 60;
const FINE_MS = 250;
const LARGE_FINE_MS = 1_000;

/** How long the next step may be: short while anything changes, long while nothing does. */
export class Rhythm {
  readonly isLarge: boolean;
  /** Something is open that has to be looked at closely: a repair. Set by whoever heals. */
  isBusy: () => boolean = () => false;
  readonly #world: World;
  #stirredAt: number;
  #wasFailing = false;

  constructor(world: World) {
    this.#world = world;
    this.#stirredAt = world.now();
    const instances = [...world.population.all()].length;
    this.isLarge = instances > LARGE_INSTANCES;
  }

  stir(): void {
    this.#stirredAt = this.#world.now();
  }

  /** After a step: what it showed may be worth a closer look. */
  turn(): void {
    const { traffic, population } = this.#world;
    if (traffic.isFailing !== this.#wasFailing || population.isRestless || this.isBusy()) this.stir();
    this.#wasFailing = traffic.isFailing;
  }

  /** Nothing has changed for so long that the longest steps are taken. */
  get isQuiet(): boolean {
    return this.stepMs === QUIET_STEP_MS;
  }

  get stepMs(): number {
    const sinceMs = this.#world.now() - this.#stirredAt;
    const fineMs = this.isLarge ? LARGE_FINE_MS : FINE_MS;
    if (sinceMs < FINE_FOR_MS || this.isBusy()) return fineMs;
    // A large fleet is looked at closely for a shorter time: a second of it costs as much as a minute of a small one.
    if (sinceMs < CLOSE_MS && !this.isLarge) return CLOSE_STEP_MS;
    if (sinceMs < CALMER_MS) return CALMER_STEP_MS;
    return QUIET_STEP_MS;
  }

  /** The end of the next step: never beyond the next thing that is known to happen. */
  nextAt(): number {
    const now = this.#world.now();
    const { stepMs } = this;
    let next = now + stepMs;
    if (stepMs <= CLOSE_STEP_MS) return Math.min(next, this.#nextEvent());
    const { actors, faults, mitigations, poisons } = this.#world;
    const points = [
      ...this.#world.assets().turningPoints(),
      ...this.#world.effects().turningPoints(),
      ...actors.turningPoints(),
      ...faults.turningPoints(),
      ...mitigations.turningPoints(),
      ...poisons.turningPoints(),
    ];
    for (const at of points) if (at > now && at < next) next = at;
    return Math.min(next, this.#nextEvent());
  }

  #nextEvent(): number {
    return Math.max(this.#world.now() + 1, this.#world.happenings.nextAt);
  }
}
