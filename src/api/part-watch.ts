import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Parts, PartsView } from '../drivers/parts.ts';
import type { World } from '../drivers/world.ts';
import type { Sample } from '../observe/sample.ts';

const LOOK_MS = 1_000;
const LOOK_TIMEOUT_MS = 5_000;

export interface PartWatchOptions {
  readonly parts: readonly Parts[];
  readonly world: World;
  readonly clock: Clock;
  readonly log: Log;
  /** Hears of every measurement, in the order of the parts. */
  readonly onSample: (sample: Sample) => void;
}

/** Looks at everything that is not an instance, again and again, and tells the loop what was measured. */
export class PartWatch {
  readonly #options: PartWatchOptions;
  #stop: () => void = () => undefined;

  constructor(options: PartWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stop = this.#options.clock.every(LOOK_MS, () => this.look());
  }

  /** One look at all of them. What cannot be looked at is left out: no data, not health. */
  async look(): Promise<void> {
    const { parts, world, clock, log, onSample } = this.#options;
    const views = await Promise.all(
      parts.map((part) =>
        part.look(clock.deadline(LOOK_TIMEOUT_MS)).catch((error: unknown): undefined => {
          log.debug({ part: part.name, reason: describeError(error) }, 'cannot look');
          return undefined;
        }),
      ),
    );
    const seen = views.filter((view): view is PartsView => view !== undefined);
    world.parts = {
      settings: seen.flatMap((view) => view.settings),
      assets: seen.flatMap((view) => view.assets),
      actors: seen.flatMap((view) => view.actors),
    };
    for (const sample of seen.flatMap((view) => view.samples)) onSample(sample);
  }

  async close(): Promise<void> {
    this.#stop();
    await Promise.all(this.#options.parts.map((part) => part.close()));
  }
}
