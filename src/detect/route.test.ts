import { expect, test } from 'vitest';
import { claimsAfter, every } from '../../test/sim/claims.ts';
import type { RouteSample, Sample } from '../observe/sample.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import { routeDetector as routeBy } from './route.ts';

const routeDetector = routeBy(() => detectionNumbers());

interface Doing {
  readonly failed?: number;
  readonly ms?: number;
}

const seen = (
  at: number,
  route: string,
  count: number,
  { failed = 0, ms = 10 }: Doing = {},
  version = 1,
): RouteSample => {
  const ok = count - Math.round(failed * count);
  const of = { vantage: 'gateway-1', workload: 'records', version, spanMs: 1_000 };
  return { kind: 'route', at, route, ...of, ok, failed: count - ok, latencyMs: ok * ms };
};

/** Two minutes in which all is well, and one in which each route does what is said of it. */
function live(then: Readonly<Record<string, Doing>>, perSecond: Readonly<Record<string, number>> = {}): Sample[] {
  const rates: Record<string, number> = { 'GET /a': 30, 'GET /b': 12, 'POST /c': 3, ...perSecond };
  const spans = (from: number, until: number, doing: Readonly<Record<string, Doing>>) =>
    every(1_000, from, until, (at) =>
      Object.keys(rates).map((route) => seen(at, route, rates[route]!, doing[route], at > 120_000 ? 2 : 1)),
    );
  return [...spans(0, 120_000, {}), ...spans(121_000, 180_000, then)];
}

const claims = (samples: readonly Sample[]) =>
  claimsAfter(routeDetector, samples).map(({ name, subject }) => `${name} ${subject.name}`);

test('a route that fails while the others are served is a claim, however few of all requests it has', () => {
  expect(claims(live({ 'POST /c': { failed: 0.4 } }))).toEqual(['route-errors records POST /c']);
  const [claim] = claimsAfter(routeDetector, live({ 'GET /b': { failed: 0.3 } }));
  expect(claim).toMatchObject({
    subject: { kind: 'route', workload: 'records', route: 'GET /b' },
    evidence: { routes: ['GET /b'], versions: [2], versionsSeen: 2 },
  });
  expect(claim!.since).toBeGreaterThanOrEqual(117_000);
  expect(claim!.since).toBeLessThanOrEqual(126_000);
});

test('a route that is slow while the others are as fast as ever is a claim', () => {
  expect(claims(live({ 'GET /b': { ms: 300 } }))).toEqual(['route-slow records GET /b']);
  expect(claims(live({ 'GET /b': { ms: 80 } }))).toEqual([]);
});

test('what fails or is slow at all routes is no matter of one, and neither is an only route', () => {
  const all = { 'GET /a': { failed: 0.3 }, 'GET /b': { failed: 0.4 }, 'POST /c': { failed: 0.4 } };
  expect(claims(live(all))).toEqual([]);
  const slow = { 'GET /a': { ms: 200 }, 'GET /b': { ms: 300 }, 'POST /c': { ms: 200 } };
  expect(claims(live(slow))).toEqual([]);
  expect(claims(live({ 'GET /a': { failed: 0.5 } }, { 'GET /b': 0, 'POST /c': 0 }))).toEqual([]);
});

test('one that is slow beyond all measure is what slows the others down, and says so', () => {
  const [claim] = claimsAfter(
    routeDetector,
    live({ 'GET /a': { ms: 25 }, 'GET /b': { ms: 900 }, 'POST /c': { ms: 25 } }),
  );
  expect(claim).toMatchObject({ name: 'route-slow', subject: { name: 'records GET /b' }, evidence: { drags: true } });
});

test('the mixture of what is not told apart is no route', () => {
  expect(claims(live({ 'other routes': { failed: 0.5 } }, { 'other routes': 20 }))).toEqual([]);
});

test('it ends with what it claims', () => {
  const sick = live({ 'GET /b': { failed: 0.5 } });
  const well = every(1_000, 181_000, 240_000, (at) => ['GET /a', 'GET /b'].map((route) => seen(at, route, 15)));
  expect(claims(sick)).toHaveLength(1);
  expect(claims([...sick, ...well])).toEqual([]);
});

test('who makes up routes is told apart only as far as that', () => {
  const many = every(1_000, 0, 30_000, (at) =>
    Array.from({ length: 300 }, (_, i) => seen(at, `GET /${i}-${at}`, 1, { failed: 1 })),
  );
  expect(claims(many)).toEqual([]);
});
