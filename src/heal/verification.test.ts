import { expect, test } from 'vitest';
import { VirtualClock } from '../../test/sim/virtual-clock.ts';
import { type Reading, soak } from './verification.ts';

/** Soaks for 1 s within 3 s on a signal that is what `readingAt` says after so many milliseconds. */
async function verify(readingAt: (ms: number) => Reading, times = { soakMs: 1_000, withinMs: 3_000 }) {
  const clock = new VirtualClock();
  const { signal } = new AbortController();
  const result = await clock.drive(soak({ read: () => readingAt(clock.monotonicMs()), ...times, clock, signal }));
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
  const result = soak({ read, soakMs: 1_000, withinMs: 3_000, clock, signal });
  expect(await clock.drive(result)).toBe('good');
  expect(clock.monotonicMs()).toBe(1_000);
});

test('an abort ends it at once with its reason', async () => {
  const clock = new VirtualClock();
  const stop = new AbortController();
  clock.after(200, () => stop.abort(new Error('no longer leads')));
  const result = soak({ read: () => 'good', soakMs: 1_000, withinMs: 3_000, clock, signal: stop.signal });
  await expect(clock.drive(result)).rejects.toThrow('no longer leads');
  expect(clock.monotonicMs()).toBe(200);
});
