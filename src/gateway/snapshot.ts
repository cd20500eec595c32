import { z } from 'zod';

/**
 * All that a gateway must know to carry traffic: tenants, routes, instances. Control writes it whole and atomically to
 * the state directory whenever something in it changes; gateways read it on change and at boot. It holds no secret but
 * hashes, and a gateway that has one needs nobody else to serve.
 */
export const snapshotSchema = z.object({
  format: z.literal(1),
  /** Grows with every change. A gateway never goes back to a lower one, unless `epoch` has grown. */
  revision: z.int(),
  /** Epoch of the leader that wrote it. */
  epoch: z.int(),
  writtenAt: z.string(),
  tenants: z.array(
    z.object({
      name: z.string(),
      /** Permitted regions, the preferred first. Requests of the tenant never leave them. */
      regions: z.array(z.string()),
      hosts: z.array(z.string()),
      pathPrefixes: z.array(z.string()),
      headers: z.array(z.object({ name: z.string(), value: z.string() })),
      apiKeySha256: z.array(z.string()),
      /** Of those: keys that are let through while the tenant is kept out. */
      emergencyKeySha256: z.array(z.string()).default([]),
      /** Of the keys, in the same order; they are personal data and sealed where they are recorded. */
      apiKeyNames: z.array(z.string()).default([]),
      requireKey: z.boolean(),
      limits: z.object({ requestsPerSecond: z.number(), burst: z.number(), concurrency: z.number() }),
      audit: z.enum(['required', 'best-effort']),
      /** By which its requests are counted apart: the first that fits. No methods are all of them. */
      routeClasses: z
        .array(z.object({ name: z.string(), methods: z.array(z.string()), pathPrefix: z.string() }))
        .default([]),
      /** Put there by the move throttle on the whole tenant; limits are the tighter of both. */
      throttle: z.object({ requestsPerSecond: z.number(), concurrency: z.number() }).nullable(),
    }),
  ),
  routes: z.array(
    z.object({
      workload: z.string(),
      /** Public prefix, or null for what is only called by other workloads. */
      pathPrefix: z.string().nullable(),
      timeoutMs: z.number(),
      tryTimeoutMs: z.number(),
      safeMethods: z.array(z.string()),
    }),
  ),
  /** Limits by repairs on what is named; null names everything. Times are milliseconds since 1970. */
  mitigations: z
    .array(
      z.object({
        id: z.string(),
        kind: z.enum(['throttle', 'quarantine', 'shed']),
        tenant: z.string().nullable(),
        workload: z.string().nullable(),
        /** As `routeTemplate` writes it. */
        route: z.string().nullable(),
        fingerprint: z.string().nullable(),
        keySha256: z.string().nullable(),
        requestsPerSecond: z.number(),
        /** Refused share of a shed, 0 to 1. */
        share: z.number(),
        until: z.number(),
        /** From here on it lets more and more through; equal to `until` when it ends at once. */
        rampFrom: z.number(),
      }),
    )
    .default([]),
  instances: z.array(
    z.object({
      id: z.string(),
      workload: z.string(),
      version: z.int(),
      region: z.string(),
      host: z.string(),
      port: z.int(),
      /** Only `ready` gets new requests; `draining` finishes what it has. */
      state: z.enum(['ready', 'draining']),
    }),
  ),
});

export type Snapshot = z.output<typeof snapshotSchema>;
