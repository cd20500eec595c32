import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import { jittered, type Random } from '../base/random.ts';
import type { Collector, KeepTranscript } from './collector.ts';
import type { Fact } from './fact.ts';

/** A stack that starts has nothing to look at yet; it must not wait an hour for the first look. */
const NOTHING_YET_MS = 10_000;
/** However often somebody asks for another look, what is looked at is left alone for so long in between. */
const HURRIED_MS = 2_000;

/** Who hears what collectors measured, or why one measured nothing. */
export interface CollectorListener {
  /** `beganAt`: what was changed later is not in it. */
  onReport(collector: Collector, facts: readonly Fact[], beganAt: number): void;
  onBlind(collector: Collector, reason: string): void;
  readonly keep?: KeepTranscript;
}

/**
 * Owns the rhythm of all collectors: each runs at its own, jittered, with its own deadline, and never twice at once. One
 * that throws, hangs or answers with facts that are not its own harms nothing but its own facts.
 */
export class CollectorRounds {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #listener: CollectorListener;
  readonly #stopping = new AbortController();
  /** By name of the collector: ends its wait for the next look. */
  readonly #waits = new Map<string, AbortController>();
  readonly #hurried = new Set<string>();

  constructor(options: { readonly clock: Clock; readonly random: Random; readonly listener: CollectorListener }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#listener = options.listener;
  }

  start(collectors: readonly Collector[]): void {
    for (const collector of collectors) void this.#repeat(collector);
  }

  close(): void {
    this.#stopping.abort();
  }

  /** The named collector looks again soon, whatever its rhythm: something turned, or a repair waits for its word. */
  hurry(collector: string): void {
    this.#hurried.add(collector);
    this.#waits.get(collector)?.abort();
  }

  async #repeat(collector: Collector): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const sawAny = await this.#once(collector, signal);
      const waitMs = sawAny ? collector.everyMs : Math.min(collector.everyMs, NOTHING_YET_MS);
      await this.#wait(collector.name, jittered(waitMs, this.#random), signal);
    }
  }

  async #wait(name: string, ms: number, stopping: AbortSignal): Promise<void> {
    const wait = new AbortController();
    const beganMs = this.#clock.monotonicMs();
    this.#waits.set(name, wait);
    if (this.#hurried.delete(name)) wait.abort();
    await this.#clock.sleep(ms, AbortSignal.any([wait.signal, stopping])).catch(() => undefined);
    this.#hurried.delete(name);
    const leastMs = Math.min(ms, HURRIED_MS) - (this.#clock.monotonicMs() - beganMs);
    if (wait.signal.aborted && leastMs > 0) await this.#clock.sleep(leastMs, stopping).catch(() => undefined);
  }

  /** Resolves with whether there was anything to look at. */
  async #once(collector: Collector, stopping: AbortSignal): Promise<boolean> {
    const deadline = this.#clock.deadline(collector.timeoutMs, stopping);
    const beganAt = this.#clock.now();
    try {
      const facts = await Promise.race([
        collector.collect(deadline, this.#listener.keep),
        rejected(deadline, collector.timeoutMs),
      ]);
      if (stopping.aborted) return false;
      const strange = facts.find((fact) => !collector.facts.includes(fact.name) || fact.collector !== collector.name);
      if (strange) this.#listener.onBlind(collector, `it reported ${strange.name}, which is not its own`);
      else this.#listener.onReport(collector, facts, beganAt);
      return facts.length > 0;
    } catch (error) {
      if (!stopping.aborted) this.#listener.onBlind(collector, describeError(error));
      return true;
    }
  }
}

/** One that does not obey its signal is left behind. */
function rejected(signal: AbortSignal, timeoutMs: number): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`it took longer than ${timeoutMs / 1000} s`)), {
      once: true,
    });
  });
}
