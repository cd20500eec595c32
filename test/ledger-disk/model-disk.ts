import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../src/base/random.ts';

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;
export const ROOT = 1;

/** One write, as the sectors that it leaves behind, or one change of a file's length. Not on the disk yet. */
interface Change {
  readonly serial: number;
  readonly firstSector: number;
  readonly sectors: Buffer;
  /** The length of the file from here on, where it changes. */
  readonly size?: number;
}

export interface ModelFile {
  readonly kind: 'file';
  /** What is read now, and what is surely on the disk. Copied before they are changed: disks share them. */
  now: Buffer;
  durable: Buffer;
  readonly changes: Change[];
}

export interface ModelFolder {
  readonly kind: 'folder';
  readonly names: Map<string, number>;
  durable: Map<string, number>;
  /** What each name stood for, one after the other, since the folder was synced; undefined where it stood for nothing. */
  readonly history: Map<string, (number | undefined)[]>;
}

export type ModelNode = ModelFile | ModelFolder;

/**
 * A disk that forgets whatever it was not told to keep. A write is durable when its file was synced, a name when its
 * folder was. At a power cut any subset of the other sectors is there, in any order; a file that grew may end early, or in
 * what stood in its sectors before; and each name stands for any of the things that it stood for since its folder was
 * synced, whatever became of other names. That is more than any file system in use does to its users.
 */
export class ModelDisk {
  readonly #nodes = new Map<number, ModelNode>([[ROOT, newFolder()]]);
  #lastId = ROOT;
  #lastSerial = 0;

  node(id: number): ModelNode {
    const node = this.#nodes.get(id);
    if (!node) throw new Error(`the disk has no node ${id}`);
    return node;
  }

  file(id: number): ModelFile {
    const node = this.node(id);
    if (node.kind !== 'file') throw new Error(`node ${id} is a folder`);
    return node;
  }

  folder(id: number): ModelFolder {
    const node = this.node(id);
    if (node.kind !== 'folder') throw new Error(`node ${id} is a file`);
    return node;
  }

  create(parent: number, name: string, kind: ModelNode['kind']): number {
    this.#lastId += 1;
    const file: ModelFile = { kind: 'file', now: Buffer.alloc(0), durable: Buffer.alloc(0), changes: [] };
    this.#nodes.set(this.#lastId, kind === 'file' ? file : newFolder());
    this.bind(parent, name, this.#lastId);
    return this.#lastId;
  }

  /** Lets a name stand for a node, or for nothing. */
  bind(parent: number, name: string, id: number | undefined): void {
    const { names, history } = this.folder(parent);
    if (id === undefined) names.delete(name);
    else names.set(name, id);
    history.set(name, [...(history.get(name) ?? []), id]);
  }

  rename(parent: number, name: string, toParent: number, toName: string): void {
    const id = this.folder(parent).names.get(name);
    this.bind(toParent, toName, id);
    this.bind(parent, name, undefined);
  }

  /** Gives what `sync` can be told, where not all of what was written is to be kept. */
  write(id: number, at: number, bytes: Uint8Array): number {
    const file = this.file(id);
    const end = at + bytes.length;
    const grown = end > file.now.length ? end : undefined;
    if (grown !== undefined || file.now === file.durable) file.now = resized(file.now, grown ?? file.now.length);
    file.now.set(bytes, at);
    const firstSector = Math.floor(at / SECTOR_BYTES);
    const sectors = Buffer.from(file.now.subarray(firstSector * SECTOR_BYTES, sectorEnd(end)));
    return this.#change(file, { firstSector, sectors, ...(grown === undefined ? {} : { size: grown }) });
  }

  truncate(id: number, size: number): number {
    const file = this.file(id);
    file.now = resized(file.now, size);
    return this.#change(file, { firstSector: 0, sectors: Buffer.alloc(0), size });
  }

  /** Makes a folder's names durable, or what was written to a file: all of it, or the writes of `serials`. */
  sync(id: number, serials?: ReadonlySet<number>): void {
    const node = this.node(id);
    if (node.kind === 'folder') {
      node.durable = new Map(node.names);
      node.history.clear();
      return;
    }
    const kept = node.changes.filter(({ serial }) => serials?.has(serial) ?? true);
    if (kept.length > 0) node.durable = Buffer.from(node.durable);
    for (const change of kept) {
      if (change.size !== undefined) node.durable = resized(node.durable, change.size);
      change.sectors.copy(node.durable, change.firstSector * SECTOR_BYTES);
      node.changes.splice(node.changes.indexOf(change), 1);
    }
  }

  /** The disk as a power cut at this moment leaves it. */
  afterPowerCut(random: Random): ModelDisk {
    const left = new ModelDisk();
    left.#lastId = this.#lastId;
    // Between "nothing more came through" and "all did" the subsets are many, and the ends would be rare by chance.
    const share = [0, 0.1, 0.5, 0.9, 1][Math.floor(random.next() * 5)]!;
    for (const [id, node] of this.#nodes) {
      if (node.kind === 'file') left.#nodes.set(id, fileAfterCut(node, random, share));
      else left.#nodes.set(id, folderAfterCut(node, random, share));
    }
    left.#dropNameless();
    return left;
  }

  /** What no name stands for is free again. */
  #dropNameless(): void {
    const named = new Set([ROOT]);
    this.#walk((_, id) => named.add(id));
    for (const id of this.#nodes.keys()) if (!named.has(id)) this.#nodes.delete(id);
  }

  /** Puts the tree of files into a folder that is empty. */
  copyTo(path: string): void {
    const placed = new Map<number, string>();
    this.#walk((relative, id, node) => {
      const target = join(path, relative);
      const before = placed.get(id);
      if (before !== undefined) linkSync(before, target);
      else if (node.kind === 'folder') mkdirSync(target, { mode: 0o700 });
      else {
        writeFileSync(target, node.now.subarray(0, usedBytes(node.now)), { mode: 0o600 });
        truncateSync(target, node.now.length);
      }
      placed.set(id, target);
    });
  }

  /** Equal for disks with the same files. */
  digest(): string {
    const hash = createHash('sha256');
    this.#walk((relative, _, node) => {
      hash.update(`${relative}\0${node.kind === 'file' ? node.now.length : 'folder'}\0`);
      if (node.kind === 'file') hash.update(node.now.subarray(0, usedBytes(node.now)));
    });
    return hash.digest('base64');
  }

  #walk(visit: (relative: string, id: number, node: ModelNode) => void): void {
    const descend = (path: string, id: number) => {
      for (const [name, child] of this.folder(id).names) {
        const node = this.node(child);
        visit(join(path, name), child, node);
        if (node.kind === 'folder') descend(join(path, name), child);
      }
    };
    descend('', ROOT);
  }

  #change(file: ModelFile, change: Omit<Change, 'serial'>): number {
    this.#lastSerial += 1;
    file.changes.push({ serial: this.#lastSerial, ...change });
    return this.#lastSerial;
  }
}

