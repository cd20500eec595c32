import { type FSWatcher, statSync, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { describeError, KinError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { RoutingTable } from './routing-table.ts';
import { snapshotSchema } from './snapshot.ts';

const RECHECK_MS = 1_000;

/** Where the writer leaves the snapshot before the newest, by renaming it. */
export function previousOf(snapshotFile: string): string {
  return `${snapshotFile}.previous`;
}

/**
 * Keeps the newest snapshot at hand. Reads at open (the previous one when the newest cannot be read), when the folder
 * changes, and each second, because a watch may miss. What cannot be read is logged once and changes nothing; a lower
 * (epoch, revision) is never taken.
 */
export class SnapshotReader {
  readonly #file: string;
  readonly #log: Log;
  readonly #onChange: (table: RoutingTable) => void;
  readonly #cancel: () => void;
  #watcher: FSWatcher | undefined;
  #table: RoutingTable | undefined;
  #seen = '';
  #reading: Promise<void> | undefined;
  #again = false;

  constructor(options: { file: string; clock: Clock; log: Log; onChange: (table: RoutingTable) => void }) {
    this.#file = options.file;
    this.#log = options.log;
    this.#onChange = options.onChange;
    this.#cancel = options.clock.every(RECHECK_MS, () => this.#refresh());
    this.#watcher = this.#watchFolder();
  }

  get table(): RoutingTable | undefined {
    return this.#table;
  }

  /** Reads what is on disk now, falling back to the previous snapshot. Never rejects. */
  async open(): Promise<void> {
    await this.#refresh();
    if (!this.#table) await this.#take(previousOf(this.#file));
  }

  async close(): Promise<void> {
    this.#cancel();
    this.#watcher?.close();
    await this.#reading;
  }

  #watchFolder(): FSWatcher | undefined {
    try {
      const watcher = watch(dirname(this.#file), { persistent: false }, (_event, name) => {
        if (name === null || name === basename(this.#file)) void this.#refresh();
      });
      // Without a watch the re-check each second carries on alone.
      watcher.on('error', () => watcher.close());
      return watcher;
    } catch {
      return undefined;
    }
  }

  /** One read at a time; a change during a read asks for another. */
  #refresh(): Promise<void> {
    if (this.#reading) {
      this.#again = true;
      return this.#reading;
    }
    this.#reading = this.#readUntilStill().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readUntilStill(): Promise<void> {
    do {
      this.#again = false;
      const mark = markOf(this.#file);
      if (mark === undefined || mark === this.#seen) continue;
      this.#seen = mark;
      await this.#take(this.#file);
    } while (this.#again);
  }

  async #take(file: string): Promise<void> {
    const table = await this.#read(file);
    if (!table || (this.#table && !table.isNewerThan(this.#table))) return;
    this.#table = table;
    this.#onChange(table);
  }

  async #read(file: string): Promise<RoutingTable | undefined> {
    try {
      return new RoutingTable(snapshotSchema.parse(JSON.parse(await readFile(file, 'utf8'))));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      const fault = new KinError('snapshot.corrupt', `cannot read ${file}`, { cause, details: { path: file } });
      this.#log.error({ code: fault.code, path: file, reason: describeError(fault) }, 'snapshot.corrupt');
      return undefined;
    }
  }
}

/** Tells one content from another without reading it; undefined when there is none. */
function markOf(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat && `${stat.ino}:${stat.mtimeNs}:${stat.size}`;
}
