import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { systemClock as clock } from '../../src/base/clock.ts';

export const ROOT = dirname(dirname(import.meta.dirname));
const WITHIN_MS = 120_000;
const LOOK_MS = 50;

/** A process of this test with what it wrote. */
export interface Program {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  /** Its exit code, once all that it wrote was read; null when a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** How a command ended. */
export interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Starts a script of this project with the Node that runs the test. */
export function start(script: string, args: readonly string[]): Program {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: ROOT,
    env: bareEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out: string[] = [];
  const err: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, out: () => out.join(''), err: () => err.join(''), ended };
}

/** Runs `kintsugi` to its end. */
export async function kintsugi(...args: readonly string[]): Promise<Result> {
  const { ended, out, err } = start('bin/kintsugi.js', args);
  return { code: await ended, out: out(), err: err() };
}

/** Without what a person may have set for stacks of their own. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(
    ([name]) => name !== 'DATABASE_URL' && !name.startsWith('KINTSUGI_'),
  );
  return { ...Object.fromEntries(others), USER: 'tester' };
}

/**
 * Waits for a level that no event announces: resolves with the first answer of `look` that is neither undefined nor
 * false. A look that fails is a no. Rejects after two minutes with what the last one said.
 */
export async function until<T>(what: string, look: () => T | Promise<T>): Promise<Exclude<T, undefined | false>> {
  const untilMs = clock.monotonicMs() + WITHIN_MS;
  let last = 'nothing';
  while (clock.monotonicMs() < untilMs) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen as Exclude<T, undefined | false>;
      last = String(seen);
    } catch (error) {
      last = String(error);
    }
    await clock.sleep(LOOK_MS);
  }
  throw new Error(`not within ${WITHIN_MS / 1_000} s: ${what}; the last look: ${last}`);
}
