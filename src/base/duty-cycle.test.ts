import { expect, test } from 'vitest';
import { VirtualClock } from '../../test/sim/virtual-clock.ts';
import { dutyCycle } from './duty-cycle.ts';

test.each([
  { takesMs: 0, calls: 100 },
  { takesMs: 300, calls: 10 },
])('work of $takesMs ms is done $calls times in 100 beats of a second', async ({ takesMs, calls }) => {
  const clock = new VirtualClock(0);
  let done = 0;
  const stop = dutyCycle(clock, 1000, 0.03, async () => {
    done += 1;
    if (takesMs > 0) await clock.sleep(takesMs);
  });
  await clock.advance(100_000);
  stop();
  await clock.advance(100_000);
  expect(done).toBe(calls);
});
