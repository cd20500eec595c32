import fc from 'fast-check';
import { expect, test } from 'vitest';
import { longestLoss, lookedAt, lostBetween, type WalHistory, type WalLook } from './wal-history.ts';

const LOOK_MS = 15_000;
const look = (at: number, of: Partial<WalLook>): WalLook => {
  return { at, identifier: 'a', timeline: 1, startedAt: 'first', flushed: 0, redo: 0, forkedAt: null, ...of };
};

test('a log that only grows lost nothing, however often its server starts again', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1_000), fc.boolean()), { maxLength: 200 }), (steps) => {
      let [at, flushed, starts] = [0, 0, 0];
      let history: WalHistory | undefined;
      for (const [grown, restarts] of steps) {
        at += LOOK_MS;
        // The checkpoint that ends a recovery begins where the log ended; later ones begin later.
        const redo = restarts ? flushed + Math.floor(grown / 2) : 0;
        flushed += grown;
        if (restarts) starts += 1;
        history = lookedAt(history, look(at, { flushed, redo, startedAt: String(starts) }));
      }
      expect(history === undefined ? 0 : longestLoss(history)).toBe(0);
    }),
  );
});

test('the span that is told is never shorter than what was lost, also of a long history that is kept less closely', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 2_000 }), fc.nat(), (looks, pick) => {
      let history: WalHistory | undefined;
      for (let index = 0; index < looks; index += 1)
        history = lookedAt(history, look(index * LOOK_MS, { flushed: index * 100 }));
      const backTo = pick % (looks - 1);
      const back = look(looks * LOOK_MS, { flushed: backTo * 100 + 90, redo: backTo * 100, startedAt: 'second' });
      const lostMs = (looks - 1 - backTo) * LOOK_MS;
      const told = longestLoss(lookedAt(history, back)) ?? -1;
      expect(told).toBeGreaterThanOrEqual(lostMs);
      if (looks <= 600) expect(told).toBe(lostMs);
    }),
    { numRuns: 50 },
  );
});

test('what a drill cost is told once every server was looked at after it', () => {
  const first = lookedAt(undefined, look(0, { flushed: 40 }));
  const before = lookedAt(first, look(10_000, { flushed: 100 }));
  const lost = lookedAt(before, look(30_000, { flushed: 60, redo: 50, startedAt: 'second' }));
  expect(lostBetween([], 0, 10_000)).toBeNull();
  expect(lostBetween([before], 0, 20_000)).toBeNull();
  expect(lostBetween([lost, before], 0, 20_000)).toBeNull();
  expect(lostBetween([lost], 15_000, 20_000)).toBe(10_000);
  expect(lostBetween([lost], 30_001, 30_000)).toBe(0);
  const another = lookedAt(lost, look(45_000, { identifier: 'b' }));
  expect(lostBetween([another], 40_000, 45_000)).toBeNull();
});
