import type { IncomingHttpHeaders } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { ask, routeEntry, SERVICE_TOKEN, TestWorld, tenantEntry, until } from './test-world.ts';
import type { TelemetryReport } from './telemetry.ts';

let world: TestWorld;
afterEach(() => world.close());

/** How a service passes the trace on: as it is, or with a span of its library. */
const FORWARDS: readonly (readonly [string, (headers: IncomingHttpHeaders) => Record<string, string>])[] = [
  ['traceparent as it came', ({ traceparent }) => ({ traceparent: String(traceparent) })],
  [
    'a span of its own',
    ({ traceparent, tracestate }) => ({
      traceparent: String(traceparent).replace(/-[0-9a-f]{16}-/, '-00f067aa0ba902b7-'),
      tracestate: String(tracestate),
    }),
  ],
];

test.each(FORWARDS)('who calls whom is told by another gateway than the one that was asked: %s', async (_, forward) => {
  world = new TestWorld();
  world.tenants.push(tenantEntry('acme'));
  world.routes.push(routeEntry('web'), routeEntry('stock', { pathPrefix: null }));
  const reports = await world.control();
  const inner = () => second.internalPorts['de'] ?? 0;
  await world.upstream(async (request, response) => {
    const headers = {
      ...forward(request.headers),
      'x-kintsugi-service-token': SERVICE_TOKEN,
      'x-kintsugi-tenant': 'acme',
    };
    response.end((await ask(inner(), { path: '/stock/x', headers })).body);
  });
  await world.upstream((_request, response) => response.end('in stock'), { workload: 'stock' });
  world.publish();
  const first = await world.gateway();
  const second = await world.gateway({ ordinal: 1, internal: [{ region: 'de', host: '127.0.0.1' }] });
  for (let n = 0; n < 3; n += 1) expect((await ask(first.port)).body).toBe('in stock');
  // Who shows no trace is served as ever, and nobody is named.
  const untraced = { 'x-kintsugi-service-token': SERVICE_TOKEN, 'x-kintsugi-tenant': 'acme' };
  expect((await ask(inner(), { path: '/stock/x', headers: untraced })).status).toBe(200);
  await until(() => callsIn(reports).reduce((sum, { count }) => sum + count, 0) >= 3);
  expect(callsIn(reports)[0]).toMatchObject({ workload: 'web', version: 1, instance: 'ins_0', callee: 'stock' });
  expect(callsIn(reports).reduce((sum, { count }) => sum + count, 0)).toBe(3);
});

function callsIn(reports: readonly TelemetryReport[]) {
  return reports.flatMap(({ calls }) => calls);
}
