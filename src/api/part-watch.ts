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
  /** Hears of settings whose value is another than at the last look: what was measured of them may be so no longer. */
  readonly onChange: (settings: readonly string[]) => void;
}

/** Looks at everything that is not an instance, again and again, and tells the loop what was measured. */
export class PartWatch {
  readonly #options: PartWatchOptions;
  #stop: () => void = () => undefined;
  #values: ReadonlyMap<string, string | null> = new Map();

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
    for (const { samples, levels = [] } of seen) for (const sample of [...samples, ...levels]) onSample(sample);
    this.#tellChanges();
  }

  /** The first look at a setting is no change. */
  #tellChanges(): void {
    const { world, onChange } = this.#options;
    const before = this.#values;
    this.#values = new Map(world.parts.settings.map(({ id, value }) => [id, value]));
    const isFirst = before.size === 0;
    const changed = [...this.#values].filter(([id, value]) => (before.get(id) ?? null) !== value).map(([id]) => id);
    if (!isFirst && changed.length > 0) onChange(changed);
  }

  async close(): Promise<void> {
    this.#stop();
    await Promise.all(this.#options.parts.map(async (part) => part.close?.()));
  }
}
