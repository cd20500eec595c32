/** What OpenSLO leaves open and both directions have to agree on. */

/** The metric source that a Kintsugi is to itself: its `spec` says whose requests are counted, and which. */
export const SOURCE_TYPE = 'Kintsugi';

/** Notes by which an SLO that reads its numbers elsewhere says what it is to us. */
export const ANNOTATIONS = {
  tenant: 'kintsugi.dev/tenant',
  objective: 'kintsugi.dev/objective',
  /** A class of routes that the tenant declares (`objectives.routes`); all other requests without it. */
  routeClass: 'kintsugi.dev/route-class',
  /** Of the `value` of a latency objective, which OpenSLO gives no unit: `ms` or `s`. */
  unit: 'kintsugi.dev/unit',
} as const;

/** An SLO narrower than a class of routes of a tenant says so by one of these; there is no such objective. */
export const NARROWER = ['workload', 'route', 'kintsugi.dev/workload', 'kintsugi.dev/route'] as const;

/** What is promised of a tenant's requests. */
export const MEASURES = ['availability', 'latency'] as const;
export type Measure = (typeof MEASURES)[number];

/** `objectives.latencyMs` of a tenant is the 99th percentile. */
export const LATENCY_TARGET = 0.99;

/** The window of every objective, and the alerts on how fast its budget burns. */
export interface BurnPolicy {
  readonly periodMs: number;
  readonly alerts: readonly BurnAlert[];
}

/** Told when the budget burns at `factor` times its pace over both windows. */
export interface BurnAlert {
  readonly name: string;
  readonly severity: string;
  readonly factor: number;
  readonly longMs: number;
  readonly shortMs: number;
}
