import type { Random } from '../../src/base/random.ts';
import { systemClock as clock } from '../../src/base/clock.ts';
import type { Stack } from '../e2e/stack.ts';

/** What was done to whom. */
export interface Blow {
  readonly what: 'kill' | 'pause' | 'hang';
  readonly whom: string;
}

/** Workloads that own data come back in place and take longer; they are hit less often. */
const WEIGHTS: readonly (readonly [RegExp, number])[] = [
  [/^control$/, 4],
  [/^(?:gateway|ledger|postgres)/, 1],
  [/^database/, 0.5],
  [/./, 3],
];
/** A paused process goes on after at most this time; a hung instance is for the healer to replace. */
const PAUSE_MS_MAX = 6_000;

/** Strikes a random process of a stack: SIGKILL, or SIGSTOP with or without a SIGCONT that follows. */
export class Blows {
  readonly #stack: Stack;
  readonly #random: Random;

  constructor(stack: Stack, random: Random) {
    this.#stack = stack;
    this.#random = random;
  }

  /** Undefined when there was nobody to strike at this moment. */
  async strike(): Promise<Blow | undefined> {
    const children = await this.#stack.keeper.list().catch(() => []);
    const running = children.filter(({ state, pid }) => state === 'running' && pid !== null);
    const victim = this.#choose(running);
    if (!victim || victim.pid === null) return undefined;
    const { id, pid, role } = victim;
    const isOurs = role === 'system';
    const what = this.#random.next() < 0.6 ? 'kill' : isOurs ? 'pause' : 'hang';
    if (!send(pid, what === 'kill' ? 'SIGKILL' : 'SIGSTOP')) return undefined;
    if (what === 'pause') {
      await clock.sleep(this.#random.next() * PAUSE_MS_MAX);
      send(pid, 'SIGCONT');
    }
    return { what, whom: id };
  }

  #choose<T extends { readonly id: string }>(children: readonly T[]): T | undefined {
    const weighed = children.map((child) => ({ child, weight: WEIGHTS.find(([name]) => name.test(child.id))![1] }));
    let left = this.#random.next() * weighed.reduce((sum, { weight }) => sum + weight, 0);
    for (const { child, weight } of weighed) {
      left -= weight;
      if (left <= 0) return child;
    }
    return undefined;
  }
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    // It ended by itself a moment ago.
    return false;
  }
}
