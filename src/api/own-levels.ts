import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { LevelSample } from '../observe/sample.ts';
import { readDisk } from '../observe/usage-reader.ts';
import { readConnections } from '../store/connection-count.ts';
import type { Database } from '../store/database.ts';

const LOOK_MS = 10_000;

export interface OwnLevelsOptions {
  readonly folder: string;
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly onSample: (sample: LevelSample) => void;
}

/** What the healer itself stands on and what runs out there: the disk of its state, the connections of its database. */
export class OwnLevels {
  readonly #options: OwnLevelsOptions;
  #stop: () => void = () => undefined;

  constructor(options: OwnLevelsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stop = this.#options.clock.every(LOOK_MS, () => this.look());
  }

  close(): void {
    this.#stop();
  }

  /** One look. What cannot be read is left out: no data, not health. */
  async look(): Promise<void> {
    const { folder, database, log } = this.#options;
    const blind = (error: unknown): undefined => {
      log.debug({ reason: describeError(error) }, 'connections of the database were not counted');
      return undefined;
    };
    const [disk, connections] = await Promise.all([readDisk(folder), readConnections(database).catch(blind)]);
    if (disk) this.#tell('disk state', 'MiB', disk.usedMib, disk.limitMib);
    if (connections) this.#tell('store kintsugi', 'connections', connections.used, connections.limit);
  }

  #tell(name: string, measure: string, level: number, limit: number): void {
    const at = this.#options.clock.now();
    const of = { kind: 'asset' as const, name };
    this.#options.onSample({ kind: 'level', at, vantage: 'control', of, measure, level, limit });
  }
}
