/**
 * What a scenario file may say. A scenario is a world in words: a fleet, what happens to it, how people behave, and what
 * counts as healed. The judge runs it against the whole healer; nothing in it is known to the healer but what can be
 * observed. Times are durations from the start (`90s`, `5m`, `2h`, `30d`); ages count backwards from it.
 */
import { z } from 'zod';
import { ERROR_CLASSES, CONDITIONS } from '../../src/observe/condition.ts';
import { ASSET_KINDS, SETTING_KINDS } from '../../src/diagnose/fleet-view.ts';
import { AUTONOMY, CAUSES, MOVES } from '../../src/resources/playbook.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s` to milliseconds. A minus sign is for what is already past: a certificate that is valid for `-1h`. */
const duration = z
  .string()
  .regex(/^-?\d+(\.\d+)?(ms|s|m|h|d)$/, 'must be a duration like 250ms, 90s, 5m, 2h or 30d')
  .transform((text) => Number.parseFloat(text) * UNITS[text.replace(/^-?[\d.]+/, '')]!);

const name = z.string().min(1);
const share = z.number().min(0).max(1);
const value = z
  .union([z.string(), z.number(), z.boolean(), z.null()])
  .transform((it) => (it === null ? null : String(it)));

const history = z
  .array(
    z.strictObject({ value, age: duration, by: name.default('person operator'), soaked: z.boolean().default(true) }),
  )
  .default([])
  .describe('Earlier values, oldest first');

const workload = z.strictObject({
  instances: z.record(name, z.int().min(0)).describe('Per region'),
  route: name.optional().describe('Tenants send their requests here; left out for what only others call'),
  dependsOn: z.array(name).default([]).describe('Called once for each request; its failure fails the request'),
  optional: z.array(name).default([]).describe('Called once for each request; its failure does not fail the request'),
  external: z.boolean().default(false).describe('Not ours: it can be called, and not healed'),
  latency: duration.prefault('20ms').describe('Of its own work, in the median'),
  capacity: z.number().positive().default(200).describe('Requests per second that one instance can do'),
  start: duration.prefault('2s').describe('From the start of a process until it is ready'),
  keepsData: z.boolean().default(false),
  replacement: z.enum(['parallel', 'in-place']).default('parallel'),
  memory: z.strictObject({ used: z.number(), limit: z.number() }).prefault({ used: 200, limit: 512 }).describe('MiB'),
  timeout: duration.prefault('2s').describe('Of a call that it makes; the setting NAME/timeout when that exists'),
  retries: z.int().min(0).default(0).describe('Of a call that it makes; the setting NAME/retries when that exists'),
  versions: z
    .array(
      z.strictObject({
        version: z.int().min(1),
        age: duration.prefault('30d'),
        soaked: z.boolean().default(true),
        artefact: name.optional().describe('Equal artefacts differ in their configuration alone'),
      }),
    )
    .default([{ version: 1, age: 30 * UNITS['d']!, soaked: true }]),
  runs: z.int().optional().describe('Version that runs at the start; the newest that soaked when left out'),
});

const tenant = z.strictObject({
  regions: z.array(name).min(1),
  profiles: z.array(name).default([]),
  dataClasses: z.array(name).default(['personal']),
  tier: name.default('standard'),
  perSecond: z.number().min(0).default(20).describe('Requests that it sends to each of its workloads'),
  uses: z.array(name).default([]).describe('Workloads with a route that it calls; all of them when empty'),
  availability: z.number().default(0.99),
  latency: duration.prefault('1s'),
});

const setting = z.strictObject({
  kind: z.enum(SETTING_KINDS).default('config'),
  value,
  declared: value.optional().describe('What people declared; left out when nobody did'),
  workloads: z.array(name).default([]).describe("Whose behaviour it governs; everybody's when empty"),
  tenant: name.nullable().default(null),
  needsRestart: z.boolean().default(false),
  history,
});

