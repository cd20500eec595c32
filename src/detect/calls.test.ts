import { detectionNumbers } from '../resources/detection-number.ts';
import { expect, test } from 'vitest';
import { claimsAfter, every, standingAfter } from '../../test/sim/claims.ts';
import { callsAt, carriedAt, refOf, requestsAt } from '../../test/sim/readings.ts';
import type { Sample } from '../observe/sample.ts';
import { callsDetector as callsBy } from './calls.ts';

const callsDetector = callsBy(() => detectionNumbers());

const records = refOf('records-1');
const bills = refOf('bills-1', 'bills');

const usual = every(500, 0, 60_000, (at) => [
  callsAt(at, 'store', 10, 0, records),
  callsAt(at, 'store', 10, 0, bills),
  requestsAt(at, 'shop', 10),
]);

function then(make: (at: number) => Sample[], ms = 8_000): Sample[] {
  return [...usual, ...every(500, 60_000, 60_000 + ms, make)];
}

test('a callee that fails is a claim that says for whom and why', () => {
  const failing = then((at) => [
    callsAt(at, 'store', 10, 0, records),
    callsAt(at, 'store', 5, 5, bills, 10, { authentication: 5 }),
  ]);
  const [claim] = claimsAfter(callsDetector, failing);
  expect(claim).toMatchObject({ name: 'calls-failing', subject: { kind: 'workload', name: 'store' } });
  expect(claim?.evidence).toMatchObject({ callers: ['bills'], callersSeen: 2, instances: ['bills-1'] });
  expect(Object.keys(claim?.evidence['errors'] ?? {})).toEqual(['authentication']);
  expect(claim?.since).toBeGreaterThanOrEqual(59_000);
});

test('calls that do not fail any more are told as such while the window still holds those that did', () => {
  const sick = then((at) => [callsAt(at, 'store', 4, 6, records), callsAt(at, 'store', 4, 6, bills)], 3_000);
  const well = every(500, 63_000, 65_500, (at) => [
    callsAt(at, 'store', 10, 0, records),
    callsAt(at, 'store', 10, 0, bills),
  ]);
  expect(claimsAfter(callsDetector, sick)[0]?.evidence).toMatchObject({ ended: false });
  expect(claimsAfter(callsDetector, [...sick, ...well])).toMatchObject([
    { name: 'calls-failing', evidence: { ended: true } },
  ]);
});

test('a callee with a kind in front is an asset', () => {
  const failing = every(500, 0, 8_000, (at) => callsAt(at, 'store main', 0, 10, records));
  expect(claimsAfter(callsDetector, failing)[0]?.subject).toEqual({ kind: 'asset', name: 'store main' });
});

test('a slow callee is a claim when it lasts', () => {
  const slow = (ms: number) => then((at) => [callsAt(at, 'store', 10, 0, records, 400)], ms);
  expect(standingAfter(callsDetector, slow(8_000))).toEqual(['calls-slow store']);
  expect(standingAfter(callsDetector, slow(2_000))).toEqual([]);
});

test('far more calls while tenants send as ever are a surge; when tenants send more they are not', () => {
  const calls = (at: number) => [callsAt(at, 'store', 40, 0, records), callsAt(at, 'store', 40, 0, bills)];
  expect(
    standingAfter(
      callsDetector,
      then((at) => [...calls(at), requestsAt(at, 'shop', 10)]),
    ),
  ).toEqual(['calls-surging store']);
  expect(
    standingAfter(
      callsDetector,
      then((at) => [requestsAt(at, 'shop', 40), ...calls(at)]),
    ),
  ).toEqual([]);
});

test('calls that gateways carry are no demand of tenants, and slow ones are told of as requests', () => {
  const carried =
    (count: number, ms = 10) =>
    (at: number) => [
      carriedAt(at, 'store', count, 0, records, ms),
      requestsAt(at, 'shop', count, 0, { workload: 'store' }),
      requestsAt(at, 'shop', 10),
    ];
  const calm = every(500, 0, 60_000, carried(10));
  const surge = every(500, 60_000, 70_000, carried(40));
  expect(standingAfter(callsDetector, [...calm, ...surge])).toEqual(['calls-surging store']);
  const slow = every(500, 60_000, 70_000, carried(10, 400));
  expect(standingAfter(callsDetector, [...calm, ...slow])).toEqual([]);
});

test('all of it clears when the calls are what they were', () => {
  const sick = then((at) => [callsAt(at, 'store', 20, 30, records, 400)], 20_000);
  expect(standingAfter(callsDetector, sick).sort()).toEqual([
    'calls-failing store',
    'calls-slow store',
    'calls-surging store',
  ]);
  const well = every(500, 80_000, 100_000, (at) => [
    callsAt(at, 'store', 10, 0, records),
    callsAt(at, 'store', 10, 0, bills),
    requestsAt(at, 'shop', 10),
  ]);
  expect(standingAfter(callsDetector, [...sick, ...well])).toEqual([]);
});
