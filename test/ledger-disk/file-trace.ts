import fs, { type PathLike } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { resolve, sep } from 'node:path';

/** What a process did to the files of a folder, in order. `file` names an open file, `serial` a call that takes time. */
export type FileEvent<Note> =
  | { readonly kind: 'open'; readonly file: number; readonly path: string; readonly truncates: boolean }
  | {
      readonly kind: 'write';
      readonly file: number;
      readonly serial: number;
      readonly at: number;
      readonly bytes: Buffer;
    }
  /** The write came back; when it is synced, as by O_DSYNC, what it wrote is durable. */
  | { readonly kind: 'written'; readonly file: number; readonly serial: number; readonly isSynced: boolean }
  | { readonly kind: 'sync'; readonly file: number; readonly serial: number }
  | { readonly kind: 'synced'; readonly file: number; readonly serial: number }
  | { readonly kind: 'truncate'; readonly file: number; readonly size: number }
  | { readonly kind: 'folder' | 'remove'; readonly path: string }
  | { readonly kind: 'rename' | 'link'; readonly path: string; readonly to: string }
  | { readonly kind: 'note'; readonly note: Note };

export interface FileTrace<Note> {
  readonly events: readonly FileEvent<Note>[];
  /** Puts down what was promised to somebody at this moment. */
  note(note: Note): void;
  /** Stops watching. */
  end(): void;
}

/** Asked by the name of a call and the path below the root that it changes. */
export type Forgets = (call: string, path: string) => boolean;

interface Watched {
  readonly file: number;
  readonly path: string;
  readonly isSynced: boolean;
  position: number;
}

type Call = (...args: never[]) => unknown;

/**
 * Watches the calls by which this process changes files below `root` through `node:fs`: they are made as ever, on the real
 * folder, and put down. Calls that are not known here show when the trace is replayed and gives other files. One trace at a
 * time. Calls that `forgets` names are neither made nor put down: what becomes of a program without them?
 */
export function traceFiles<Note>(root: string, forgets: Forgets = () => false): FileTrace<Note> {
  const trace = new Trace<Note>(resolve(root), forgets);
  return { events: trace.events, note: (note) => trace.events.push({ kind: 'note', note }), end: () => trace.end() };
}

class Trace<Note> {
  readonly events: FileEvent<Note>[] = [];
  readonly #root: string;
  readonly #forgets: Forgets;
  readonly #descriptors = new Map<number, Watched>();
  readonly #before: (() => void)[] = [];
  #files = 0;
  #serials = 0;
  /** Calls of `node:fs` that other calls of it make are theirs. */
  #depth = 0;

  constructor(root: string, forgets: Forgets) {
    this.#root = root;
    this.#forgets = forgets;
    this.#watchDescriptors();
    this.#watchNames();
    this.#watchPromises();
    syncBuiltinESMExports();
  }