const asset = z.strictObject({
  kind: z.enum(ASSET_KINDS),
  workloads: z.array(name).default([]).describe('Who cannot work without it'),
  tenants: z.array(name).default([]),
  region: name.nullable().default(null),
  host: name.nullable().default(null).describe('As in `eu-1`: the hosts of a region are counted from 1'),
  partOf: name.nullable().default(null),
  settings: z.array(name).default([]),
  validFrom: duration.optional().describe('certificate, credential: from when it is valid'),
  validFor: duration.optional().describe('certificate, credential: until when, from the start'),
  holds: name.optional().describe('credential: version that its workloads hold; session: what others wait for'),
  accepts: z.array(name).optional().describe('credential: versions that the other side takes'),
  poison: z.array(name).optional().describe('queue: records that cannot be read, at its head first'),
  perSecond: z.number().optional().describe('queue: records that come in'),
  limit: z.number().optional().describe('pool, disk, store: what there is; the setting in `settings` when it has one'),
  used: z.number().optional().describe('pool, disk, store: what is used besides what actors use'),
  lag: duration.optional().describe('replica: how far it is behind'),
  fenced: z.boolean().optional().describe('replica: whether the old primary can be kept from writing'),
  detail: z.record(z.string(), z.json()).default({}),
});

const actor = z.strictObject({
  kind: z.enum(['job', 'controller', 'client', 'sidecar', 'autoscaler']).default('job'),
  running: z.boolean().default(true),
  suspendable: z.boolean().default(true),
  uses: z.record(name, z.number()).default({}).describe('Assets it uses up, and how much of each while it runs'),
  usually: z.record(name, z.number()).default({}).describe('How much it uses of them on other days'),
  calls: z.record(name, z.number()).default({}).describe('Workloads it calls, and how often per second while it runs'),
  writes: z
    .array(z.strictObject({ setting: name, value, every: duration }))
    .default([])
    .describe('Settings that it writes again and again while it runs'),
});

/** When something holds. Each form has one question; `all`, `any` and `not` combine them. */
export interface When {
  readonly all?: readonly When[] | undefined;
  readonly any?: readonly When[] | undefined;
  readonly not?: When | undefined;
  readonly setting?: string | undefined;
  readonly asset?: string | undefined;
  readonly actor?: string | undefined;
  readonly load?: string | undefined;
  readonly down?: string | undefined;
  readonly is?: string | null | undefined;
  readonly isNot?: string | null | undefined;
  readonly above?: number | undefined;
  readonly below?: number | undefined;
}

const when: z.ZodType<When> = z.lazy(() =>
  z.strictObject({
    all: z.array(when).optional(),
    any: z.array(when).optional(),
    not: when.optional(),
    setting: name.optional().describe('with is, isNot, above or below: its value'),
    asset: name.optional().describe('with is or isNot: a condition that holds of it'),
    actor: name.optional().describe('with is: running or stopped'),
    load: name.optional().describe('with above or below: requests per second at a workload'),
    down: name.optional().describe('a workload of which no instance is ready'),
    is: value.optional(),
    isNot: value.optional(),
    above: z.number().optional(),
    below: z.number().optional(),
  }),
);

const effect = z.strictObject({
  when: when.optional().describe('Always, when left out'),
  after: duration.prefault('0s').describe('How long `when` must hold before it shows'),
  until: duration.optional().describe('Time at which it ends, from the start'),
  workload: name.optional().describe('Where it shows'),
  version: z.int().optional().describe('Only in instances of this version'),
  instances: z.array(name).optional().describe('Only in these slots, `records/eu/0`'),
  host: name.optional(),
  region: name.optional(),
  tenant: name.optional().describe('Only for requests of this tenant'),
  startedWith: z.boolean().default(false).describe('Only in instances that started while `when` held'),
  errors: share.optional().describe('Share of the requests that fail'),
  class: z.enum(ERROR_CLASSES).default('server-error'),
  latency: duration.optional().describe('Added to each request'),
  capacityTimes: z.number().min(0).optional().describe('What is left of the capacity of an instance'),
  crash: z.boolean().optional().describe('The process ends, `after` its own start'),
  exit: name.optional().describe('Last line that a crashed process writes'),
  hang: z.boolean().optional().describe('It answers nothing, not even its probes'),
  notReady: z.boolean().optional(),
  noStart: z.boolean().optional().describe('New processes do not come up'),
  leak: z.number().optional().describe('MiB per second that it grows'),
  leaks: z.boolean().optional().describe('Answers hold data of other tenants; a canary sees it'),
  asset: name.optional(),
  condition: z.enum(CONDITIONS).optional().describe('Holds of `asset`'),
});

