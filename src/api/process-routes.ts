import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { TelemetryReport } from '../gateway/telemetry.ts';
import { registerBreachMetrics } from './breach-metrics.ts';
import type { Control } from './control.ts';
import { postureView } from './posture-views.ts';
import { registerViolationTimes } from './violation-metrics.ts';

/** For whoever watches this process, and for the gateways beside it. */
export function processRoutes(app: FastifyInstance, control: Control): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  registry.registerMetric(
    new Gauge({
      name: 'kintsugi_leading',
      help: 'Whether this control process leads',
      registers: [],
      collect() {
        this.set(control.lease.current() ? 1 : 0);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'kintsugi_incidents_open',
      help: 'Open incidents',
      registers: [],
      collect() {
        this.set(control.tracker.open.length);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'kintsugi_instances_ready',
      help: 'Instances that are ready, by workload',
      labelNames: ['workload'],
      registers: [],
      collect() {
        this.reset();
        for (const { workload, ready } of control.world.instances()) this.inc({ workload }, ready ? 1 : 0);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'kintsugi_controls',
      help: 'Controls by tenant, framework and result: satisfied, not-satisfied, unknown',
      labelNames: ['tenant', 'framework', 'result'],
      registers: [],
      collect() {
        this.reset();
        for (const { tenant, framework, satisfied, notSatisfied, unknown } of postureView(control).rows) {
          this.set({ tenant, framework, result: 'satisfied' }, satisfied);
          this.set({ tenant, framework, result: 'not-satisfied' }, notSatisfied);
          this.set({ tenant, framework, result: 'unknown' }, unknown);
        }
      },
    }),
  );
  registerViolationTimes(registry, control);
  registerBreachMetrics(registry, control);
  app.post('/v1/telemetry', { schema: { hide: true } }, async ({ body }) => {
    control.picture.observers.takeReport(body as TelemetryReport);
    return {};
  });
  app.get('/openapi.json', () => app.swagger());
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
  app.get('/livez', () => ({ alive: true }));
  app.get('/readyz', async (_request, reply) => {
    const ready = control.world.declaredAt > 0 || control.lease.current() !== undefined;
    return reply.status(ready ? 200 : 503).send({ ready });
  });
}
