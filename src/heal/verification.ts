import type { Clock } from '../base/clock.ts';

/**
 * What the independent signal says now. `none` is neither good nor bad; `hopeless` is bad and cannot become good any more
 * (what was put in place is gone), so that waiting for it would only lose time.
 */
export type Reading = 'good' | 'bad' | 'none' | 'hopeless';

/** How often the signal is looked at. It is a level: looking more often only makes the end of the soak sharper. */
const LOOK_MS = 50;

/**
 * Whether the signal was good without a break for `soakMs`, within `withinMs`. A bad or missing reading starts the soak
 * again. `inconclusive` (never anything but `none`) counts as failed, but is told apart for the record. Rejects with the
 * reason of `signal` when it aborts.
 */
export async function soak(options: {
  readonly read: () => Reading;
  readonly soakMs: number;
  readonly withinMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<'good' | 'bad' | 'inconclusive'> {
  const { read, soakMs, withinMs, clock, signal } = options;
  const startedMs = clock.monotonicMs();
  let goodSinceMs: number | undefined;
  let sawBad = false;
  let sawGood = false;
  for (;;) {
    const nowMs = clock.monotonicMs();
    const reading = read();
    if (reading === 'hopeless') return 'bad';
    if (reading === 'good') goodSinceMs ??= nowMs;
    else goodSinceMs = undefined;
    sawGood ||= reading === 'good';
    sawBad ||= reading === 'bad';
    if (goodSinceMs !== undefined && nowMs - goodSinceMs >= soakMs) return 'good';
    if (nowMs - startedMs >= withinMs) return sawBad || sawGood ? 'bad' : 'inconclusive';
    await clock.sleep(LOOK_MS, signal);
  }
}
