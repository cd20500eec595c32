import { z } from 'zod';
import { ASSET_KINDS, SETTING_KINDS } from '../../../src/diagnose/fleet-view.ts';
import { when } from './when.ts';
import { count, detail, duration, name, offset, perSecond, rhythm, share, value } from './words.ts';

const version = z.strictObject({
  version: z.int().min(1).describe('Its number'),
  age: duration.prefault('30d').describe('How long ago it was made'),
  soaked: z.boolean().default(true).describe('It served long enough to count as good'),
  artefact: name.optional().describe('Versions with an equal artefact differ in their configuration alone'),
});

const THIRTY_DAYS_MS = 30 * 86_400_000;

export const workload = z.strictObject({
  instances: z.record(name, count).describe('Instances per region, unless a setting of kind replicas says it'),
  route: name.optional().describe('Tenants send their requests here; left out for what only others call'),
  dependsOn: z
    .array(name)
    .default([])
    .describe('Workloads that each request calls once; a call that fails fails the request'),
  optional: z.array(name).default([]).describe('Workloads that each request calls once, and can do without'),
  undeclared: z.array(name).default([]).describe('Of dependsOn and optional: nobody told the healer of these'),
  external: z.boolean().default(false).describe('Not ours: it can be called, and not healed'),
  routes: z
    .record(name, share)
    .default({})
    .describe(
      'Templates of routes and which share of the requests each gets; they are told apart where they are named',
    ),
  latency: duration.prefault('20ms').describe('Median of its own work for a request, without what it calls'),
  capacity: z.number().positive().max(1_000_000).default(200).describe('Requests per second that one instance can do'),
  start: duration.prefault('2s').describe('From the start of a process until it is ready'),
  keepsData: z.boolean().default(false).describe('It has data that outlive its instances'),
  replacement: z
    .enum(['parallel', 'in-place'])
    .default('parallel')
    .describe('in-place: the old instance stops before the new one starts'),
  memory: z
    .strictObject({
      used: z.number().describe('MiB of a process without a leak'),
      limit: z.number().describe('MiB at which it is killed; the setting NAME/memory when there is one'),
    })
    .prefault({ used: 200, limit: 512 })
    .describe('What a process needs and may have'),
  timeout: duration.prefault('2s').describe('Of a call that it makes; the setting NAME/timeout when there is one'),
  retries: count
    .default(0)
    .describe('Tries after the first of a call that it makes; the setting NAME/retries when there is one'),
  versions: z
    .array(version)
    .default([{ version: 1, age: THIRTY_DAYS_MS, soaked: true }])
    .describe('Versions that there are; one that soaked when left out'),
  runs: z.int().optional().describe('Version that runs at the start; the newest that soaked when left out'),
});

export const tenant = z.strictObject({
  regions: z.array(name).min(1).describe('Where it may be served; the first is its home'),
  profiles: z.array(name).default([]).describe('Regulations that it lives under, of `profiles`'),
  dataClasses: z.array(name).default(['personal']).describe('Sorts of data that are kept for it'),
  tier: name.default('standard').describe('What it pays for'),
  perSecond: perSecond.default(20).describe('Requests that it sends to each of its workloads'),
  uses: z.array(name).default([]).describe('Workloads with a route that it calls; all of them when empty'),
  retries: count.default(0).describe('How often its clients try again at once what failed'),
  limits: z
    .strictObject({
      requestsPerSecond: z.number().positive().describe('At all gateways together'),
      concurrency: z.number().positive().describe('Requests at one time'),
    })
    .optional()
    .describe('What it is entitled to; ten times what it sends when left out'),
  routedBy: name
    .optional()
    .describe('Setting of kind route whose value is the region that its requests go to; its home when left out'),
  availability: share.default(0.99).describe('Share of its requests that must succeed: its objective'),
  latency: duration.prefault('1s').describe('A slower answer counts as a failed one'),
});

