import { createServer, type Server } from 'node:http';
import { Counter, Gauge, Registry } from 'prom-client';
import { listenOnSocket } from '../base/socket-http.ts';

/** What the admin socket can be asked for. */
export interface AdminView {
  readonly isReady: () => boolean;
  readonly totals: () => Iterable<{ tenant: string; workload: string; kind: string; count: number }>;
  readonly inflight: () => number;
  readonly ejected: () => number;
  readonly recordsWaiting: () => number;
  readonly recordsLost: () => number;
  readonly reportsFailed: () => number;
  readonly revision: () => number;
}

/** Answers GET /livez, /readyz and /metrics on a Unix socket. */
export async function openAdmin(socketPath: string, view: AdminView): Promise<Server> {
  const registry = registryOf(view);
  const server = createServer(async (request, response) => {
    if (request.url === '/metrics') {
      response.setHeader('content-type', registry.contentType);
      return response.end(await registry.metrics());
    }
    if (request.url === '/livez') return response.end('ok\n');
    if (request.url !== '/readyz') return response.writeHead(404).end();
    return response.writeHead(view.isReady() ? 200 : 503).end(view.isReady() ? 'ok\n' : 'not ready\n');
  });
  await listenOnSocket(server, socketPath);
  return server;
}

/** Numbers are read when they are asked for; counting costs requests nothing more. */
function registryOf(view: AdminView): Registry {
  const registry = new Registry();
  const registers = [registry];
  const counted = (name: string, help: string, labels: string[], wanted: (kind: string) => boolean) =>
    new Counter({
      name,
      help,
      labelNames: labels,
      registers,
      collect() {
        this.reset();
        for (const { tenant, workload, kind, count } of view.totals()) {
          if (!wanted(kind)) continue;
          this.inc(labels.includes('class') ? { tenant, workload, class: kind } : { tenant, workload }, count);
        }
      },
    });
  const isRetry = (kind: string) => kind === 'retries';
  counted(
    'kintsugi_gateway_requests_total',
    'Requests by status class',
    ['tenant', 'workload', 'class'],
    (k) => !isRetry(k),
  );
  counted('kintsugi_gateway_retries_total', 'Tries beyond the first', ['tenant', 'workload'], isRetry);
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('kintsugi_gateway_inflight', 'Requests in progress', view.inflight);
  gauge('kintsugi_gateway_ejected_instances', 'Instances that this gateway avoids for now', view.ejected);
  gauge('kintsugi_gateway_records_waiting', 'Access records that wait for the ledger', view.recordsWaiting);
  gauge('kintsugi_gateway_records_lost', 'Access records lost since the start', view.recordsLost);
  gauge('kintsugi_gateway_reports_failed', 'Telemetry reports that control did not take', view.reportsFailed);
  gauge('kintsugi_gateway_snapshot_revision', 'Revision of the snapshot in force, -1 for none', view.revision);
  return registry;
}
