import { expect, test } from 'vitest';
import { VirtualClock } from '../../test/sim/virtual-clock.ts';
import { NOTHING_TOUCHED, type Step } from './plan.ts';
import { type Reading, type Signal, soak, timesOf } from './verification.ts';

/** Soaks for 1 s within 3 s on a signal that is what `readingAt` says after so many milliseconds. */
async function verify(readingAt: (ms: number) => Reading, times = { soakMs: 1_000, withinMs: 3_000 }) {
  const clock = new VirtualClock();
  const { signal } = new AbortController();
  const result = await clock.drive(
    soak({ of: { read: () => readingAt(clock.monotonicMs()) }, ...times, clock, signal }),
  );
  return { result, ms: clock.monotonicMs(), pending: clock.pending };
}

test('good from the start is good after the soak, and not before', async () => {
  expect(await verify(() => 'good')).toEqual({ result: 'good', ms: 1_000, pending: 0 });
});

test('bad to the end is bad when the time is over', async () => {
  expect(await verify(() => 'bad')).toMatchObject({ result: 'bad', ms: 3_000 });
});

test('nothing but missing readings is inconclusive, never good', async () => {
  expect(await verify(() => 'none')).toMatchObject({ result: 'inconclusive', ms: 3_000 });
});

test('one bad reading starts the soak again', async () => {
  expect(await verify((ms) => (ms === 900 ? 'bad' : 'good'))).toMatchObject({ result: 'good', ms: 1_950 });
});

test('one missing reading starts the soak again: blind is not good', async () => {
  expect(await verify((ms) => (ms === 900 ? 'none' : 'good'))).toMatchObject({ result: 'good', ms: 1_950 });
});

test('a signal that flaps faster than the soak never passes', async () => {
  expect(await verify((ms) => (ms % 500 === 0 ? 'bad' : 'good'))).toMatchObject({ result: 'bad', ms: 3_000 });
});

test('a soak that ends exactly when the time is over still counts', async () => {
  expect((await verify((ms) => (ms < 2_000 ? 'bad' : 'good'))).result).toBe('good');
  expect((await verify((ms) => (ms < 2_050 ? 'bad' : 'good'))).result).toBe('bad');
});

test('a soak that is longer than the time that it has can only fail', async () => {
  expect((await verify(() => 'good', { soakMs: 2_000, withinMs: 1_000 })).result).toBe('bad');
});

test('the wall clock may jump: only the time that passed counts', async () => {
  const clock = new VirtualClock();
  const { signal } = new AbortController();
  const read = () => {
    clock.jumpWall(3_600_000);
    return 'good' as const;
  };
  const result = soak({ of: { read }, soakMs: 1_000, withinMs: 3_000, clock, signal });
  expect(await clock.drive(result)).toBe('good');
  expect(clock.monotonicMs()).toBe(1_000);
});

test('an abort ends it at once with its reason', async () => {
  const clock = new VirtualClock();
  const stop = new AbortController();
  clock.after(200, () => stop.abort(new Error('no longer leads')));
  const result = soak({ of: { read: () => 'good' }, soakMs: 1_000, withinMs: 3_000, clock, signal: stop.signal });
  await expect(clock.drive(result)).rejects.toThrow('no longer leads');
  expect(clock.monotonicMs()).toBe(200);
});

/** A signal that says when it changes, and counts how often it is looked at. */
function changing(readings: Readonly<Record<number, Reading>>, clock: VirtualClock) {
  let level: Reading = 'good';
  let looks = 0;
  const listeners = new Set<() => void>();
  for (const [ms, reading] of Object.entries(readings)) {
    clock.after(Number(ms), () => {
      level = reading;
      for (const run of listeners) run();
    });
  }
  const of: Signal = {
    read: () => {
      looks++;
      return level;
    },
    onChange: (run) => {
      listeners.add(run);
      return () => void listeners.delete(run);
    },
  };
  return { of, looks: () => looks, listeners };
}

test('a signal that says when it changes is looked at then, and hardly otherwise', async () => {
  const clock = new VirtualClock();
  const { of, looks, listeners } = changing({ 333: 'bad', 334: 'good' }, clock);
  const { signal } = new AbortController();
  const result = await clock.drive(soak({ of, soakMs: 5_000, withinMs: 20_000, clock, signal }));
  expect({ result, ms: clock.monotonicMs() }).toEqual({ result: 'good', ms: 5_334 });
  expect(looks()).toBeLessThanOrEqual(9);
  expect(listeners.size).toBe(0);
  expect(clock.pending).toBe(0);
});

test('what cannot become good any more is not waited for', async () => {
  const clock = new VirtualClock();
  const { of } = changing({ 100: 'hopeless' }, clock);
  const { signal } = new AbortController();
  expect(await clock.drive(soak({ of, soakMs: 5_000, withinMs: 20_000, clock, signal }))).toBe('bad');
  expect(clock.monotonicMs()).toBe(100);
});

function stepOf(soakMs: number, verifyWithinMs: number): Step {
  const said = { effect: '', undo: '' };
  return { move: 'throttle', rung: 0, input: {}, touch: NOTHING_TOUCHED, ...said, soakMs, verifyWithinMs };
}

test('a rung soaks as long as the slowest of its steps, and of its class of failure', () => {
  expect(timesOf('tenant', [stepOf(7_000, 9_000), stepOf(1_000, 30_000)])).toEqual({ soakMs: 7_000, withinMs: 30_000 });
  expect(timesOf('overload', [stepOf(1_000, 2_000)])).toEqual({ soakMs: 10_000, withinMs: 10_000 });
});