const event = z.strictObject({
  at: duration,
  set: z.strictObject({ setting: name, value, by: name.default('person operator') }).optional(),
  deploy: z.strictObject({ workload: name, version: z.int(), by: name.default('person operator') }).optional(),
  fault: z
    .strictObject({
      kind: z.enum([
        'kill',
        'stop',
        'slow',
        'errors',
        'leak',
        'block',
        'burn',
        'crash-loop',
        'partition',
        'delay',
        'loss',
        'host-down',
      ]),
      instance: name.optional().describe('Slot, `records/eu/0`: who is in it at that time'),
      workload: name.optional(),
      host: name.optional(),
      region: name.optional(),
      share: share.default(1),
      latency: duration.prefault('1s'),
      perSecond: z.number().default(10),
      for: duration.optional(),
    })
    .optional(),
  asset: z
    .strictObject({
      asset: name,
      is: z.enum(CONDITIONS),
      for: duration.optional(),
      detail: z.record(z.string(), z.json()).default({}),
    })
    .optional(),
  ends: z
    .strictObject({ asset: name, is: z.enum(CONDITIONS) })
    .optional()
    .describe('A condition ends'),
  appears: z
    .strictObject({ asset: name })
    .and(z.record(z.string(), z.json()))
    .optional()
    .describe('An asset that was not there: fields as in fleet.assets'),
  load: z
    .strictObject({
      tenant: name.optional(),
      workload: name.optional(),
      times: z.number().min(0),
      for: duration.optional(),
    })
    .optional(),
  poison: z
    .strictObject({
      tenant: name,
      workload: name,
      route: name,
      fingerprint: name,
      every: duration.prefault('10s').describe('How often the tenant sends it'),
      kills: z.boolean().default(true).describe('Whether the process dies of it, or only the request fails'),
      version: z.int().optional().describe('Only instances of this version die of it'),
      for: duration.optional(),
    })
    .optional(),
  clock: z.strictObject({ host: name, skew: duration }).optional(),
  credential: z
    .strictObject({ asset: name, to: name, keepOld: z.boolean().default(false) })
    .optional()
    .describe('Somebody rotates it at the side that checks it'),
  actor: z.strictObject({ actor: name, running: z.boolean() }).optional(),
  observer: z
    .strictObject({
      vantage: z.enum(['keeper', 'prober', 'gateways', 'all']),
      does: z.enum(['silent', 'lies-down', 'stale', 'loses']),
      share: share.default(1),
      for: duration.optional(),
    })
    .optional(),
  healer: z
    .strictObject({
      does: z.enum(['kill-leader', 'pause-leader', 'partition-leader', 'database-away', 'kill-all']),
      for: duration.optional(),
    })
    .optional(),
  person: z
    .strictObject({
      does: z.enum(['stop', 'resume', 'pause', 'unpause', 'freeze', 'set']),
      scope: name.default('global'),
      for: duration.optional(),
      reason: name.default('maintenance'),
    })
    .optional(),
});

const deed = z.strictObject({
  move: z.enum([...MOVES, 'any']),
  subject: name.optional().describe('Part of what it touched: an instance, workload, tenant, setting, asset or actor'),
  value: value.optional().describe('Value that it wrote'),
});

