import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessSpec } from './protocol.ts';

type Limits = ProcessSpec['limits'];

/** Where the kernel shows its control groups, and which group the keeper itself is in. */
export interface CgroupPlace {
  /** `/sys/fs/cgroup`. */
  readonly root: string;
  /** The text of `/proc/self/cgroup`; empty where there are no groups. */
  readonly own: string;
}

/**
 * Limits on memory, processors and processes, one group a child, always below the group that the keeper is in: whoever
 * limits Kintsugi as a whole limits its children too. Versions 1 and 2 of the kernel's interface.
 */
export interface Cgroups {
  /** Puts a process under its limits. False when the system did not grant all of them; true when there are none. */
  confine(id: string, pid: number, limits: Limits): boolean;
  /** Removes the group of a child that is gone. False while something is still in it. */
  release(id: string): boolean;
  /** Removes the folder of all groups if it is empty. */
  close(): void;
}

type Controller = 'memory' | 'cpu' | 'pids';
const CPU_PERIOD_US = 100_000;

export function openCgroups(place: CgroupPlace = systemPlace()): Cgroups {
  const parents = controllerFolders(place);
  return {
    confine(id, pid, limits) {
      const wanted = settingsOf(limits, parents.version);
      if (wanted.length === 0) return true;
      // Every setting is tried: two of three limits are better than none, and the answer says that one is missing.
      return wanted.map((setting) => enforce(parents, id, pid, setting)).every(Boolean);
    },
    release(id) {
      const folders = new Set(Object.values(parents.folders).map((parent) => join(parent, 'kintsugi', id)));
      return [...folders].map(removeFolder).every(Boolean);
    },
    close() {
      for (const parent of new Set(Object.values(parents.folders))) removeFolder(join(parent, 'kintsugi'));
    },
  };
}

function systemPlace(): CgroupPlace {
  try {
    return { root: '/sys/fs/cgroup', own: readFileSync('/proc/self/cgroup', 'utf8') };
  } catch {
    return { root: '/sys/fs/cgroup', own: '' };
  }
}

interface Parents {
  readonly version: 1 | 2;
  readonly folders: Partial<Record<Controller, string>>;
}

function controllerFolders({ root, own }: CgroupPlace): Parents {
  const lines = own.split('\n').map((line) => line.split(':'));
  if (existsSync(join(root, 'cgroup.controllers'))) {
    const path = lines.find(([number]) => number === '0')?.[2];
    const folder = path === undefined ? undefined : join(root, path);
    return { version: 2, folders: folder ? { memory: folder, cpu: folder, pids: folder } : {} };
  }
  const folderOf = (controller: Controller) => {
    const path = lines.find(([, names]) => names?.split(',').includes(controller))?.[2];
    return path === undefined ? {} : { [controller]: join(root, controller, path) };
  };
  return { version: 1, folders: { ...folderOf('memory'), ...folderOf('cpu'), ...folderOf('pids') } };
}

interface Setting {
  readonly controller: Controller;
  readonly file: string;
  readonly value: string;
}

function settingsOf({ memoryMiB, cpus, pids }: Limits, version: 1 | 2): readonly Setting[] {
  const settings: Setting[] = [];
  if (memoryMiB !== undefined) {
    const file = version === 1 ? 'memory.limit_in_bytes' : 'memory.max';
    settings.push({ controller: 'memory', file, value: String(memoryMiB * 1024 * 1024) });
  }
  if (cpus !== undefined) {
    const quota = String(Math.round(cpus * CPU_PERIOD_US));
    if (version === 1) settings.push({ controller: 'cpu', file: 'cpu.cfs_quota_us', value: quota });
    else settings.push({ controller: 'cpu', file: 'cpu.max', value: `${quota} ${CPU_PERIOD_US}` });
  }
  if (pids !== undefined) settings.push({ controller: 'pids', file: 'pids.max', value: String(pids) });
  return settings;
}

function enforce({ version, folders }: Parents, id: string, pid: number, setting: Setting): boolean {
  const parent = folders[setting.controller];
  if (parent === undefined) return false;
  try {
    if (version === 1 && setting.controller === 'memory' && !isHierarchical(parent)) return false;
    const folder = join(parent, 'kintsugi', id);
    mkdirSync(folder, { recursive: true });
    if (version === 2) {
      for (const path of [parent, join(parent, 'kintsugi')]) delegate(path, setting.controller);
    }
    writeFileSync(join(folder, setting.file), setting.value);
    writeFileSync(join(folder, 'cgroup.procs'), String(pid));
    return true;
  } catch {
    return false;
  }
}

/** In a flat hierarchy a group below would escape the limit of the group above. */
function isHierarchical(parent: string): boolean {
  return readFileSync(join(parent, 'memory.use_hierarchy'), 'utf8').trim() === '1';
}

function delegate(folder: string, controller: Controller): void {
  const file = join(folder, 'cgroup.subtree_control');
  if (!readFileSync(file, 'utf8').split(/\s+/).includes(controller)) writeFileSync(file, `+${controller}`);
}

function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
