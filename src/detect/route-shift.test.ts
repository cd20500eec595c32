import { expect, test } from 'vitest';
import { claimsAfter } from '../../test/sim/claims.ts';
import { Noise } from '../../test/sim/world/noise.ts';
import { addLatency, openSketch } from '../base/latency-sketch.ts';
import { seededRandom } from '../base/random.ts';
import type { RouteSample } from '../observe/sample.ts';
import { routeShiftDetector } from './route-shift.ts';
import type { Change } from './symptom.ts';

const HOUR_MS = 3_600_000;
/** Ten routes, from eight requests a second to one in four. */
const RATES = [8, 4, 2, 1, 0.5, 0.25, 6, 3, 1, 0.3];
/** `KINTSUGI_ROUTE_HOURS=800 npx vitest run src/detect/route-shift` lives through so many hours of a route. */
const ROUTE_HOURS = Number(process.env['KINTSUGI_ROUTE_HOURS'] ?? 60);

/** What happens to one route, from when on. */
interface Fault {
  readonly route: number;
  readonly from: number;
  /** All of its requests take so many times as long, or one in ten of them. */
  readonly times?: number;
  readonly tenth?: number;
  readonly until?: number;
}

interface Traffic {
  readonly seed: number;
  readonly hours: number;
  readonly rates?: readonly number[];
  /** Spread of latencies: the deviation of the logarithm. */
  readonly sigma?: number;
  readonly fault?: Fault;
  /** Milliseconds that all of them wait from an hour on. */
  readonly queueMs?: number;
  readonly dayMs?: number;
}

/**
 * Routes of one workload in which nothing is wrong: a day of forty minutes in load and with it in latency, a release every
 * 25 minutes of which none is as fast as another, slow moments that hit all, and a tail of up to forty times the median.
 */
function* traffic({
  seed,
  hours,
  rates = RATES,
  sigma = 0.6,
  fault,
  queueMs = 0,
  dayMs = 2_400_000,
}: Traffic): Generator<RouteSample> {
  const noise = new Noise(seededRandom(seed));
  let [speed, slowUntil] = [1, 0];
  for (let at = 1_000; at <= hours * HOUR_MS; at += 1_000) {
    const day = 0.5 + 0.5 * Math.sin((2 * Math.PI * at) / dayMs);
    if (at % 1_500_000 === 0) speed = 0.85 + 0.4 * noise.uniform();
    if (at % 45_000 === 0 && noise.chance(0.5)) slowUntil = at + 1_000;
    for (const [index, rate] of rates.entries()) {
      const count = noise.count(rate * (0.25 + 0.75 * day));
      const hit = fault?.route === index && at >= fault.from && at < (fault.until ?? Infinity) ? fault : undefined;
      const latency = openSketch();
      let latencyMs = 0;
      for (let i = 0; i < count; i++) {
        let ms = (20 * (1 + (index % 4)) * speed * Math.exp(sigma * noise.gauss())) / (1 - 0.4 * day);
        if (noise.chance(0.008)) ms *= Math.min(40, 3 * (1 - noise.uniform()) ** -0.7);
        if (at <= slowUntil) ms += 200 * noise.uniform();
        if (at >= HOUR_MS) ms += queueMs;
        ms *= hit?.times ?? 1;
        if (hit?.tenth !== undefined && noise.chance(0.1)) ms *= hit.tenth;
        latencyMs += ms;
        addLatency(latency, ms);
      }
      if (count === 0) continue;
      const of = { vantage: 'gateway-1', workload: 'shop', version: 1, spanMs: 1_000, route: `GET /${index}` };
      yield { kind: 'route', at, ...of, ok: count, failed: 0, latencyMs, latency };
    }
  }
}

/** Claims that begin, with when; what ends and begins again counts again. */
function claimsOf(given: Traffic): readonly { readonly at: number; readonly route: string; readonly reason: string }[] {
  const state = routeShiftDetector.start();
  const standing = new Set<string>();
  const began: { at: number; route: string; reason: string }[] = [];
  const note = (change: Change, at: number) => {
    if ('clear' in change) standing.delete(change.subject.name);
    if (!('raise' in change) || standing.has(change.raise.subject.name)) return;
    standing.add(change.raise.subject.name);
    began.push({ at, route: change.raise.subject.name, reason: change.raise.reason });
  };
  for (const sample of traffic(given)) {
    for (const change of routeShiftDetector.step(state, sample)) note(change, sample.at);
  }
  return began;
}