const expected = z.strictObject({
  nothing: z.boolean().default(false).describe('Any move but page is a false heal'),
  cause: z
    .array(
      z.strictObject({ cause: z.enum(CAUSES), subject: name.optional().describe('Part of the name of the subject') }),
    )
    .default([])
    .describe('Any of these is right'),
  healed: z
    .strictObject({
      by: z
        .enum(['requests', 'escalation', 'containment'])
        .default('requests')
        .describe(
          'requests: all tenants are served again; escalation: a person was called; containment: only `hurt` are not served',
        ),
      hurt: z.array(name).default([]).describe('Tenants that need not be served for it to count'),
      for: duration.prefault('60s').describe('How long it must hold'),
      conditions: z.array(z.strictObject({ asset: name, not: z.enum(CONDITIONS) })).default([]),
      settings: z.array(z.strictObject({ setting: name, is: value })).default([]),
    })
    .prefault({}),
  repairs: z.array(z.array(deed)).default([]).describe('Each is a set of deeds that counts; any one of them is enough'),
  forbidden: z.array(deed).default([]),
  within: z.strictObject({ detect: duration.prefault('60s'), heal: duration.prefault('5m') }).prefault({}),
  harm: z
    .strictObject({
      tenantMinutes: z.number().default(10),
      instances: z.int().default(10),
      tenants: z.array(name).optional(),
    })
    .prefault({})
    .describe('Tenant-minutes below objective in all, instances touched, and who alone may be hurt'),
  guard: z.array(name).default([]).describe('Guards that must have refused something'),
});

export const scenarioSchema = z.strictObject({
  scenario: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  pack: z.string().regex(/^[a-z0-9-]+$/),
  title: name,
  story: z.string().default(''),
  source: z.string().default('').describe('Family or case that it is taken from'),
  runs: duration.prefault('15m').describe('Length of the simulation'),
  noise: z
    .strictObject({ jitter: share.default(0.2), errors: share.default(0.0005), probeLoss: share.default(0) })
    .prefault({}),
  fleet: z.strictObject({
    regions: z
      .record(name, z.strictObject({ hosts: z.int().min(1).default(3), room: z.int().min(0).default(10) }))
      .default({ eu: { hosts: 3, room: 10 } }),
    gateways: z.int().min(1).default(2),
    replicas: z.int().min(1).default(1).describe('Of the healer'),
    workloads: z.record(name, workload),
    tenants: z.record(name, tenant),
    settings: z.record(name, setting).default({}),
    assets: z.record(name, asset).default({}).describe('By id: kind and name, `certificate ingress`'),
    actors: z.record(name, actor).default({}),
  }),
  profiles: z
    .record(
      name,
      z.strictObject({
        residency: z.enum(['strict', 'advisory']).default('strict'),
        needsApproval: z.array(name).default([]),
      }),
    )
    .default({}),
  policy: z
    .strictObject({
      autonomy: z.enum(AUTONOMY).default('auto'),
      freezes: z
        .array(
          z.strictObject({
            from: duration,
            until: duration,
            workloads: z.array(name).default([]),
            allow: z.array(name).default(['page']),
          }),
        )
        .default([]),
      destructive: z.array(z.enum(MOVES)).default([]),
    })
    .prefault({}),
  people: z
    .array(
      z.strictObject({
        name,
        approves: z.array(z.enum([...MOVES, 'any'])).default([]),
        after: duration.prefault('30s').describe('From being asked'),
      }),
    )
    .default([]),
  effects: z.array(effect).default([]),
  events: z.array(event).default([]),
  expect: expected,
  withoutGuards: z
    .array(name)
    .default([])
    .describe('Run a second time with these guards taken out: that run must do the harm that they prevent'),
  real: z
    .strictObject({ fault: name, target: name })
    .optional()
    .describe('Also run on real processes: fault and target of `kintsugi drill`'),
});

/** A scenario after parsing: durations are milliseconds, defaults are filled in. */
export type Scenario = z.output<typeof scenarioSchema>;