const change = z.strictObject({
  value,
  age: duration.describe('How long before the start it was written'),
  by: name.default('person operator').describe('Who wrote it: `person NAME`, `job NAME`, `pipeline NAME`'),
  soaked: z.boolean().default(true).describe('It served long enough to count as good'),
});

export const setting = z.strictObject({
  kind: z.enum(SETTING_KINDS).default('config').describe('What sort of thing it sets'),
  value: value.describe('At the start; null: absent'),
  age: duration.prefault('30d').describe('How long before the start the present value was written'),
  by: name.default('person operator').describe('Who wrote the present value'),
  soaked: z.boolean().default(true).describe('The present value served long enough to count as good'),
  declared: value.optional().describe('What people declared; left out when nobody did'),
  workloads: z.array(name).default([]).describe("Whose behaviour it governs; everybody's when empty"),
  tenant: name.nullable().default(null).describe('It governs this tenant only'),
  needsRestart: z
    .boolean()
    .default(false)
    .describe('Processes that run do not see a new value: its effects show in those that start later'),
  history: z.array(change).default([]).describe('Values before the present one, oldest first'),
});

export const asset = z.strictObject({
  kind: z.enum(ASSET_KINDS).describe('Decides what can be wrong with it; see the mechanics'),
  workloads: z.array(name).default([]).describe('Who cannot work without it'),
  tenants: z.array(name).default([]).describe("Whose requests need it; everybody's when empty"),
  share: share.default(1).describe('Share of the requests of its workloads that need it'),
  region: name.nullable().default(null).describe('Where it is, when it is somewhere'),
  host: name.nullable().default(null).describe('As in `eu-1`: the hosts of a region are counted from 1'),
  partOf: name.nullable().default(null).describe('Id of the asset that it belongs to'),
  settings: z.array(name).default([]).describe('Settings that bound or govern it'),
  validFrom: offset.optional().describe('certificate, credential: from when it is valid'),
  validFor: offset.optional().describe('certificate, credential: until when it is valid'),
  holds: name
    .optional()
    .describe('credential: version that its workloads hold; session: workload or asset that waits for it'),
  accepts: z.array(name).optional().describe('credential: versions that the other side takes; `holds` when left out'),
  poison: z.array(name).optional().describe('queue: records that cannot be read, at its head first'),
  perSecond: perSecond.optional().describe('queue: records that come in'),
  limit: z
    .number()
    .optional()
    .describe('pool, disk, store: what there is; the number in its first setting when it has one'),
  used: z.number().optional().describe('pool, disk, store: what is used besides what actors use'),
  grows: z.number().optional().describe('pool, disk, store: how much `used` grows per second'),
  lag: duration.optional().describe('replica: how far it is behind'),
  fenced: z.boolean().optional().describe('replica: whether the old primary can be kept from writing'),
  detail: detail.default({}).describe('Facts for the move that acts on it'),
});

export const actor = z.strictObject({
  kind: z.enum(['job', 'controller', 'client', 'sidecar', 'autoscaler']).default('job').describe('What sort of actor'),
  running: z.boolean().default(true).describe('Whether it runs at the start'),
  suspendable: z.boolean().default(true).describe('Whether the healer may stop it'),
  uses: z.record(name, z.number()).default({}).describe('Assets it uses up, and how much of each while it runs'),
  usually: z.record(name, z.number()).default({}).describe('How much it uses of them on other days'),
  calls: z.record(name, z.number()).default({}).describe('Workloads it calls, and how often per second while it runs'),
  writes: z
    .array(
      z.strictObject({
        setting: name.describe('Id of the setting'),
        value,
        every: rhythm.describe('How often it looks and writes'),
        when: when.optional().describe('Only while this holds'),
      }),
    )
    .default([])
    .describe('Settings that it writes again and again while it runs; a write of the present value is none'),
  resumes: z
    .array(z.strictObject({ actor: name.describe('Name of the actor'), every: rhythm.describe('How often it looks') }))
    .default([])
    .describe('Actors that it starts again, whoever stopped them'),
});
