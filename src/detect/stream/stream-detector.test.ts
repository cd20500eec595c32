import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Random, seededRandom } from '../../base/random.ts';
import { createStreamDetector, type Reading, type StreamDetector, type StreamState } from './stream-detector.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const START_AT = Date.UTC(2024, 0, 1);

type Point = readonly [at: number, value: number];

function gauss(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

function series(count: number, stepMs: number, valueAt: (i: number, at: number) => number): Point[] {
  return Array.from({ length: count }, (_, i) => [START_AT + i * stepMs, valueAt(i, START_AT + i * stepMs)]);
}

function feed(detector: StreamDetector, points: readonly Point[], state = detector.start()): Reading[] {
  return points.map(([at, value]) => detector.step(state, at, value));
}

function openedAt(readings: readonly Reading[], channel: 'novel' | 'local'): number[] {
  return [...readings.keys()].filter((i) => readings[i]!.opened.includes(channel));
}

/** Values and intervals of all kinds, the wrong ones too. */
const anyPoints: fc.Arbitrary<Point[]> = fc
  .array(
    fc.tuple(
      fc.constantFrom(0, 1_000, MINUTE_MS, MINUTE_MS, MINUTE_MS, HOUR_MS, 3 * DAY_MS, -MINUTE_MS, Number.NaN),
      fc.oneof(
        { weight: 8, arbitrary: fc.double({ min: -100, max: 100, noNaN: true }) },
        { weight: 2, arbitrary: fc.constantFrom(0, -0, 5, 5, 1e300, -1e300, 1e-300) },
        { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity) },
      ),
    ),
    { minLength: 150, maxLength: 400 },
  )
  .map((steps) => {
    let at = START_AT;
    return steps.map(([gap, value]): Point => {
      if (!Number.isNaN(gap)) at += gap;
      return [Number.isNaN(gap) ? gap : at, value];
    });
  });

describe('the fold', () => {
  test('goes on from a checkpoint at any point as if there had been none', () => {
    fc.assert(
      fc.property(anyPoints, fc.nat({ max: 399 }), (points, cut) => {
        const detector = createStreamDetector({ sensitivity: 5 });
        const state = detector.start();
        feed(detector, points.slice(0, cut), state);
        const restored: StreamState = JSON.parse(JSON.stringify(state));
        expect(restored).toEqual(state);
        const rest = points.slice(cut);
        expect(feed(createStreamDetector({ sensitivity: 5 }), rest, restored)).toEqual(feed(detector, rest, state));
        expect(JSON.stringify(restored)).toBe(JSON.stringify(state));
      }),
      { numRuns: 40 },
    );
  });

  test('says of a point what it would say if no point followed', () => {
    fc.assert(
      fc.property(anyPoints, fc.nat({ max: 399 }), (points, cut) => {
        const detector = createStreamDetector({ sensitivity: 5 });
        const whole = feed(detector, points);
        expect(feed(detector, points.slice(0, cut))).toEqual(whole.slice(0, cut));
      }),
      { numRuns: 40 },
    );
  });

  test('has one size: neither time nor strange values make the state grow', () => {
    const random = seededRandom(3);
    const detector = createStreamDetector();
    const state = detector.start();
    const leaves = (value: unknown): number =>
      value !== null && typeof value === 'object'
        ? Object.values(value).reduce((sum, each) => sum + leaves(each), 0)
        : 1;
    feed(
      detector,
      series(10, MINUTE_MS, () => gauss(random)),
      state,
    );
    const before = leaves(state);
    feed(
      detector,
      series(20_000, MINUTE_MS, () => 10 ** (20 * gauss(random))),
      state,
    );
    expect(leaves(state)).toBe(before);
    expect(JSON.stringify(state).length).toBeLessThan(32 * 1024);
  });

  test('never leaves a number in the state that JSON cannot hold', () => {
    fc.assert(
      fc.property(anyPoints, (points) => {
        const detector = createStreamDetector();
        const state = detector.start();
        const readings = feed(detector, points, state);
        expect(JSON.stringify(state)).not.toContain('null');
        expect(readings.every(({ novel, local }) => novel >= 0 && local >= 0 && Number.isFinite(novel + local))).toBe(
          true,
        );
      }),
      { numRuns: 40 },
    );
  });

  test('serves many series with one detector, each as if alone', () => {
    const random = seededRandom(4);
    const detector = createStreamDetector({ sensitivity: 5 });
    const all = Array.from({ length: 3 }, (_, k) =>
      series(400, MINUTE_MS, (i) => k * 100 + gauss(random) * (i > 350 ? 9 : 1)),
    );
    const alone = all.map((points) => feed(createStreamDetector({ sensitivity: 5 }), points));
    const states = all.map(() => detector.start());
    const together: Reading[][] = all.map(() => []);
    for (let i = 0; i < 400; i++) {
      for (const [k, points] of all.entries()) together[k]!.push(detector.step(states[k]!, ...points[i]!));
    }
    expect(together).toEqual(alone);
  });
});

