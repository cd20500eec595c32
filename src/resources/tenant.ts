import { z } from 'zod';
import { controlIdSchema, durationMsSchema, nameSchema, profileNameSchema, resourceSchema } from './metadata.ts';
import { contactSchema } from './contact.ts';

const availabilitySchema = z.number().min(0.5).max(0.99999);
const latencyMsSchema = z.int().min(1);

const routeObjectiveSchema = z.strictObject({
  name: nameSchema.describe('Of the class of routes: writes, exports'),
  methods: z
    .array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']))
    .default([])
    .describe('All of them when left out'),
  pathPrefix: z.string().startsWith('/').describe('As workloads see the path, whole segments'),
  availability: availabilitySchema.optional().describe('That of the tenant when left out'),
  latencyMs: latencyMsSchema.optional().describe('That of the tenant when left out'),
});

const objectivesSchema = z.strictObject({
  availability: availabilitySchema.default(0.999).describe('Share of requests answered without a 5xx'),
  latencyMs: latencyMsSchema.default(500).describe('99th percentile that the tenant was promised'),
  routes: z
    .array(routeObjectiveSchema)
    .max(16)
    .superRefine((routes, context) => {
      for (const [index, { name }] of routes.entries()) {
        if (routes.findIndex((each) => each.name === name) === index) continue;
        context.addIssue({ code: 'custom', path: [index, 'name'], message: `${name} is given twice` });
      }
    })
    .default([])
    .describe(
      'Classes of routes with objectives of their own: a request counts for the first that it fits, and else for those above',
    ),
  rtoMs: z.int().min(0).optional().describe('Longest time without service (recovery time objective)'),
  rpoMs: z.int().min(0).optional().describe('Longest span of data that may be lost (recovery point objective)'),
});

const limitsSchema = z.strictObject({
  requestsPerSecond: z.number().positive().default(200),
  burst: z.int().positive().default(100).describe('Requests above the rate that are let through at once'),
  concurrency: z.int().positive().default(64).describe('Requests in progress at once'),
});

const identifySchema = z.strictObject({
  hosts: z.array(z.string().min(1)).default([]).describe('Host header, without port'),
  pathPrefixes: z.array(z.string().startsWith('/')).default([]).describe('Removed before the request is passed on'),
  headers: z.array(z.strictObject({ name: z.string().min(1), value: z.string().min(1) })).default([]),
  apiKeys: z
    .array(
      z.strictObject({
        name: nameSchema,
        sha256: z
          .string()
          .regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of the key in lower-case hex; see `kintsugi key`'),
      }),
    )
    .default([])
    .describe('Sent as `x-api-key` or `Authorization: Bearer`; only the hash is kept'),
});

/** A customer of the API: who is recognised how, what was promised, and under which law its data live. */
export const tenantSchema = resourceSchema(
  'Tenant',
  z.strictObject({
    displayName: z.string().optional(),
    profiles: z.array(profileNameSchema).default([]).describe('Regulations it lives under; names of Profile resources'),
    regions: z.array(nameSchema).min(1).describe('Where its requests and data may be, the preferred one first'),
    processors: z.array(z.string()).default([]).describe('Third parties that may touch its data'),
    dataClasses: z.array(z.enum(['personal', 'health', 'payment', 'none'])).default(['personal']),
    isolation: z.enum(['pooled', 'siloed']).default('pooled'),
    tier: nameSchema
      .optional()
      .describe('How critical it is, in words of yours: critical, standard (45 CFR 164.308(a)(7)(ii)(E))'),
    objectives: objectivesSchema.prefault({}),
    limits: limitsSchema.prefault({}),
    identify: identifySchema.prefault({}),
    requireKey: z
      .boolean()
      .default(true)
      .describe('Whether a request needs an API key even when its host or path names the tenant'),
    config: z
      .record(
        z.string().regex(/^[A-Z_][A-Z0-9_]*$/, 'must be a name in capitals, such as PAGE_SIZE'),
        z.string().max(4_096),
      )
      .default({})
      .describe(
        'Its own settings, for workloads that read the file KINTSUGI_TENANT_CONFIG; each key can go back alone',
      ),
    configSoakMs: durationMsSchema
      .default(600_000)
      .describe('How long a value must have served without an incident of the tenant before it counts as good'),
    emergency: z
      .strictObject({
        apiKeys: z
          .array(nameSchema)
          .default([])
          .describe(
            'Names of its own API keys that are let through while it, or the workload, is kept out by a quarantine',
          ),
      })
      .prefault({})
      .describe('The way in for emergencies, which some laws ask for'),
    contract: z
      .array(
        z.strictObject({
          control: controlIdSchema,
          parameter: z.string().min(1),
          value: z.union([z.number(), z.array(z.string().min(1)).max(100)]),
          source: z.string().min(1).describe('Where it was agreed: the contract and its section'),
        }),
      )
      .max(1_000)
      .default([])
      .describe('Thresholds of controls that were agreed with it; what is law can be tightened and never loosened'),
    retention: z
      .array(
        z.strictObject({
          class: nameSchema.describe('Of `retention` of a store'),
          keepDays: z.number().positive(),
          source: z.string().min(1).describe('Where it was agreed, or the law that asks for it'),
        }),
      )
      .max(100)
      .default([])
      .describe('How long its data may be kept, by class, where that is another time than the workload says'),
    processing: z
      .strictObject({
        controller: contactSchema.optional().describe('Who decides why its data are processed (GDPR Art. 4(7))'),
        representative: contactSchema.optional().describe('Where the controller is outside of the Union (Art. 27)'),
        dataProtectionOfficer: contactSchema.optional(),
        categories: z
          .array(z.string().min(1).max(200))
          .max(50)
          .default([])
          .describe('What is done with its data for it, such as: storage of patient records'),
        safeguards: z
          .record(nameSchema, z.string().min(1).max(500))
          .default({})
          .describe('By region outside of the Union: on what the transfer rests (Art. 46), such as standard clauses'),
      })
      .prefault({})
      .describe('What the record of processing says of it and no machine can measure (GDPR Art. 30(2))'),
    audit: z
      .enum(['required', 'best-effort'])
      .default('best-effort')
      .describe('required: a request that cannot be recorded is refused with 503'),
  }),
);

export type Tenant = z.output<typeof tenantSchema>;

/** What binds a tenant when something is to be moved, as the gate takes it (`comply/gate.ts`). */
export function bondsOf({ metadata, spec }: Tenant) {
  const { regions, profiles, processors, emergency } = spec;
  return { name: metadata.name, regions, profiles, processors, hasEmergencyAccess: emergency.apiKeys.length > 0 };
}

/** What was agreed with it on how long its data are kept, by class. */
export function retentionOf({ metadata, spec }: Tenant) {
  return {
    name: metadata.name,
    keepDays: Object.fromEntries(spec.retention.map((each) => [each.class, each.keepDays])),
  };
}
