import type { Clock } from './clock.ts';

/**
 * Calls `run` every `ms`, and seldomer when it takes long: after each call it rests until no more than `share` of the time
 * was work. What has no end may go on for ever beside what must be quick. The returned function cancels.
 */
export function dutyCycle(clock: Clock, ms: number, share: number, run: () => Promise<void>): () => void {
  let restsUntilMs = 0;
  return clock.every(ms, async () => {
    const startedMs = clock.monotonicMs();
    if (startedMs < restsUntilMs) return;
    await run();
    restsUntilMs = startedMs + (clock.monotonicMs() - startedMs) / share;
  });
}