describe('what is found', () => {
  test('a level that was never seen is novel at its first point, and explained', () => {
    const random = seededRandom(5);
    const readings = feed(
      createStreamDetector(),
      series(2_000, 5 * MINUTE_MS, (i) => (i < 1_500 ? 100 : 200) + gauss(random)),
    );
    expect(openedAt(readings, 'novel')).toEqual([1_500]);
    const { explanation } = readings[1_500]!;
    expect(explanation).toMatchObject({ channel: 'novel', perSecond: false });
    expect(explanation!.value).toBeGreaterThan(190);
    expect(explanation!.expected.low).toBeGreaterThan(90);
    expect(explanation!.expected.high).toBeLessThan(110);
    expect(explanation!.oneIn).toBeGreaterThan(1_000);
    expect(explanation!.fired).toBeGreaterThan(10);
    expect(explanation!.views).toHaveLength(5);
    for (const { seen, low, high, surprise } of explanation!.views) {
      expect(seen < low || seen > high).toBe(true);
      expect(surprise).toBeGreaterThan(1);
    }
  });

  test('a jump between levels that are both known is no news, but locally unusual', () => {
    const random = seededRandom(6);
    const level = (i: number) => (Math.floor(i / 1_000) % 2 === 0 ? 100 : 200);
    const points = series(9_000, 5 * MINUTE_MS, (i) => level(i) + gauss(random));
    const readings = feed(createStreamDetector(), points);
    const late = (channel: 'novel' | 'local') => openedAt(readings, channel).filter((i) => i >= 6_000);
    expect(late('novel')).toEqual([]);
    expect(late('local')).toEqual([6_000, 7_000, 8_000]);
    expect(readings[8_000]!.explanation).toMatchObject({ channel: 'local' });
  });

  test('a night without its usual fall is found by the season', () => {
    const random = seededRandom(7);
    const shape = (at: number) => 100 + 50 * Math.sin((2 * Math.PI * at) / DAY_MS);
    const stuckFrom = 13 * 288 + 144;
    const points = series(14 * 288, 5 * MINUTE_MS, (i, at) => (i < stuckFrom ? shape(at) : 100) + gauss(random));
    const readings = feed(createStreamDetector(), points);
    const found = openedAt(readings, 'novel').filter((i) => i > 7 * 288);
    expect(found).toHaveLength(1);
    expect(found[0]).toBeGreaterThan(stuckFrom);
    expect(found[0]).toBeLessThan(stuckFrom + 24);
    const named = readings[found[0]!]!.explanation!.views.map(({ view }) => view).join();
    expect(named).toMatch(/time of day|hour of the week/);
  });

  test('a quiet Sunday is no news once Sundays are known', () => {
    const random = seededRandom(8);
    const isWeekend = (at: number) => new Date(at).getUTCDay() % 6 === 0;
    const shape = (at: number) => (isWeekend(at) ? 20 : 100) * (1.5 + Math.sin((2 * Math.PI * at) / DAY_MS));
    const points = series(8 * 7 * 96, 15 * MINUTE_MS, (_, at) => shape(at) + gauss(random));
    const readings = feed(createStreamDetector(), points);
    expect(openedAt(readings, 'novel').filter((i) => i > 3 * 7 * 96)).toEqual([]);
  });

  test('a month of plain noise passes with hardly a word', () => {
    const random = seededRandom(9);
    const opened = Array.from({ length: 20 }, () => {
      const points = series(8_640, 5 * MINUTE_MS, () => 100 + gauss(random));
      return feed(createStreamDetector(), points).flatMap((reading) => reading.opened).length;
    });
    expect(opened.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(8);
  });
});

describe('how it is told', () => {
  test('an incident is told once, and again only when it is much worse', () => {
    const random = seededRandom(10);
    const level = (i: number) => (i < 1_000 ? 100 : i < 1_010 ? 130 : i < 1_020 ? 133 : 5_000);
    const points = series(1_030, 5 * MINUTE_MS, (i) => level(i) + gauss(random));
    const readings = feed(createStreamDetector({ sensitivity: { novel: 1, local: 0 } }), points);
    const opened = openedAt(readings, 'novel');
    expect(opened.filter((i) => i < 1_020)).toEqual([1_000]);
    expect(opened.length).toBeLessThanOrEqual(2);
    expect(readings[1_001]!.explanation).toBeDefined();
  });

  test('sensitivity is per channel, and 0 is silence', () => {
    const random = seededRandom(12);
    const points = series(600, MINUTE_MS, (i) => gauss(random) + (i === 500 ? 60 : 0));
    const of = (sensitivity: { novel: number; local: number }) =>
      feed(createStreamDetector({ sensitivity }), points)[500]!.opened;
    expect(of({ novel: 1, local: 1 })).toEqual(['novel', 'local']);
    expect(of({ novel: 1, local: 0 })).toEqual(['novel']);
    expect(of({ novel: 0, local: 1 })).toEqual(['local']);
    expect(of({ novel: 0, local: 0 })).toEqual([]);
  });
});

describe('sources that misbehave', () => {
  const steady = () => {
    const random = seededRandom(13);
    return series(400, MINUTE_MS, () => 100 + gauss(random));
  };

  test('a reading that is no number says nothing and teaches nothing', () => {
    const detector = createStreamDetector();
    const state = detector.start();
    feed(detector, steady(), state);
    const before = JSON.stringify(state);
    for (const value of [Number.NaN, Infinity, -Infinity]) {
      expect(detector.step(state, START_AT + 500 * MINUTE_MS, value).ignored).toBe('not-a-number');
    }
    expect(detector.step(state, Number.NaN, 100).ignored).toBe('not-a-number');
    expect(JSON.stringify(state)).toBe(before);
  });

  test('late and repeated points are not looked at', () => {
    const detector = createStreamDetector();
    const state = detector.start();
    feed(detector, steady(), state);
    expect(detector.step(state, START_AT + 399 * MINUTE_MS, 1e6)).toMatchObject({
      ignored: 'repeated',
      novel: 0,
      local: 0,
    });
    expect(detector.step(state, START_AT + 398 * MINUTE_MS, 1e6)).toMatchObject({
      ignored: 'late',
      novel: 0,
      local: 0,
    });
    expect(detector.step(state, START_AT + 400 * MINUTE_MS, 100)).not.toHaveProperty('ignored');
  });

  test('a clock that was set back is believed after a few points', () => {
    const random = seededRandom(14);
    const detector = createStreamDetector();
    const state = detector.start();
    feed(detector, steady(), state);
    const back = steady().map(([at]): Point => [at - DAY_MS, 100 + gauss(random)]);
    const readings = feed(detector, back, state);
    expect(readings.filter(({ ignored }) => ignored === 'late')).toHaveLength(8);
    expect(readings.slice(9).some(({ ignored }) => ignored !== undefined)).toBe(false);
    expect(readings.flatMap(({ opened }) => opened)).toEqual([]);
  });

  test('one point from the far future spoils nothing', () => {
    const random = seededRandom(15);
    const detector = createStreamDetector();
    const state = detector.start();
    feed(detector, steady(), state);
    detector.step(state, START_AT + 10_000 * DAY_MS, 100);
    const on = series(300, MINUTE_MS, () => 100 + gauss(random)).map(
      ([at, value]): Point => [at + 400 * MINUTE_MS, value],
    );
    const readings = feed(detector, on, state);
    expect(readings.filter(({ ignored }) => ignored !== undefined)).toHaveLength(8);
    expect(readings.flatMap(({ opened }) => opened)).toEqual([]);
    expect(detector.step(state, START_AT + 701 * MINUTE_MS, 300).opened).toContain('novel');
  });

  test('a gap alone is no news, whatever lies in it', () => {
    const random = seededRandom(16);
    const shape = (at: number) => 100 + 50 * Math.sin((2 * Math.PI * at) / DAY_MS) + gauss(random);
    const all = series(20 * 288, 5 * MINUTE_MS, (_, at) => shape(at));
    const withGaps = all.filter((_, i) => i < 12 * 288 || i > 13.4 * 288);
    const opened = openedAt(feed(createStreamDetector({ sensitivity: { novel: 1, local: 0 } }), withGaps), 'novel');
    expect(opened.filter((i) => i > 8 * 288)).toEqual([]);
  });

  test('irregular sampling hides no jump', () => {
    const random = seededRandom(17);
    let at = START_AT;
    const points = Array.from({ length: 1_500 }, (_, i): Point => {
      at += MINUTE_MS * (0.2 + 9 * random.next() ** 3);
      return [at, (i < 1_200 ? 50 : 80) + gauss(random)];
    });
    expect(openedAt(feed(createStreamDetector(), points), 'novel')).toEqual([1_200]);
  });
});

describe('series of special kinds', () => {
  test('a constant series is silent until it moves', () => {
    const readings = feed(
      createStreamDetector(),
      series(1_000, MINUTE_MS, (i) => (i < 900 ? 20 : 21)),
    );
    expect(openedAt(readings, 'novel')).toEqual([900]);
    expect(readings.slice(0, 900).every(({ novel, local }) => novel === 0 && local === 0)).toBe(true);
  });

  test('a nearly constant series does not cry for what nobody would see', () => {
    const random = seededRandom(18);
    const jitter = series(2_000, MINUTE_MS, () => 1e6 + 1e-7 * random.next());
    expect(feed(createStreamDetector({ sensitivity: 5 }), jitter).flatMap(({ opened }) => opened)).toEqual([]);
    const hair = series(2_000, MINUTE_MS, (i) => 1e6 + (i === 1_500 ? 1 : 0));
    expect(feed(createStreamDetector(), hair).flatMap(({ opened }) => opened)).toEqual([]);
  });

  test('the unit of a series changes nothing that it means', () => {
    const of = (unit: number) => {
      const random = seededRandom(19);
      const points = series(1_500, MINUTE_MS, (i) => unit * ((i === 1_200 ? 40 : 20) + gauss(random)));
      return openedAt(feed(createStreamDetector(), points), 'novel');
    };
    expect(of(1)).toEqual([1_200]);
    expect(of(1e12)).toEqual([1_200]);
    expect(of(1e-12)).toEqual([1_200]);
    expect(of(-1)).toEqual([1_200]);
  });

  test('a running total is read as its rate, and a reset is no event', () => {
    const random = seededRandom(20);
    const detector = createStreamDetector();
    const state = detector.start();
    let total = 0;
    const counted = (perMinute: (i: number) => number) => (i: number) => {
      if (i % 700 === 699) total = 0;
      total += perMinute(i) + Math.abs(gauss(random));
      return total;
    };
    const points = series(
      3_000,
      MINUTE_MS,
      counted((i) => (i < 2_500 ? 60 : 600)),
    );
    const readings = feed(detector, points, state);
    expect(state.counter.kind).toBe('counter');
    expect(openedAt(readings, 'novel')).toEqual([2_500]);
    expect(readings[2_500]!.explanation).toMatchObject({ perSecond: true });
    expect(readings[2_500]!.explanation!.expected.high).toBeLessThan(1.2);
  });

  test('a running total is not taken for a series of records while it is not known to be one', () => {
    const random = seededRandom(22);
    let total = 0;
    const points = series(100, MINUTE_MS, () => (total += 60 + gauss(random)));
    expect(feed(createStreamDetector({ sensitivity: 20 }), points).flatMap(({ opened }) => opened)).toEqual([]);
  });

  test('a running total keeps its rate when the clock is set back', () => {
    const random = seededRandom(23);
    let total = 0;
    const detector = createStreamDetector();
    const state = detector.start();
    const points = () => series(1_000, MINUTE_MS, () => (total += 60 + gauss(random)));
    feed(detector, points(), state);
    expect(state.counter.kind).toBe('counter');
    expect(feed(detector, points(), state).flatMap(({ opened }) => opened)).toEqual([]);
  });

  test('what only rose by chance is a gauge again when it falls', () => {
    const detector = createStreamDetector();
    const state = detector.start();
    feed(
      detector,
      series(300, MINUTE_MS, (i) => 100 + i),
      state,
    );
    expect(state.counter.kind).toBe('counter');
    const falling = series(300, MINUTE_MS, (i) => 400 - i * 0.1).map(
      ([at, value]): Point => [at + 300 * MINUTE_MS, value],
    );
    const readings = feed(detector, falling, state);
    expect(state.counter.kind).toBe('gauge');
    expect(readings.flatMap(({ opened }) => opened)).toEqual([]);
  });
});
