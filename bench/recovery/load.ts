import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { type Random, seededRandom } from '../../src/base/random.ts';
import type { Answer } from './figures.ts';

/** Where requests go, and what they carry. */
export interface Target {
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
}

export const LOAD = { requestsPerSecond: 150, deadlineMs: 5_000, putShare: 0.3 } as const;

/** More than can be waiting: the rate times the deadline. */
const CONNECTIONS_MAX = 1_024;
const ITEMS = 500;
/** Shorter than any server here keeps an idle connection, so that the client does not send into one being closed. */
const IDLE_MS = 1_000;

/**
 * Requests that arrive at random and do not wait for earlier answers (open loop, Poisson); equal seeds give equal
 * arrivals. Kept connections, one deadline, no repeats: what the balancer does not hide, the client feels.
 */
export class Load {
  readonly #pool: Pool;
  readonly #target: Target;
  readonly #random: Random;
  readonly #answers: Answer[] = [];
  readonly #waiting = new Set<Promise<void>>();
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(target: Target, seed: number) {
    this.#target = target;
    this.#random = seededRandom(seed);
    this.#pool = new Pool(target.origin, {
      connections: CONNECTIONS_MAX,
      pipelining: 1,
      connect: { timeout: LOAD.deadlineMs },
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
    });
    this.#running = this.#run();
  }

  /** Sends no more, waits for the answers that are out (the deadline at most), and gives all of them. */
  async stop(): Promise<readonly Answer[]> {
    this.#stopped = true;
    await this.#running;
    await Promise.all(this.#waiting);
    await this.#pool.destroy();
    return this.#answers;
  }

  async #run(): Promise<void> {
    let dueMs = performance.now();
    while (!this.#stopped) {
      dueMs += (-Math.log(1 - this.#random.next()) * 1_000) / LOAD.requestsPerSecond;
      const waitMs = dueMs - performance.now();
      if (waitMs > 1) await sleep(waitMs);
      const sent = this.#send(dueMs).finally(() => this.#waiting.delete(sent));
      this.#waiting.add(sent);
    }
  }

  async #send(dueMs: number): Promise<void> {
    const isPut = this.#random.next() < LOAD.putShare;
    const path = `/task/${Math.floor(this.#random.next() * ITEMS)}`;
    let good = false;
    try {
      const response = await this.#pool.request({
        method: isPut ? 'PUT' : 'GET',
        path,
        headers: this.#target.headers,
        body: isPut ? 'x'.repeat(200) : null,
        signal: AbortSignal.timeout(LOAD.deadlineMs),
      });
      await response.body.dump();
      good = response.statusCode >= 200 && response.statusCode < 300;
    } catch {
      // No answer within the deadline or a cut connection: what clients call failed.
    }
    this.#answers.push({ dueMs, endMs: performance.now(), good });
  }
}
