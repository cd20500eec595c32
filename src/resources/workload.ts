import { z } from 'zod';
import { durationMsSchema, nameSchema, resourceSchema } from './metadata.ts';
import { tlsSchema } from './tls.ts';
import { sessionTrialSchema } from './session-trial.ts';

const probeTimingShape = {
  intervalMs: durationMsSchema.min(20).default(250),
  timeoutMs: durationMsSchema.min(10).default(200),
  fall: z.int().min(1).default(2).describe('Failures in a row until it counts as down'),
  rise: z.int().min(1).default(1).describe('Successes in a row until it counts as up'),
};

const probeSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('http'),
    path: z.string().startsWith('/'),
    ...probeTimingShape,
  }),
  z.strictObject({
    type: z.literal('tcp'),
    sendHex: z
      .string()
      .regex(/^([0-9a-f]{2})+$/)
      .optional()
      .describe(
        'Bytes to send after connecting; then any answer is good. Finds a process that hangs with an open port',
      ),
    ...probeTimingShape,
  }),
  z.strictObject({
    type: z.literal('exec'),
    command: z.array(z.string()).min(1).describe('Exit code 0 is success; gets the environment of the instance'),
    ...probeTimingShape,
  }),
]);

const canaryPathSchema = z.string().startsWith('/').describe('{id} and {marker} are filled in, {card} in a cardTrial');

const canaryTrialSchema = z.strictObject({
  write: z.strictObject({
    method: z.enum(['PUT', 'POST']).default('PUT'),
    path: canaryPathSchema,
    body: z.json().optional(),
  }),
  read: z.array(canaryPathSchema).min(1).max(20).describe('Every way to what was written: itself, lists, searches'),
  remove: z.strictObject({ method: z.enum(['DELETE', 'POST']).default('DELETE'), path: canaryPathSchema }),
});

const canaryCallSchema = (method: 'PUT' | 'DELETE') =>
  z.strictObject({
    method: z.enum(['PUT', 'POST', 'PATCH', 'DELETE']).default(method),
    path: canaryPathSchema,
    body: z.json().optional(),
  });

const restrictionTrialSchema = canaryTrialSchema.extend({
  change: z
    .array(canaryCallSchema('PUT'))
    .max(20)
    .default([])
    .describe('Calls that use or change what was written: refused while it is restricted, taken when it is not'),
  restrict: canaryCallSchema('PUT'),
  lift: canaryCallSchema('DELETE'),
});

const columnsSchema = z
  .array(z.strictObject({ table: z.string().min(1), column: z.string().min(1) }))
  .max(200)
  .default([]);

const retentionClassSchema = nameSchema.describe('What such rows are, as contracts call it: health, invoices');
const keepingSchema = z.union([
  z.strictObject({
    table: z.string().min(1),
    time: z.string().min(1).describe('Column from which on the days count'),
    class: retentionClassSchema,
    keepDays: z.number().positive().describe('Unless `retention` of the tenant says another number for the class'),
  }),
  z.strictObject({
    table: z.string().min(1),
    class: retentionClassSchema,
    reason: z.string().min(1).describe('Why its rows have no end of their own'),
  }),
]);

