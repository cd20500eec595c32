import { readdir, readFile, statfs } from 'node:fs/promises';

/** Resident memory of a process, or undefined where the system does not say (no /proc) or the process is gone. */
export async function readResidentBytes(pid: number): Promise<number | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

/** Open files and sockets of a process and how many it may have, or undefined where the system does not say. */
export async function readDescriptors(pid: number): Promise<{ open: number; limit?: number } | undefined> {
  try {
    const [open, limits] = await Promise.all([readdir(`/proc/${pid}/fd`), readFile(`/proc/${pid}/limits`, 'utf8')]);
    const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
    return { open: open.length, ...(limit > 0 ? { limit } : {}) };
  } catch {
    return undefined;
  }
}

/** The file system that a folder is on: MiB in use, and in use when it is full for us; undefined when it cannot be told. */
export async function readDisk(folder: string): Promise<{ usedMib: number; limitMib: number } | undefined> {
  try {
    const { bsize, blocks, bfree, bavail } = await statfs(folder);
    const toMib = bsize / 2 ** 20;
    // What is kept for the superuser is not for us.
    return { usedMib: (blocks - bfree) * toMib, limitMib: (blocks - bfree + bavail) * toMib };
  } catch {
    return undefined;
  }
}

/** Memory that a further process on this machine can have, within what this one is held to. */
export function readFreeBytes(): number {
  return process.availableMemory();
}
