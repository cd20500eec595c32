import { expect, test } from 'vitest';
import { afterEnd, NO_RESTARTS, RESTARTS, type RestartHistory } from './restart-intensity.ts';

function endings(times: readonly number[], livedMs = 0) {
  let history: RestartHistory = NO_RESTARTS;
  return times.map((at) => {
    const verdict = afterEnd(history, at, livedMs);
    history = verdict.history;
    return verdict;
  });
}

test('delays double from 100 ms to 5 s', () => {
  const delays = endings([0, 1, 2, 3, 4, 5, 6, 7]).map(({ delayMs }) => delayMs);
  expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
});

test('a life of 10 s begins the delays anew', () => {
  const { history } = afterEnd({ endsMs: [], lastDelayMs: 5000 }, 100_000, RESTARTS.soundLifeMs);
  expect(history.lastDelayMs).toBe(100);
  expect(afterEnd(history, 100_001, 0).delayMs).toBe(200);
});

test('the eleventh end within a minute gives up, and the history begins anew', () => {
  const verdicts = endings(Array.from({ length: 12 }, (_, i) => i * 1000));
  expect(verdicts.map(({ gaveUp }) => gaveUp).indexOf(true)).toBe(10);
  expect(verdicts[10]).toMatchObject({ delayMs: 60_000, history: NO_RESTARTS });
  expect(verdicts[11]).toMatchObject({ delayMs: 100, gaveUp: false });
});

test('ends that are spread out never give up', () => {
  const verdicts = endings(Array.from({ length: 100 }, (_, i) => i * 6_000));
  expect(verdicts.some(({ gaveUp }) => gaveUp)).toBe(false);
});
