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
      requireKey: z.boolean(),
      limits: z.object({ requestsPerSecond: z.number(), burst: z.number(), concurrency: z.number() }),
      audit: z.enum(['required', 'best-effort']),
      /** Put there by the moves throttle and quarantine; limits are the tighter of both. */
      throttle: z.object({ requestsPerSecond: z.number(), concurrency: z.number() }).nullable(),
      quarantined: z.boolean(),
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
