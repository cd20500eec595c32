import { afterEach, expect, test } from 'vitest';
import { routeClassOf } from './route-class.ts';
import type { TelemetryReport } from './telemetry.ts';
import { ask, routeEntry, TestWorld, tenantEntry, until } from './test-world.ts';

const routeClasses = [
  { name: 'writes', methods: ['POST', 'PUT'], pathPrefix: '/records' },
  { name: 'records', methods: [], pathPrefix: '/records/' },
];
const acme = tenantEntry('acme', { routeClasses });

test.each([
  ['POST', '/records', 'writes'],
  ['PUT', '/records/7', 'writes'],
  ['GET', '/records/7', 'records'],
  ['GET', '/records', undefined],
  ['POST', '/records-old', undefined],
  ['POST', '/', undefined],
])('%s %s counts for %s', (method, path, name) => {
  expect(routeClassOf(acme, method, path)).toBe(name);
});

let world: TestWorld | undefined;
afterEach(() => world?.close());

test('what clients of a tenant felt is reported by its classes of routes, besides the whole', async () => {
  world = new TestWorld();
  world.tenants.push(acme);
  world.routes.push(routeEntry('web'));
  const reports = await world.control();
  await world.upstream((request, response) => {
    response.statusCode = request.url?.includes('bad') ? 500 : 200;
    response.end();
  });
  world.publish();
  const { port } = await world.gateway();
  await ask(port, { method: 'POST', path: '/records?q=/' });
  await ask(port, { method: 'POST', path: '/records/bad' });
  await ask(port, { path: '/records/1' });
  await ask(port, { path: '/other' });
  await until(() => sumOf(reports) === 4);
  const classes = reports.flatMap(({ requests }) => requests).flatMap((each) => each.classes ?? []);
  const told = (of: string) => {
    const own = classes.filter(({ name }) => name === of);
    return own.reduce(
      (sum, { ok, failed, latency }) => [sum[0]! + ok, sum[1]! + failed, sum[2]! + latency.count],
      [0, 0, 0],
    );
  };
  expect(told('writes')).toEqual([1, 1, 1]);
  expect(told('records')).toEqual([1, 0, 1]);
});

function sumOf(reports: readonly TelemetryReport[]): number {
  return reports.flatMap(({ requests }) => requests).reduce((sum, { ok, failed }) => sum + ok + failed, 0);
}
