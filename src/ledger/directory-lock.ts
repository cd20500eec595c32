import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KinError } from '../base/errors.ts';

const LOCK_FILE = 'lock';

/** The right to write a folder, held by this process until it is released or ends in whatever way. */
export interface DirectoryLock {
  /** Whether the lock file still names this holder. */
  isHeld(): boolean;
  release(): void;
}

/**
 * Takes the lock of a folder. A lock whose process has ended is replaced; a process id alone would not tell, ids are used
 * again. Throws `state.in-use` when another holder lives (also one in this process), or `state.unwritable`.
 */
export function lockDirectory(dir: string): DirectoryLock {
  const path = join(dir, LOCK_FILE);
  const own = `${identityOf(process.pid) ?? process.pid}\n`;
  const isHeld = () => readLock(path) === own;
  try {
    while (!linkOwn(path, own)) removeStale(path);
  } catch (cause) {
    if (cause instanceof KinError) throw cause;
    throw new KinError('state.unwritable', `cannot lock ${dir}`, { cause, details: { path } });
  }
  return {
    isHeld,
    release() {
      if (isHeld()) rmSync(path, { force: true });
    },
  };
}

/** Links instead of creating, so that the lock never exists without its holder's name. */
function linkOwn(path: string, own: string): boolean {
  const beside = `${path}.${process.pid}.tmp`;
  // One that a kill left there may be the stale lock itself, under its second name: it must not get this holder's name.
  rmSync(beside, { force: true });
  writeFileSync(beside, own, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(beside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(beside, { force: true });
  }
}

function removeStale(path: string): void {
  const holder = readLock(path);
  if (holder === undefined) return;
  const pid = Number.parseInt(holder, 10);
  if (`${identityOf(pid)}\n` === holder) {
    throw new KinError('state.in-use', `process ${pid} writes this ledger`, { details: { path, pid } });
  }
  const aside = `${path}.${process.pid}.stale.tmp`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  // Somebody else may have replaced the stale lock between the look and the rename: then it was theirs, give it back.
  if (readLock(aside) !== holder) linkSync(aside, path);
  rmSync(aside, { force: true });
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * What tells this run of a process from any other: its id, its start in clock ticks and the boot these count from.
 * Undefined when there is no such process. Where there is no /proc it is the id alone.
 */
function identityOf(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program stands in parentheses and may hold anything; the start time is the 20th field behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; its parent has only not looked yet.
    if (fields[0] === 'Z') return undefined;
    const started = fields[19];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${pid} ${started} ${boot}`;
  } catch {
    return `${pid}`;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