function newFolder(): ModelFolder {
  return { kind: 'folder', names: new Map(), durable: new Map(), history: new Map() };
}

function folderAfterCut({ durable, history }: ModelFolder, random: Random, share: number): ModelFolder {
  const names = new Map(durable);
  for (const [name, ids] of history) {
    if (random.next() >= share) continue;
    const id = ids[Math.floor(random.next() * ids.length)];
    if (id === undefined) names.delete(name);
    else names.set(name, id);
  }
  return { kind: 'folder', names, durable: new Map(names), history: new Map() };
}

function fileAfterCut({ durable, changes }: ModelFile, random: Random, share: number): ModelFile {
  if (changes.length === 0) return { kind: 'file', now: durable, durable, changes: [] };
  let size = durable.length;
  const room = changes.reduce((most, { size = 0 }) => Math.max(most, sectorEnd(size)), sectorEnd(size));
  const bytes = resized(durable, room);
  for (const { firstSector, sectors, size: changed } of changes) {
    if (changed !== undefined && random.next() < share) {
      bytes.fill(0, Math.min(size, changed));
      size = changed;
    }
    for (let at = 0; at < sectors.length; at += SECTOR_BYTES) {
      const place = firstSector * SECTOR_BYTES + at;
      if (random.next() < share) sectors.copy(bytes, place, at, at + SECTOR_BYTES);
      // The file system gave it sectors of somebody else, and the zeros or bytes for them are what was lost.
      else if (place >= durable.length && random.next() < 0.5) bytes.fill(GARBAGE, place, place + SECTOR_BYTES);
    }
  }
  const now = Buffer.from(bytes.subarray(0, size));
  return { kind: 'file', now, durable: now, changes: [] };
}

const GARBAGE = 'stale ';

function sectorEnd(size: number): number {
  return Math.ceil(size / SECTOR_BYTES) * SECTOR_BYTES;
}

function resized(bytes: Buffer, size: number): Buffer {
  if (size <= bytes.length) return Buffer.from(bytes.subarray(0, size));
  return Buffer.concat([bytes], size);
}

/** The length without the zeros at the end: most of a new segment. */
function usedBytes(bytes: Buffer): number {
  let used = bytes.length;
  for (; used >= ZEROS.length && bytes.subarray(used - ZEROS.length, used).equals(ZEROS); ) used -= ZEROS.length;
  return used;
}

const ZEROS = Buffer.alloc(4096);