  end(): void {
    for (const restore of this.#before) restore();
    syncBuiltinESMExports();
  }

  #wrap<T extends Call>(
    owner: object,
    name: string,
    watch: (result: ReturnType<T>, args: Parameters<T>) => void,
  ): void {
    const original = Reflect.get(owner, name) as (...args: unknown[]) => ReturnType<T>;
    const wrapped = (...args: unknown[]): ReturnType<T> => {
      if (this.#depth > 0) return original(...args);
      const path = this.#pathOf(args[0]);
      if (path !== undefined && this.#forgets(name, path)) return undefined as ReturnType<T>;
      this.#depth += 1;
      try {
        const result = original(...args);
        watch(result, args as Parameters<T>);
        return result;
      } finally {
        this.#depth -= 1;
      }
    };
    Reflect.set(owner, name, wrapped);
    this.#before.push(() => Reflect.set(owner, name, original));
  }

  #watchDescriptors(): void {
    this.#wrap<typeof fs.openSync>(fs, 'openSync', (fd, [path, flags]) => {
      const watched = this.#open(path, flags);
      if (watched) this.#descriptors.set(fd, watched);
    });
    this.#wrap<typeof fs.closeSync>(fs, 'closeSync', (_, [fd]) => this.#descriptors.delete(fd));
    this.#wrap<(fd: number, bytes: Uint8Array, offset?: number) => number>(
      fs,
      'writeSync',
      (length, [fd, bytes, from = 0]) => {
        const watched = this.#descriptors.get(fd);
        if (!watched) return;
        const serial = this.#write(watched, watched.position, bytes.subarray(from, from + length));
        watched.position += length;
        this.#written(watched, serial);
      },
    );
    for (const name of ['fsyncSync', 'fdatasyncSync']) {
      this.#wrap<(fd: number) => void>(fs, name, (_, [fd]) => {
        const watched = this.#descriptors.get(fd);
        if (watched) this.#synced(watched, this.#sync(watched));
      });
    }
  }

  #watchNames(): void {
    this.#wrap<typeof fs.writeFileSync>(fs, 'writeFileSync', (_, [path, data]) => {
      if (typeof path === 'number') return;
      const watched = this.#open(path, 'w');
      if (watched) this.#written(watched, this.#write(watched, 0, Buffer.from(data as string)));
    });
    this.#wrap<typeof fs.mkdirSync>(fs, 'mkdirSync', (_, [path]) => this.#name('folder', path));
    this.#wrap<typeof fs.renameSync>(fs, 'renameSync', (_, [path, to]) => this.#name('rename', path, to));
    this.#wrap<typeof fs.linkSync>(fs, 'linkSync', (_, [path, to]) => this.#name('link', path, to));
    for (const name of ['rmSync', 'unlinkSync']) {
      this.#wrap<typeof fs.unlinkSync>(fs, name, (_, [path]) => this.#name('remove', path));
    }
  }

  #watchPromises(): void {
    const { promises } = fs;
    this.#wrap<typeof promises.rename>(promises, 'rename', (done, [path, to]) => {
      void done.then(() => this.#name('rename', path, to), ignore);
    });
    const open = promises.open;
    const wrapped = async (path: PathLike, flags?: string | number, mode?: number): Promise<FileHandle> => {
      const handle = await open(path, flags, mode);
      const watched = this.#open(path, flags);
      return watched ? this.#watchedHandle(handle, watched) : handle;
    };
    Reflect.set(promises, 'open', wrapped);
    this.#before.push(() => Reflect.set(promises, 'open', open));
  }

  #watchedHandle(handle: FileHandle, watched: Watched): FileHandle {
    const calls: Record<string, Call> = {
      write: async (bytes: Buffer, from: number, length: number, at: number) => {
        const serial = this.#write(watched, at, bytes.subarray(from, from + length));
        const result = await handle.write(bytes, from, length, at);
        this.#written(watched, serial);
        return result;
      },
      datasync: async () => {
        const serial = this.#sync(watched);
        await handle.datasync();
        this.#synced(watched, serial);
      },
      truncate: async (size: number) => {
        await handle.truncate(size);
        this.events.push({ kind: 'truncate', file: watched.file, size });
      },
    };
    return new Proxy(handle, {
      get(target, name) {
        const own = typeof name === 'string' ? calls[name] : undefined;
        const value: unknown = own ?? Reflect.get(target, name, target);
        return typeof value === 'function' && !own ? value.bind(target) : value;
      },
    });
  }

  #pathOf(target: unknown): string | undefined {
    return typeof target === 'number' ? this.#descriptors.get(target)?.path : this.#below(target as PathLike);
  }

  /** The path below the root, undefined for others. */
  #below(path: PathLike): string | undefined {
    const full = resolve(String(path));
    return full === this.#root || full.startsWith(this.#root + sep) ? full.slice(this.#root.length) : undefined;
  }

  #open(path: PathLike, flags: string | number | null | undefined): Watched | undefined {
    const below = this.#below(path);
    if (below === undefined) return undefined;
    this.#files += 1;
    const { O_TRUNC, O_DSYNC, O_SYNC } = fs.constants;
    const bits = typeof flags === 'number' ? flags : 0;
    const truncates = flags === 'w' || (bits & O_TRUNC) !== 0;
    this.events.push({ kind: 'open', file: this.#files, path: below, truncates });
    return { file: this.#files, path: below, isSynced: (bits & (O_DSYNC | O_SYNC)) !== 0, position: 0 };
  }

  #name(kind: 'folder' | 'remove' | 'rename' | 'link', path: PathLike, target?: PathLike): void {
    const below = this.#below(path);
    const to = target === undefined ? undefined : this.#below(target);
    if (below === undefined) return;
    if (kind === 'folder' || kind === 'remove') this.events.push({ kind, path: below });
    else if (to !== undefined) this.events.push({ kind, path: below, to });
  }

  #write({ file }: Watched, at: number, bytes: Uint8Array): number {
    this.#serials += 1;
    this.events.push({ kind: 'write', file, serial: this.#serials, at, bytes: Buffer.from(bytes) });
    return this.#serials;
  }

  #written({ file, isSynced }: Watched, serial: number): void {
    this.events.push({ kind: 'written', file, serial, isSynced });
  }

  #sync({ file }: Watched): number {
    this.#serials += 1;
    this.events.push({ kind: 'sync', file, serial: this.#serials });
    return this.#serials;
  }

  #synced({ file }: Watched, serial: number): void {
    this.events.push({ kind: 'synced', file, serial });
  }
}

const ignore = () => undefined;
