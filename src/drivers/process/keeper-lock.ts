import { linkSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../base/assert.ts';
import { KinError } from '../../base/errors.ts';
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts';

const NAME = /^keeper\.lock\.(\d+)$/;
const TRIES_MAX = 20;

/**
 * Makes this process the only keeper of a state directory until the returned function is called or the process ends.
 * Throws `state.in-use` with the pid of the one who is.
 *
 * Locks are numbered. Who finds that the holder of the highest number is dead links the next number, which succeeds for
 * one only, and holds the lock if its number is then still the highest. A lock file is never emptied or removed but by
 * its holder or by the holder of a higher one, so that a slow contender cannot take away a lock that came meanwhile.
 */
export function lockState(folder: string): () => void {
  const self = identityOf(process.pid);
  assert(self, 'this process runs');
  const beside = join(folder, `keeper.lock.${process.pid}.tmp`);
  writeFileSync(beside, JSON.stringify(self), { mode: 0o600 });
  try {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const number = tryLock(folder, beside);
      if (number === undefined) continue;
      const path = join(folder, `keeper.lock.${number}`);
      return () => truncateSync(path, 0);
    }
  } finally {
    rmSync(beside, { force: true });
  }
  throw new KinError('state.in-use', `others keep taking ${folder}`, { details: { path: folder } });
}

function tryLock(folder: string, beside: string): number | undefined {
  const highest = highestOf(folder);
  refuseLiving(folder, highest);
  const number = highest + 1;
  const path = join(folder, `keeper.lock.${number}`);
  try {
    linkSync(beside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw new KinError('state.unwritable', `cannot write ${path}`, { cause: error, details: { path } });
  }
  if (highestOf(folder) !== number) {
    rmSync(path, { force: true });
    return undefined;
  }
  for (const lower of numbersIn(folder)) {
    if (lower < number) rmSync(join(folder, `keeper.lock.${lower}`), { force: true });
  }
  return number;
}

function refuseLiving(folder: string, number: number): void {
  const holder = holderOf(join(folder, `keeper.lock.${number}`));
  if (!holder || !isAlive(holder)) return;
  throw new KinError('state.in-use', `process ${holder.pid} keeps ${folder}`, {
    details: { pid: holder.pid, path: folder },
  });
}

/** Empty when the holder let go; missing when a higher one took over. */
function holderOf(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

function numbersIn(folder: string): readonly number[] {
  return readdirSync(folder).flatMap((name) => {
    const digits = NAME.exec(name)?.[1];
    return digits === undefined ? [] : [Number(digits)];
  });
}

function highestOf(folder: string): number {
  return Math.max(0, ...numbersIn(folder));
}