const routeSchema = z.strictObject({
  pathPrefix: z.string().startsWith('/').describe('Public path below which this workload answers; passed on unchanged'),
  timeoutMs: durationMsSchema.min(1).default(10_000).describe('Whole time a client may wait, retries included'),
  tryTimeoutMs: durationMsSchema.min(1).default(2_000).describe('Time for one try of a request that is safe to repeat'),
  safeMethods: z
    .array(z.enum(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']))
    .default(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
    .describe('Methods that may be repeated (RFC 9110, 9.2.2); others need an Idempotency-Key header'),
});

/** A set of equal instances of one artefact and configuration. A change of either makes a new immutable version. */
export const workloadSchema = resourceSchema(
  'Workload',
  z.strictObject({
    driver: nameSchema.default('process'),
    artefact: z.strictObject({
      path: z.string().min(1).describe('File or folder, relative to the manifest'),
      digest: z
        .string()
        .regex(/^sha256:[0-9a-f]{64}$/)
        .optional()
        .describe('Refused when the artefact differs; measured at apply when left out'),
    }),
    command: z.array(z.string().min(1)).min(1).describe('Run in the folder of the artefact; no shell'),
    config: z
      .record(z.string().regex(/^[A-Z_][A-Z0-9_]*$/, 'must be an environment variable name'), z.string())
      .default({})
      .describe('Environment. ${dependency.NAME.host|port|url} stands for an address in the same region'),
    secrets: z
      .record(z.string().regex(/^[A-Z_][A-Z0-9_]*$/), z.strictObject({ generate: nameSchema }))
      .default({})
      .describe('Environment from secrets that Kintsugi generates once and keeps (0600); equal names share one value'),
    instances: z.record(nameSchema, z.int().min(0).max(1000)).describe('Number per region'),
    replacement: z
      .enum(['parallel', 'in-place'])
      .default('parallel')
      .describe('in-place: the old instance stops before the new one starts (it owns data or a fixed place)'),
    keepsData: z.boolean().default(false).describe('Gets KINTSUGI_DATA_DIR, a folder that outlives its instances'),
    backs: z
      .strictObject({
        server: nameSchema.describe('Workload whose data it copies, in the same region'),
        format: z
          .enum(['postgresql-files'])
          .describe('A folder for each backup: `data`, a base backup that PostgreSQL can start on, and `backup.json`'),
        startPath: z
          .string()
          .regex(/^\//, 'must begin with /')
          .max(200)
          .optional()
          .describe(
            'POST to it on the port of an instance starts a backup, or joins the one under way; any 2xx is a yes',
          ),
      })
      .optional()
      .describe(
        'What lies in its data directory (keepsData): backups of another workload, measured and restored for proof',
      ),
    route: routeSchema.optional().describe('Left out for what only other workloads call'),
    tls: tlsSchema.optional().describe('Its port speaks TLS, which is measured at each instance'),
    approvedPorts: z
      .array(
        z.strictObject({
          port: z.union([z.int().min(1).max(65_535), z.literal('given')]).describe('given: the one in its PORT'),
          address: z
            .union([z.enum(['loopback', 'any']), z.ipv4(), z.ipv6()])
            .default('loopback')
            .describe('From where it may be reached; loopback: from this machine alone'),
          reason: z.string().min(1).max(500).describe('What it is for'),
        }),
      )
      .max(100)
      .default([])
      .describe('Where it, or what it starts, may listen besides its PORT at its HOST (PCI DSS 1.2.5)'),
    isolationTrial: canaryTrialSchema
      .optional()
      .describe('How two canary tenants try at each instance whether one can find what the other left'),
    cardTrial: canaryTrialSchema
      .optional()
      .describe(
        'How a canary tenant stores a card at each instance: whether it is shown whole, or kept by a hash without a key',
      ),
    erasureTrial: canaryTrialSchema
      .optional()
      .describe('How a canary person is stored and erased at an instance: whether anything of it is found afterwards'),
    restrictionTrial: restrictionTrialSchema
      .optional()
      .describe('How processing of a canary person is restricted and no longer is: whether it is used meanwhile'),
    sessionTrial: sessionTrialSchema
      .optional()
      .describe('How canary accounts try when sessions end, when accounts are locked and which passwords are taken'),
    readiness: probeSchema.prefault({ type: 'tcp' }),
    liveness: probeSchema.optional(),
    start: z.strictObject({ deadlineMs: durationMsSchema.default(15_000) }).prefault({}),
    stop: z
      .strictObject({
        signal: z.enum(['SIGTERM', 'SIGINT', 'SIGQUIT']).default('SIGTERM'),
        drainMs: durationMsSchema.default(200).describe('From leaving the routing to the signal'),
        killAfterMs: durationMsSchema.default(5_000).describe('From the signal to SIGKILL'),
      })
      .prefault({}),
    dependsOn: z.array(nameSchema).default([]),
    stores: z
      .array(
        z.strictObject({
          name: nameSchema,
          kind: z.enum(['postgresql']),
          server: nameSchema
            .optional()
            .describe('Workload that serves it, in the same region; else nothing is measured'),
          database: z.string().min(1).default('postgres'),
          schema: z
            .string()
            .min(1)
            .optional()
            .describe('Whose tables are looked after; the name of the store when left out'),
          admin: z
            .strictObject({ user: z.string().min(1).default('postgres'), secret: nameSchema })
            .optional()
            .describe('By which its catalog is read and its faults are mended: a generated secret'),
          role: z
            .strictObject({ user: z.string().min(1), secret: nameSchema })
            .optional()
            .describe('As which the workload logs in'),
          tables: z
            .array(z.string().min(1))
            .default([])
            .describe('Tables of the schema that hold data of tenants; every one when empty'),
          encrypted: z
            .array(
              z.strictObject({
                table: z.string().min(1),
                column: z.string().min(1),
                keyColumn: z
                  .string()
                  .min(1)
                  .optional()
                  .describe('Column with the id of the key of each value; left out: values begin with it, `v1:...`'),
              }),
            )
            .max(200)
            .default([])
            .describe('Columns that the workload encrypts before it stores them; whether they are is measured'),
          keys: z
            .strictObject({
              path: z.string().startsWith('/').describe('Where an instance tells of its keys, on its own port'),
              keptIn: z.array(z.string().min(1)).default([]).describe('Key stores that may hold them'),
              holders: z.array(z.string().min(1)).default([]).describe('Who may use them'),
            })
            .optional()
            .describe('Who tells of the keys of encrypted columns'),
          personal: columnsSchema.describe(
            'Columns that hold data of people; that no others do is measured by what their values look like',
          ),
          retention: z
            .array(keepingSchema)
            .max(200)
            .default([])
            .describe('How long rows of each table may be kept; that none is older is measured'),
          accounts: z
            .array(
              z.strictObject({
                table: z.string().min(1),
                lastUsed: z
                  .string()
                  .min(1)
                  .describe('Column with the time of the last login, at first that of its making'),
                closed: z.string().min(1).optional().describe('Boolean column; left out: accounts are removed'),
              }),
            )
            .max(50)
            .default([])
            .describe('Tables with accounts of people; for how long one was not used that still works is measured'),
          privileges: z
            .array(z.enum(['SELECT', 'INSERT', 'UPDATE', 'DELETE']))
            .default([])
            .describe('What that role is to have on every table'),
          operators: z
            .array(z.string().min(1))
            .max(100)
            .default([])
            .describe(
              'Other roles that may reach its rows (of administrators, reports, replication), and publications, slots, servers and other databases that carry them. No surplus',
            ),
          protections: z.array(z.enum(['row-level-security'])).default([]),
        }),
      )
      .default([]),
    rollout: z
      .strictObject({
        canaryMs: durationMsSchema.default(10_000).describe('How long the first new instance per workload is watched'),
        soakMs: durationMsSchema
          .default(30_000)
          .describe('From the last new instance until it may count as last-known-good'),
        automaticRollback: z.boolean().default(true),
      })
      .prefault({}),
    resources: z
      .strictObject({
        memoryMiB: z.int().min(16).optional(),
        cpus: z.number().positive().optional(),
        pids: z.int().min(4).optional(),
      })
      .prefault({})
      .describe('Enforced by cgroup where the system grants one; `kintsugi status` says where not'),
  }),
);

export type Workload = z.output<typeof workloadSchema>;
export type ProbeSpec = z.output<typeof probeSchema>;
