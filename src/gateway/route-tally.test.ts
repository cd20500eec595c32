import { expect, test } from 'vitest';
import { RouteTally } from './route-tally.ts';

test('tries are counted by version and route, and forgotten once taken', () => {
  const tally = new RouteTally();
  tally.add('records', 1, 'GET /list', true, 12);
  tally.add('records', 1, 'GET /list', false, 900);
  tally.add('records', 2, 'GET /list', true, 5);
  expect(tally.take()).toEqual([
    {
      workload: 'records',
      version: 1,
      route: 'GET /list',
      ok: 1,
      failed: 1,
      latencyMs: 12,
      latency: { count: 1, buckets: { 27: 1 } },
    },
    {
      workload: 'records',
      version: 2,
      route: 'GET /list',
      ok: 1,
      failed: 0,
      latencyMs: 5,
      latency: { count: 1, buckets: { 17: 1 } },
    },
  ]);
  expect(tally.take()).toEqual([]);
});

test('who makes up routes makes no report longer, and no request of it is lost', () => {
  const tally = new RouteTally();
  tally.add('bills', 1, 'GET /bill', true, 1);
  for (let i = 0; i < 1_000; i++) tally.add('records', 1, `GET /made-up-${i}`, i % 2 === 0, 1);
  const counts = tally.take();
  expect(counts).toHaveLength(26);
  expect(counts.filter(({ workload }) => workload === 'bills')).toHaveLength(1);
  expect(counts.reduce((sum, { ok, failed }) => sum + ok + failed, 0)).toBe(1_001);
  expect(counts.at(-1)).toMatchObject({ route: 'other routes', ok: 488, failed: 488 });
});
