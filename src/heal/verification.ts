import type { Clock } from '../base/clock.ts';
import type { Cause } from '../resources/playbook.ts';
import type { Step } from './plan.ts';
import { SLOWEST_FAILURE_MS } from './slowest-failure.ts';

/**
 * What the independent signal says now. `none` is neither good nor bad; `hopeless` is bad and cannot become good any more
 * (what was put in place is gone), so that waiting for it would only lose time.
 */
export type Reading = 'good' | 'bad' | 'none' | 'hopeless';

/** What a repair is verified by: never what triggered it, and never the word of a driver that something was done. */
export interface Signal {
  /** The level at this moment. */
  read(): Reading;
  /**
   * Calls `run` whenever the level may have changed; the returned function ends that. Without it the level is looked at
   * again and again.
   */
  onChange?(run: () => void): () => void;
}

/** How often the signal is looked at that does not say when it changes. */
const LOOK_MS = 50;
/** How often one is looked at that does: time alone turns good into none. */
const RELOOK_MS = 1_000;

/**
 * For how long the signal must stay good after these steps of one rung, and within which time. A soak that is shorter than
 * the slowest known failure of the class would end before a relapse could show: a plan may ask for more, never for less.
 */
export function timesOf(cause: Cause, steps: readonly Step[]): { readonly soakMs: number; readonly withinMs: number } {
  const soakMs = Math.max(SLOWEST_FAILURE_MS[cause], ...steps.map((step) => step.soakMs));
  return { soakMs, withinMs: Math.max(soakMs, ...steps.map((step) => step.verifyWithinMs)) };
}

/**
 * Whether the signal was good without a break for `soakMs`, within `withinMs`. A bad or missing reading starts the soak
 * again. `inconclusive` (never anything but `none`) counts as failed, but is told apart for the record. Rejects with the
 * reason of `signal` when it aborts.
 */
export async function soak(options: {
  readonly of: Signal;
  readonly soakMs: number;
  readonly withinMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<'good' | 'bad' | 'inconclusive'> {
  const { of, soakMs, withinMs, clock, signal } = options;
  const endsMs = clock.monotonicMs() + withinMs;
  let goodSinceMs: number | undefined;
  let sawAny = false;
  for (;;) {
    const nowMs = clock.monotonicMs();
    const reading = of.read();
    if (reading === 'hopeless') return 'bad';
    if (reading === 'good') goodSinceMs ??= nowMs;
    else goodSinceMs = undefined;
    sawAny ||= reading !== 'none';
    const soakedMs = (goodSinceMs ?? Number.POSITIVE_INFINITY) + soakMs;
    if (nowMs >= soakedMs) return 'good';
    if (nowMs >= endsMs) return sawAny ? 'bad' : 'inconclusive';
    await changeOf(of, Math.min(soakedMs, endsMs) - nowMs, clock, signal);
  }
}

/** Resolves when it is time to look again: at a change, and after `ms` at the latest. */
async function changeOf(of: Signal, ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  if (!of.onChange) return clock.sleep(Math.min(ms, LOOK_MS), signal);
  const changed = new AbortController();
  const end = of.onChange(() => changed.abort());
  try {
    await clock.sleep(Math.min(ms, RELOOK_MS), AbortSignal.any([signal, changed.signal]));
  } catch (error) {
    if (signal.aborted || !changed.signal.aborted) throw error;
  } finally {
    end();
  }
}
