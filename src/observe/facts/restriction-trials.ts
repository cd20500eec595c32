import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { Collector } from '../collector.ts';
import type { Measured } from '../fact.ts';
import { type CanaryCall, CANARY_OWNER, type CanaryRecipe, CanaryCalls } from './canary-calls.ts';
import { type PersonInstance, personTrials } from './person-trials.ts';
import { Unmeasured, value } from './place-collector.ts';

/** How a person is restricted and no longer is, and what may not happen meanwhile. */
export interface RestrictionRecipe extends CanaryRecipe {
  readonly restrict: CanaryCall;
  readonly lift: CanaryCall;
  /** What changes or uses what is stored; it has to be refused. */
  readonly change: readonly CanaryCall[];
}

/** An instance of a workload that says how processing of a person's data is restricted. */
export interface RestrictionInstance extends PersonInstance {
  readonly recipe: RestrictionRecipe;
}

export interface RestrictionTrialsOptions {
  readonly instances: () => readonly RestrictionInstance[];
  readonly clock: Clock;
  readonly random: Random;
}

const TRIAL_MS = 60_000;
/** What is in caches, or done in the background, has this long, either way. */
const SETTLES_WITHIN_MS = 10_000;
const AGAIN_MS = 1_000;
/** Always the same: what a round that was cut off left restricted, the next one lifts. */
const PERSON = 'kintsugi-canary-restricted';

/**
 * A canary person of a canary tenant is stored, restricted, and used (GDPR Art. 18): read by every declared path at every instance,
 * and changed by every declared call. Restricted, no answer may show it and every change is refused; once that is lifted, it is
 * there again and can be changed, so that it was stored all the time, and the restriction was what kept it. True when all of it
 * was so. Proven is that of the declared paths; not of copies, exports and other calls, or of what runs in the background.
 */
export function restrictionTrials({ instances, clock, random }: RestrictionTrialsOptions): Collector {
  return personTrials({
    name: 'restriction-trials',
    fact: 'restriction.honoured',
    what: 'restriction',
    instances,
    trialMs: TRIAL_MS,
    clock,
    run: (here, signal) => new Trial(here, clock, random, signal).run(),
    isFault: (honoured) => honoured !== true,
  });
}

function notHonoured(detail: string): Measured {
  return { kind: 'value', value: false, detail };
}

/** At the instances of one workload in one region. */
class Trial {
  readonly #instances: readonly RestrictionInstance[];
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #calls: readonly CanaryCalls[];

  constructor(instances: readonly RestrictionInstance[], clock: Clock, random: Random, signal: AbortSignal) {
    this.#instances = instances;
    this.#clock = clock;
    this.#signal = signal;
    this.#calls = instances.map((each) => new CanaryCalls(each, { id: PERSON, marker: PERSON }, random, signal));
  }

  async run(): Promise<Measured> {
    const [writer] = this.#calls;
    const [instance] = this.#instances;
    if (!writer || !instance) throw new Unmeasured('no instance serves');
    const { restrict, lift } = instance.recipe;
    // Left by a round that was cut off: it is lifted, and what it kept is taken away.
    await writer.ask(lift);
    await writer.remove();
    try {
      await writer.write();
      const hidden = await this.#reading((shown) => !shown);
      if (hidden.length > 0) throw new Unmeasured(`its owner does not find the canary by ${hidden[0]}`);
      const status = await writer.ask(restrict);
      if (status >= 300) throw new Unmeasured(`it takes no restriction: ${status}`);
      const used = [...(await this.#settled((shown) => shown)), ...(await this.#changing((taken) => taken))];
      const lifted = await writer.ask(lift);
      const gone = await this.#settled((shown) => !shown);
      if (used.length > 0) return notHonoured(`restricted, it was used by ${used.slice(0, 5).join('; ')}`);
      // Where nobody knows the person any more, it was erased.
      if (lifted >= 300 && lifted !== 404) throw new Unmeasured(`the restriction could not be lifted: ${lifted}`);
      if (gone.length > 0) return notHonoured(`once lifted, it was not there by ${gone[0]}`);
      const refused = await this.#changing((taken) => !taken);
      if (refused.length > 0) throw new Unmeasured(`${refused[0]} is refused also without a restriction`);
      return value(true);
    } finally {
      await writer.ask(lift).catch(() => undefined);
      await writer.remove();
    }
  }

  /** Paths by which it is still so after the time that is given. */
  async #settled(isWrong: (shown: boolean) => boolean): Promise<readonly string[]> {
    const endMs = this.#clock.monotonicMs() + SETTLES_WITHIN_MS;
    for (;;) {
      const wrong = await this.#reading(isWrong);
      if (wrong.length === 0 || this.#clock.monotonicMs() >= endMs) return wrong;
      await this.#clock.sleep(AGAIN_MS, this.#signal);
    }
  }

  async #reading(isWrong: (shown: boolean) => boolean): Promise<readonly string[]> {
    const found: string[] = [];
    for (const [index, calls] of this.#calls.entries()) {
      for (const path of calls.recipe.read) {
        const { text } = await calls.read(CANARY_OWNER, path);
        if (isWrong(text.includes(PERSON))) found.push(`${path} of ${this.#instances[index]?.id}`);
      }
    }
    return found;
  }

  async #changing(isWrong: (taken: boolean) => boolean): Promise<readonly string[]> {
    const found: string[] = [];
    for (const [index, calls] of this.#calls.entries()) {
      const { id, recipe } = this.#instances[index]!;
      for (const call of recipe.change) {
        if (isWrong((await calls.ask(call)) < 300)) found.push(`${call.method} ${call.path} of ${id}`);
      }
    }
    return found;
  }
}
