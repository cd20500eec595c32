import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync, statSync } from 'node:fs';
import { assert } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import { describeError, KinError } from '../../base/errors.ts';
import { openLifeline, watchLifeline } from './lifeline.ts';
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts';

/** How a process ended; both null when it was adopted, since only its parent is told. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process that runs, whether this keeper started it or found it. */
export interface LiveProcess {
  readonly identity: ProcessIdentity;
  /** Resolves once, when the process is gone. Never rejects. */
  readonly gone: Promise<ProcessEnd>;
  /** To the process, or to everything in its session's first group. Does nothing when it is gone. */
  signal(name: NodeJS.Signals, whole: 'process' | 'group'): void;
}

export interface Launch {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Both outputs are appended to this file: a pipe would break when the keeper dies. */
  readonly outputPath: string;
  readonly lifelinePath: string;
}

/**
 * Starts a process in a session of its own, so that the terminal's Ctrl-C and the keeper's death do not reach it.
 * Rejects with `instance.start-failed` when the folder or the command is missing; then nothing runs.
 */
export async function spawnProcess(launch: Launch): Promise<LiveProcess> {
  const [word, ...args] = launch.command;
  assert(word !== undefined, 'a command has at least one word');
  if (!statSync(launch.cwd, { throwIfNoEntry: false })?.isDirectory()) {
    throw startFailed(word, `the folder ${launch.cwd} is not there`);
  }
  try {
    return await spawnWith(launch, word, args);
  } catch (error) {
    throw error instanceof KinError ? error : startFailed(word, describeError(error), error);
  }
}

async function spawnWith(launch: Launch, word: string, args: readonly string[]): Promise<LiveProcess> {
  const lifeline = await openLifeline(launch.lifelinePath);
  const output = openSync(launch.outputPath, 'a', 0o600);
  try {
    const child = spawn(word === 'node' ? process.execPath : word, args, {
      cwd: launch.cwd,
      env: { ...launch.env },
      detached: true,
      stdio: ['ignore', output, output, lifeline.writeEnd],
    });
    return await ownChild(child);
  } finally {
    closeSync(output);
    lifeline.close();
  }
}

async function ownChild(child: ChildProcess): Promise<LiveProcess> {
  if (child.pid === undefined) {
    const [cause] = (await once(child, 'error')) as [unknown];
    throw cause;
  }
  let running = true;
  const gone = new Promise<ProcessEnd>((resolve) => {
    child.once('exit', (code, signal) => {
      running = false;
      resolve({ code, signal });
    });
  });
  child.on('error', () => {});
  const identity = identityOf(child.pid) ?? { pid: child.pid, startTime: 'unknown' };
  return { identity, gone, signal: (name, whole) => void (running && send(identity.pid, name, whole)) };
}

function startFailed(word: string, reason: string, cause?: unknown): KinError {
  return new KinError('instance.start-failed', `cannot start ${word}: ${reason}`, {
    cause,
    details: { command: word },
  });
}

/** Between two looks at an adopted process, in case that something else holds its lifeline open or it closed it itself. */
const LOOK_MS = 1_000;

/** Takes over a process that an earlier keeper started. Undefined when it is gone. */
export function adoptProcess(identity: ProcessIdentity, lifelinePath: string, clock: Clock): LiveProcess | undefined {
  const { promise: gone, resolve } = Promise.withResolvers<ProcessEnd>();
  let waitMs = LOOK_MS;
  let cancel = () => {};
  const look = () => {
    cancel();
    if (!isAlive(identity)) return end();
    cancel = clock.after(waitMs, look);
    waitMs = Math.min(waitMs * 2, LOOK_MS);
  };
  const unwatch = watchLifeline(lifelinePath, () => {
    // The kernel closes the files of a process a moment before it counts as gone.
    waitMs = 1;
    look();
  });
  const end = () => {
    unwatch();
    resolve({ code: null, signal: null });
  };
  if (!isAlive(identity)) {
    end();
    return undefined;
  }
  look();
  const signal = (name: NodeJS.Signals, whole: 'process' | 'group') => {
    if (isAlive(identity)) send(identity.pid, name, whole);
  };
  return { identity, gone, signal };
}

function send(pid: number, name: NodeJS.Signals, whole: 'process' | 'group'): void {
  try {
    process.kill(whole === 'group' ? -pid : pid, name);
  } catch {
    // It ended first; its end is reported on its own.
  }
}

/** Ends what a process left behind in its group. Only right after its end: later the number may be somebody else's. */
export function endLeftovers(identity: ProcessIdentity, lifelinePath: string): void {
  send(identity.pid, 'SIGKILL', 'group');
  rmSync(lifelinePath, { force: true });
}
