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
  await until(() => sumOf(reports, 'ok') >= 3);
  expect(callsIn(reports)[0]).toMatchObject({ workload: 'web', version: 1, instance: 'ins_0', callee: 'stock' });
  expect([sumOf(reports, 'ok'), sumOf(reports, 'serverErrors')]).toEqual([3, 0]);
  expect(callsIn(reports).reduce((sum, { latency }) => sum + latency.count, 0)).toBe(3);
});

test('how a call ended is counted for who called: failures by why, and nothing of what a repair holds back', async () => {
  world = new TestWorld();
  world.tenants.push(tenantEntry('acme'));
  world.routes.push(routeEntry('web'), routeEntry('stock', { pathPrefix: null, timeoutMs: 400 }));
  const reports = await world.control();
  const call = async (headers: IncomingHttpHeaders, path: string) =>
    ask(gateway.internalPorts['de'] ?? 0, {
      path: `/stock${path}`,
      headers: {
        traceparent: String(headers['traceparent']),
        'x-kintsugi-service-token': SERVICE_TOKEN,
        'x-kintsugi-tenant': 'acme',
      },
    });
  await world.upstream(async (request, response) => {
    response.end(String((await call(request.headers, request.url ?? '/')).status));
  });
  await world.upstream(
    (request, response) => {
      if (request.url === '/late') return;
      if (request.url === '/cut') return void request.socket.destroy();
      response.statusCode = request.url === '/bad' ? 500 : 404;
      response.end();
    },
    { workload: 'stock' },
  );
  world.publish();
  const gateway = await world.gateway({ internal: [{ region: 'de', host: '127.0.0.1' }] });
  const statuses = [];
  for (const path of ['/none', '/bad', '/late', '/cut']) statuses.push((await ask(gateway.port, { path })).body);
  expect(statuses).toEqual(['404', '500', '504', '502']);
  const kinds = ['ok', 'serverErrors', 'timeouts', 'connectErrors'] as const;
  await until(() => kinds.reduce((sum, kind) => sum + sumOf(reports, kind), 0) >= 4);
  expect(kinds.map((kind) => sumOf(reports, kind))).toEqual([1, 1, 1, 1]);
});

function callsIn(reports: readonly TelemetryReport[]) {
  return reports.flatMap(({ calls }) => calls);
}

function sumOf(reports: readonly TelemetryReport[], kind: 'ok' | 'serverErrors' | 'timeouts' | 'connectErrors') {
  return callsIn(reports).reduce((sum, counts) => sum + counts[kind], 0);
}
