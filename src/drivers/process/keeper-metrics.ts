import { Counter, Gauge, Registry } from 'prom-client';
import type { LocalKeeper } from './keeper.ts';

/** What Prometheus may ask the keeper: how many children in which state, how often they ended and were restarted. */
export function keeperMetrics(keeper: LocalKeeper): Registry {
  const registry = new Registry();
  const children = new Gauge({
    name: 'kintsugi_keeper_children',
    help: 'Children by role and state',
    labelNames: ['role', 'state'],
    registers: [],
    collect() {
      this.reset();
      for (const { role, state } of keeper.children()) this.inc({ role, state });
    },
  });
  const restarts = new Gauge({
    name: 'kintsugi_keeper_restarts',
    help: 'Restarts of each system process in its record',
    labelNames: ['id'],
    registers: [],
    collect() {
      for (const { id, role, restarts } of keeper.children()) if (role === 'system') this.set({ id }, restarts);
    },
  });
  const events = new Counter({
    name: 'kintsugi_keeper_events_total',
    help: 'Events by type, role and whether the end was asked for',
    labelNames: ['type', 'role', 'expected'],
    registers: [],
  });
  registry.registerMetric(children);
  registry.registerMetric(restarts);
  registry.registerMetric(events);
  keeper.onEvent(({ type, child }) => {
    events.inc({ type, role: child.role, expected: String(type === 'exited' && child.exit?.expected === true) });
  });
  return registry;
}
