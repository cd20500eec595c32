import { describe, expect, test } from 'vitest';
import { type BurnState, type BurnStatus, burnStatus, countRequests, startBurn } from './burn-rate.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = 1_700_000_000_000;
const STEP = 15_000;
const objective = { target: 0.999, counts: 'failed' } as const;

/** Steady traffic, of which `failedShare` fails. */
function feed(state: BurnState, fromMs: number, toMs: number, failedShare: number, perStep = 1_000): void {
  for (let at = fromMs; at < toMs; at += STEP) {
    countRequests(state, at, { total: perStep, failed: failedShare * perStep, slow: 0 });
  }
}

function burn(status: BurnStatus, pair: string) {
  return status.burns.find((each) => each.pair === pair)!;
}

/** How long after the fault the pair is burning, and how long after its end it is not any more. */
function times(
  pair: string,
  failedShare: number,
  historyMs: number,
  faultMs: number,
): { found: number; reset: number } {
  const state = startBurn();
  feed(state, START - historyMs, START, 0);
  let found = Number.NaN;
  let reset = Number.NaN;
  for (let at = START; at < START + faultMs + 8 * HOUR && Number.isNaN(reset); at += STEP) {
    feed(state, at, at + STEP, at < START + faultMs ? failedShare : 0);
    const { isBurning } = burn(burnStatus(state, objective, at + STEP - 1), pair);
    if (isBurning && Number.isNaN(found)) found = at + STEP - START;
    if (!isBurning && at >= START + faultMs) reset = at + STEP - START - faultMs;
  }
  return { found, reset };
}

describe('a fault is found and let go as the workbook calculates', () => {
  // factor x (1 - target) x long / share; short x (1 - factor x (1 - target) / share)
  test.each([
    ['page quick', 1, 52, 5 * 60],
    ['page quick', 0.1, 8.64 * 60, 4.28 * 60],
    ['page quick', 0.02, 43.2 * 60, 84],
    ['page slow', 0.1, 21.6 * 60, 28.2 * 60],
    ['page slow', 0.01, 3.6 * 3_600, 12 * 60],
    ['ticket quick', 0.05, 86.4 * 60, 1.88 * 3_600],
    ['ticket slow', 0.1, 43.2 * 60, 5.94 * 3_600],
  ])('%s at a share of %f', (pair, share, foundS, resetS) => {
    const long = { 'page quick': HOUR, 'page slow': 6 * HOUR, 'ticket quick': DAY, 'ticket slow': 3 * DAY }[pair]!;
    const short = long / 12;
    const { found, reset } = times(pair, share, long * 1.1, Math.max(foundS * 1_100, short * 1.1));
    expect(Math.abs(found / 1_000 - foundS)).toBeLessThan(0.05 * foundS + 30);
    // The short window is short by up to a thirtieth.
    expect(Math.abs(reset / 1_000 - resetS)).toBeLessThan(short / 1_000 / 30 + 30);
  });

  test('and less than the factor is never found', () => {
    expect(times('page quick', 0.0143, 1.1 * HOUR, 2 * HOUR).found).toBeNaN();
    expect(times('page quick', 0.0146, 1.1 * HOUR, 2 * HOUR).found).not.toBeNaN();
  });
});

test('latency is an objective like any other', () => {
  const state = startBurn();
  for (let at = START; at < START + HOUR; at += STEP) countRequests(state, at, { total: 100, failed: 0, slow: 40 });
  const now = START + HOUR;
  expect(burn(burnStatus(state, { target: 0.99, counts: 'slow' }, now), 'page quick').isBurning).toBe(true);
  expect(burn(burnStatus(state, { target: 0.99, counts: 'failed' }, now), 'page quick').isBurning).toBe(false);
});

describe('low traffic', () => {
  test('one failure of ten requests an hour is no burn of a hundred', () => {
    const state = startBurn();
    for (let request = 0; request < 100; request++) {
      countRequests(state, START + request * 6 * MINUTE, { total: 1, failed: request === 99 ? 1 : 0, slow: 0 });
    }
    const { burns } = burnStatus(state, objective, START + 10 * HOUR);
    expect(burns.some(({ isBurning }) => isBurning)).toBe(false);
    expect(burns.find(({ pair }) => pair === 'page quick')).toMatchObject({ isTooQuiet: true });
  });

  test('an outage is still found, by the windows that are long enough', () => {
    const state = startBurn();
    for (let request = 0; request < 100; request++) {
      countRequests(state, START + request * 6 * MINUTE, { total: 1, failed: request >= 90 ? 1 : 0, slow: 0 });
    }
    const status = burnStatus(state, objective, START + 10 * HOUR);
    expect(burn(status, 'page quick')).toMatchObject({ isTooQuiet: true, isBurning: false });
    expect(burn(status, 'page slow')).toMatchObject({ isTooQuiet: false, isBurning: true });
  });

  test('no traffic is neither burning nor well', () => {
    const { burns, budgetLeft, exhaustedInMs } = burnStatus(startBurn(), objective, START);
    expect(burns.every(({ isTooQuiet, isBurning }) => isTooQuiet && !isBurning)).toBe(true);
    expect([budgetLeft, exhaustedInMs]).toEqual([null, null]);
  });
});

describe('the budget', () => {
  test('is spent in proportion over the period', () => {
    const state = startBurn();
    feed(state, START, START + 15 * DAY, 0.001);
    const { budgetLeft, exhaustedInMs } = burnStatus(state, objective, START + 15 * DAY);
    expect(budgetLeft).toBeCloseTo(0.5, 1);
    expect(exhaustedInMs! / DAY).toBeCloseTo(15, 0);
  });

  test('runs out sooner the faster it burns, and is zero when it is overspent', () => {
    const state = startBurn();
    feed(state, START, START + 10 * DAY, 0);
    feed(state, START + 10 * DAY, START + 10 * DAY + HOUR, 0.1);
    // A burn of 100 for an hour spends 14 % of a month's budget, and the rest within 6.2 hours.
    const burning = burnStatus(state, objective, START + 10 * DAY + HOUR);
    expect(burning.budgetLeft).toBeCloseTo(0.86, 1);
    expect(burning.exhaustedInMs! / HOUR).toBeCloseTo(6.2, 0);
    feed(state, START + 10 * DAY + HOUR, START + 11 * DAY, 0.1);
    const spent = burnStatus(state, objective, START + 11 * DAY);
    expect(spent.budgetLeft).toBeLessThan(0);
    expect(spent.exhaustedInMs).toBe(0);
  });

  test('of a new tenant is not gone by its first failure', () => {
    const state = startBurn();
    feed(state, START, START + HOUR, 0, 10);
    countRequests(state, START + HOUR, { total: 1, failed: 1, slow: 0 });
    expect(burnStatus(state, objective, START + HOUR).budgetLeft).toBeGreaterThan(0.99);
  });

  test('that does not burn is not exhausted', () => {
    const state = startBurn();
    feed(state, START, START + HOUR, 0);
    expect(burnStatus(state, objective, START + HOUR)).toMatchObject({ budgetLeft: 1, exhaustedInMs: null });
  });
});

test('a drill has the same factors over a shorter period', () => {
  const state = startBurn(12 * HOUR);
  for (let at = START; at < START + 5 * MINUTE; at += 1_000)
    countRequests(state, at, { total: 100, failed: 2, slow: 0 });
  const quick = burn(burnStatus(state, objective, START + 5 * MINUTE - 1), 'page quick');
  expect(quick).toMatchObject({ isBurning: true });
  expect(quick.factor).toBeCloseTo(14.4, 9);
  expect(quick.long).toBeCloseTo(20, 6);
});
