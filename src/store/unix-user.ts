import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir } from 'node:fs/promises';
import { KinError } from '../base/errors.ts';

/** An account of the operating system that a process can be given to. */
export interface UnixUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The account that PostgreSQL has to run under because it refuses to run as root: `postgres` where there is one, else
 * `nobody`. Undefined when this process is not root and so keeps its own. Throws `postgres.start-failed` without either.
 */
export function unprivilegedUser(): UnixUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const uid = numberFrom(['-u', name]);
    const gid = numberFrom(['-g', name]);
    if (uid && gid) return { name, uid, gid };
  }
  throw new KinError(
    'postgres.start-failed',
    'PostgreSQL refuses to run as root and there is no user postgres or nobody',
  );
}

function numberFrom(args: string[]): number | undefined {
  const { status, stdout } = spawnSync('id', args, { encoding: 'utf8' });
  return status === 0 ? Number(stdout) : undefined;
}

export interface RunResult {
  /** Undefined when a signal ended it. */
  readonly status: number | undefined;
  readonly output: string;
}

/**
 * Runs a command to its end under `user` (this process's own when undefined), with a bare environment and without
 * supplementary groups; `input` is its standard input. Rejects with the system's error when it cannot be started.
 */
export async function runAs(
  user: UnixUser | undefined,
  command: string,
  args: readonly string[],
  input = '',
): Promise<RunResult> {
  const child = spawn(command, args, {
    cwd: '/',
    env: bareEnvironment(),
    ...(user ? { uid: user.uid, gid: user.gid } : {}),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  child.stdout.on('data', (chunk) => output.push(String(chunk)));
  child.stderr.on('data', (chunk) => output.push(String(chunk)));
  // It may end without reading its input; its exit code tells.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [status] = (await once(child, 'close')) as [number | null];
  return { status: status ?? undefined, output: output.join('') };
}

/** Nothing of Kintsugi's own environment, secrets above all; messages in the language that is compared below. */
export function bareEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

/**
 * Makes sure of a folder that `user` can pass through, for what cannot stay where it is. Rejects with
 * `postgres.start-failed` when one of its parents is closed, or with the system's error.
 */
export async function openSharedFolder(path: string, user: UnixUser): Promise<void> {
  const made = await mkdir(path, { recursive: true });
  // Independent of the umask; a folder that was there keeps the mode its owner gave it.
  if (made !== undefined) await chmod(path, 0o711);
  if (await canEnter(user, path)) return;
  throw new KinError('postgres.start-failed', `the user ${user.name} cannot reach ${path}`, { details: { path } });
}

/** Asks by trying, so that access lists and mounts have their say. */
export async function canEnter(user: UnixUser, folder: string): Promise<boolean> {
  return (await runAs(user, '/bin/sh', ['-c', 'cd "$0"', folder])).status === 0;
}