test('nothing is told in many hours in which load, releases and slow moments hit all routes', {
  timeout: 600_000,
}, () => {
  for (let seed = 1, left = ROUTE_HOURS; left > 0; seed++, left -= 60) {
    const sigma = [0.4, 0.6, 0.8, 1][seed % 4]!;
    expect({ seed, claims: claimsOf({ seed, hours: 6, sigma }) }).toEqual({ seed, claims: [] });
  }
});

const from = 2 * HOUR_MS;
const found = (fault: Omit<Fault, 'route' | 'from'>, rate: number, seed = 1) =>
  claimsOf({ seed, hours: 2.5, dayMs: 24 * HOUR_MS, rates: [rate, 6, 2, 1], fault: { route: 0, from, ...fault } });
const minutesTo = (claims: readonly { readonly at: number }[]) => (claims[0]!.at - from) / 60_000;

test('a route that takes a fifth longer is told within minutes, and it alone', () => {
  const claims = found({ times: 1.2 }, 8);
  expect(claims.map(({ route }) => route)).toEqual(['shop GET /0']);
  expect(minutesTo(claims)).toBeGreaterThan(0);
  expect(minutesTo(claims)).toBeLessThan(10);
  expect(claims[0]!.reason).toMatch(
    /^shop GET \/0 takes \d+ ms instead of \d+ ms, 1\.[1-4] times as long as before beside its other routes$/,
  );
});

test('one of which only a tenth takes far longer is told, though its median is the same', () => {
  const claims = found({ tenth: 6 }, 8);
  expect(claims.map(({ route }) => route)).toEqual(['shop GET /0']);
  expect(claims[0]!.reason).toMatch(
    /takes more than 3 times as long as mostly in \d+ % of its requests instead of \d %/,
  );
  expect(minutesTo(claims)).toBeLessThan(10);
});

/** When a claim of a route that takes half as long again begins and ends, in minutes from when that began. */
function minutesOf(lastsMs: number): readonly number[] {
  const state = routeShiftDetector.start();
  const fault = { route: 0, from, until: from + lastsMs, times: 1.5 };
  const times: number[] = [];
  for (const sample of traffic({ seed: 1, hours: 3.5, dayMs: 24 * HOUR_MS, rates: [8, 6, 2], fault })) {
    for (const change of routeShiftDetector.step(state, sample)) {
      if ('raise' in change === (times.length % 2 === 0)) times.push((sample.at - from) / 60_000);
    }
  }
  return times;
}

test('what got well is taken back, and what stays is taken for usual after an hour', () => {
  const [began, ended, ...others] = minutesOf(1_200_000);
  expect(began).toBeLessThan(5);
  expect(ended).toBeGreaterThan(20);
  expect(ended).toBeLessThan(25);
  expect(others).toEqual([]);
  expect(minutesOf(2 * HOUR_MS)).toEqual([began, expect.closeTo(60, -1)]);
});

test('while it is claimed it is out of the usual for whoever looks, and it alone', () => {
  const state = routeShiftDetector.start();
  const fault = { route: 0, from: HOUR_MS / 2, times: 1.5 };
  for (const sample of traffic({ seed: 1, hours: 0.8, dayMs: 24 * HOUR_MS, rates: [8, 6, 2], fault }))
    routeShiftDetector.step(state, sample);
  const told = [...routeShiftDetector.tell!(state, 0.8 * HOUR_MS)];
  expect(told.map(({ series }) => series)).toEqual(['route shop GET /0 typical time beside the other routes']);
  const [{ points, expected }] = told as [(typeof told)[0]];
  expect(points[0]!.value).toBeGreaterThan(expected!.high);
});

test('a wait that all have is no news of the fast ones', () => {
  expect(claimsOf({ seed: 2, hours: 2, rates: [8, 6, 4, 4], queueMs: 30, dayMs: 24 * HOUR_MS })).toEqual([]);
});

test('of one route alone nothing is said, nor where nobody told latencies apart', () => {
  expect(claimsOf({ seed: 3, hours: 2, rates: [8], fault: { route: 0, from: HOUR_MS, times: 3 } })).toEqual([]);
  const untold = [...traffic({ seed: 4, hours: 0.1 })].map(({ latency: _latency, ...rest }) => rest);
  expect(claimsAfter(routeShiftDetector, untold)).toEqual([]);
});
