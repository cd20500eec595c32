import { addLatency, openSketch, type OpenSketch } from '../base/latency-sketch.ts';
import type { RouteCounts } from './telemetry.ts';

/** Routes of one workload that a report tells apart; the further ones are counted together. */
const ROUTES_MAX = 24;
const OTHERS = 'other routes';

type Open = { -readonly [Name in keyof Omit<RouteCounts, 'latency'>]: RouteCounts[Name] } & {
  readonly latency: OpenSketch;
};

/** How tries went by route, in spans that `take` ends. Whoever makes up paths makes no report longer than it may be. */
export class RouteTally {
  #open = new Map<string, Map<string, Open>>();
  #named = new Map<string, Set<string>>();

  /** One try at a version of a workload ended. `latencyMs` counts of those that were answered. */
  add(workload: string, version: number, given: string, ok: boolean, latencyMs: number): void {
    const route = this.#nameOf(workload, given);
    const routes = this.#open.get(`${workload} ${version}`) ?? new Map<string, Open>();
    this.#open.set(`${workload} ${version}`, routes);
    const counts = routes.get(route) ?? {
      workload,
      version,
      route,
      ok: 0,
      failed: 0,
      latencyMs: 0,
      latency: openSketch(),
    };
    routes.set(route, counts);
    if (!ok) counts.failed += 1;
    else {
      counts.ok += 1;
      counts.latencyMs += latencyMs;
      addLatency(counts.latency, latencyMs);
    }
  }

  take(): readonly RouteCounts[] {
    const counts = [...this.#open.values()].flatMap((routes) => [...routes.values()]);
    this.#open = new Map();
    this.#named = new Map();
    return counts;
  }

  #nameOf(workload: string, route: string): string {
    const named = this.#named.get(workload) ?? new Set<string>();
    this.#named.set(workload, named);
    if (named.has(route)) return route;
    if (named.size >= ROUTES_MAX) return OTHERS;
    named.add(route);
    return route;
  }
}
