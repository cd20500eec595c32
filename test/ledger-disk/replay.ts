import { basename, dirname } from 'node:path';
import type { Random } from '../../src/base/random.ts';
import type { FileEvent } from './file-trace.ts';
import { ModelDisk, ROOT } from './model-disk.ts';

/** A trace as it happens again, event by event, on a model disk. */
class Replay<Note> {
  readonly disk: ModelDisk;
  /** What had been promised so far. */
  readonly notes: Note[] = [];
  readonly #open = new Map<number, number>();
  /** The disk's name for a write, and the changes of a node that came back, which a sync from then on covers. */
  readonly #serials = new Map<number, number>();
  readonly #ended = new Map<number, Set<number>>();
  readonly #syncing = new Map<number, ReadonlySet<number>>();

  constructor(disk = new ModelDisk()) {
    this.disk = disk;
  }

  apply(event: FileEvent<Note>): void {
    switch (event.kind) {
      case 'open':
        return this.#openFile(event.file, event.path, event.truncates);
      case 'write': {
        const id = this.#idOf(event.file);
        this.#serials.set(event.serial, this.disk.write(id, event.at, event.bytes));
        return;
      }
      case 'written':
        return this.#written(event.file, event.serial, event.isSynced);
      case 'sync':
        this.#syncing.set(event.serial, new Set(this.#endedOf(this.#idOf(event.file))));
        return;
      case 'synced':
        this.disk.sync(this.#idOf(event.file), this.#syncing.get(event.serial));
        return;
      case 'truncate':
        return this.#truncate(this.#idOf(event.file), event.size);
      case 'note':
        this.notes.push(event.note);
        return;
      default:
        this.#changeNames(event);
    }
  }

  #changeNames(event: Extract<FileEvent<Note>, { path: string }>): void {
    if (event.kind === 'folder') return this.#makeFolders(event.path);
    const from = this.#place(event.path);
    if (event.kind === 'remove') {
      if (this.disk.folder(from.parent).names.has(from.name)) this.disk.bind(from.parent, from.name, undefined);
    } else if (event.kind === 'rename' || event.kind === 'link') {
      const to = this.#place(event.to);
      if (event.kind === 'rename') this.disk.rename(from.parent, from.name, to.parent, to.name);
      else this.disk.bind(to.parent, to.name, this.#find(event.path));
    }
  }

  #openFile(file: number, path: string, truncates: boolean): void {
    const known = this.#find(path);
    const { parent, name } = this.#place(path);
    const id = known ?? this.disk.create(parent, name, 'file');
    this.#open.set(file, id);
    if (truncates && this.disk.file(id).now.length > 0) this.#truncate(id, 0);
  }

  #written(file: number, serial: number, isSynced: boolean): void {
    const id = this.#idOf(file);
    const written = this.#serials.get(serial)!;
    this.#endedOf(id).add(written);
    if (isSynced) this.disk.sync(id, new Set([written]));
  }

  #truncate(id: number, size: number): void {
    this.#endedOf(id).add(this.disk.truncate(id, size));
  }

  #endedOf(id: number): Set<number> {
    const ended = this.#ended.get(id) ?? new Set();
    this.#ended.set(id, ended);
    return ended;
  }

  #makeFolders(path: string): void {
    let parent = ROOT;
    for (const name of path.split('/').filter((part) => part !== '')) {
      parent = this.disk.folder(parent).names.get(name) ?? this.disk.create(parent, name, 'folder');
    }
  }

  #idOf(file: number): number {
    const id = this.#open.get(file);
    if (id === undefined) throw new Error(`file ${file} was not opened`);
    return id;
  }

  #place(path: string): { parent: number; name: string } {
    const parent = this.#find(dirname(path));
    if (parent === undefined) throw new Error(`there is no folder for ${path}`);
    return { parent, name: basename(path) };
  }

  #find(path: string): number | undefined {
    let id: number | undefined = ROOT;
    for (const name of path.split('/').filter((part) => part !== '' && part !== '.')) {
      id = id === undefined ? undefined : this.disk.folder(id).names.get(name);
    }
    return id;
  }
}

/** What a power cut leaves, and what had been promised before it. */
export interface CrashState<Note> {
  readonly disk: ModelDisk;
  readonly notes: readonly Note[];
  /** After this many events of the trace. */
  readonly at: number;
}

/** After these a power cut leaves what it would leave after the next event, when nothing of that came through. */
const IDLE: ReadonlySet<FileEvent<unknown>['kind']> = new Set(['note', 'sync', 'open']);

/** Different states that power cuts during a trace leave: `cuts` are tried after each event, equal ones are one. With
 * `before`, the trace goes on where a power cut had left things. */
export function* crashStates<Note>(
  events: readonly FileEvent<Note>[],
  { random, cuts, before }: { readonly random: Random; readonly cuts: number; readonly before?: CrashState<Note> },
): Generator<CrashState<Note>> {
  const replay = new Replay<Note>(before?.disk);
  replay.notes.push(...(before?.notes ?? []));
  const seen = new Set<string>();
  for (const [position, event] of events.entries()) {
    replay.apply(event);
    if (IDLE.has(event.kind) && position < events.length - 1) continue;
    for (let cut = 0; cut < cuts; cut += 1) {
      const disk = replay.disk.afterPowerCut(random);
      const name = `${replay.notes.length} ${disk.digest()}`;
      if (seen.has(name)) continue;
      seen.add(name);
      yield { disk, notes: [...replay.notes], at: position + 1 };
    }
  }
}

/** The files of a trace when all of it came through. */
export function replayed<Note>(events: readonly FileEvent<Note>[]): ModelDisk {
  const replay = new Replay<Note>();
  for (const event of events) replay.apply(event);
  return replay.disk;
}
