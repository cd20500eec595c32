import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';

export type DiskCommand =
  | { readonly kind: 'cut-after'; readonly changes: number }
  | { readonly kind: 'fail'; readonly errno: number | undefined }
  | { readonly kind: 'restore'; readonly seed: number }
  | { readonly kind: 'end' };

export type DiskEvent = { readonly kind: 'mounted' | 'cut' };

const EVENT_MS = 60_000;

/** Why no disk of ours can be mounted here; undefined when it can. */
export function whyNoDisk(): string | undefined {
  if (process.platform !== 'linux') return 'FUSE is of Linux';
  if (process.getuid?.() !== 0) return 'only root may mount';
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return '/dev/fuse is not there';
  }
}

/** A model disk as a file system that any process can use, in a process of its own; its power can be cut. */
export class PowerDisk {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Mounts an empty disk on a folder. One that is `lying` does not sync what it says it synced. */
  static async mount(folder: string, isLying = false): Promise<PowerDisk> {
    const path = join(import.meta.dirname, '../fixtures/disk-process.ts');
    const child = spawn(process.execPath, [path, folder, ...(isLying ? ['lying'] : [])], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const disk = new PowerDisk(child);
    await disk.#heard('mounted');
    return disk;
  }

  /** Cuts the power after so many more changes; resolves when it is cut. From then on all calls fail with EIO. */
  async cutAfter(changes: number): Promise<void> {
    const cut = this.#heard('cut');
    this.#tell({ kind: 'cut-after', changes });
    await cut;
  }

  /** Power again, for a disk with what the cut left of it by a seed. Nobody may use the folder. */
  async restore(seed: number): Promise<void> {
    const mounted = this.#heard('mounted');
    this.#tell({ kind: 'restore', seed });
    await mounted;
  }

  /** From now on each change fails with this error, or with none. */
  fail(errno: number | undefined): void {
    this.#tell({ kind: 'fail', errno });
  }

  async end(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#tell({ kind: 'end' });
    await gone;
  }

  #tell(command: DiskCommand): void {
    this.#child.send(command);
  }

  async #heard(kind: DiskEvent['kind']): Promise<void> {
    const signal = systemClock.deadline(EVENT_MS);
    for (;;) {
      const [event] = (await once(this.#child, 'message', { signal })) as [DiskEvent];
      if (event.kind === kind) return;
    }
  }
}
