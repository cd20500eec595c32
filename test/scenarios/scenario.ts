/**
 * What a scenario file may say. A scenario is a world in words: a fleet, what happens to it, how people behave, and what
 * counts as healed. The judge runs it against the whole healer; nothing in it is known to the healer but what can be
 * observed. Times are durations from the start (`90s`, `5m`, `2h`, `30d`); ages count backwards from it.
 * `docs/scenarios.md` is made from the descriptions here.
 */
import { z } from 'zod';
import { AUTONOMY, MOVES, playbookSchema } from '../../src/resources/playbook.ts';
import { expectation } from './schema/expectation.ts';
import { actor, asset, setting, tenant, workload } from './schema/fleet.ts';
import { effect, event } from './schema/happening.ts';
import { count, duration, name, share, run } from './schema/words.ts';

const noise = z.strictObject({
  jitter: share.default(0.2).describe('Spread of latencies and rates'),
  errors: share.default(0.0005).describe('Share of the requests that fail anyhow'),
  probeLoss: share.default(0).describe('Share of the probes that get lost'),
});

const region = z.strictObject({
  hosts: z.int().min(1).max(100).default(3).describe('Machines, named REGION-1, REGION-2, ...'),
  room: count.default(10).describe('Instances that can be placed besides those of the start'),
});

const fleet = z.strictObject({
  regions: z
    .record(name, region)
    .default({ eu: { hosts: 3, room: 10 } })
    .describe('Where machines are'),
  gateways: z.int().min(1).max(20).default(2).describe('Gateways that carry the traffic'),
  replicas: z.int().min(1).max(10).default(1).describe('Replicas of the healer'),
  healerStandsOn: z
    .array(name)
    .default([])
    .describe('Workloads, assets and settings without which the healer cannot work'),
  workloads: z.record(name, workload).describe('Equal instances of one thing each'),
  tenants: z.record(name, tenant).describe('Who is served'),
  settings: z.record(name, setting).default({}).describe('By id, `records/POOL_SIZE`'),
  assets: z.record(name, asset).default({}).describe('By id: kind and name, `certificate ingress`'),
  actors: z.record(name, actor).default({}).describe('Who loads or changes things besides the tenants'),
});

const profile = z.strictObject({
  residency: z.enum(['strict', 'advisory']).default('strict').describe('Whether a tenant may leave its regions'),
  needsApproval: z.array(name).default([]).describe('Moves that a person has to approve for its tenants'),
});

const freeze = z.strictObject({
  from: duration.describe('When it begins'),
  until: duration.describe('When it ends'),
  workloads: z.array(name).default([]).describe('All when empty'),
  allow: z.array(name).default(['page']).describe('Moves that may be made all the same'),
});

const policy = z.strictObject({
  autonomy: z.enum(AUTONOMY).default('auto').describe('How far any playbook may go without a person'),
  freezes: z.array(freeze).default([]).describe('Declared times without changes'),
  destructive: z.array(z.enum(MOVES)).default([]).describe('Moves that destroy and are allowed all the same'),
  playbooks: z
    .record(name, playbookSchema.shape.spec)
    .default({})
    .describe('Playbooks that people declared, by name; fields as in the `spec` of a Playbook'),
  drillAge: duration.optional().describe('A playbook runs unattended only if it was drilled within this time'),
  drilled: z.record(name, duration).default({}).describe('How long ago the drill of a playbook passed'),
  thresholds: z
    .record(name, z.number())
    .default({})
    .describe('Thresholds of guards that people set, `attempts.repairsMax`'),
});

const person = z.strictObject({
  name: name.describe('Who approves'),
  approves: z
    .array(z.enum([...MOVES, 'any']))
    .default([])
    .describe('What this person says yes to; no answer to others'),
  after: duration.prefault('30s').describe('From being asked'),
});

export const scenarioSchema = z.strictObject({
  scenario: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'must be small letters, digits and hyphens')
    .describe('Its id, unique in its pack'),
  pack: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'must be small letters, digits and hyphens')
    .describe('Pack that it is counted in'),
  title: name.describe('What happens, in one line'),
  story: z.string().default('').describe('What a reader has to know to judge it'),
  source: z.string().default('').describe('Family or case that it is taken from'),
  runs: run.prefault('15m').describe('Length of the simulation'),
  noise: noise.prefault({}).describe('What is never quite even'),
  fleet: fleet.describe('The world before anything happens'),
  profiles: z.record(name, profile).default({}).describe('Regulations, by name'),
  policy: policy.prefault({}).describe('What people have decided about healing'),
  people: z.array(person).default([]).describe('Who answers when a plan asks for approval'),
  effects: z.array(effect).default([]).describe('The physics of this world: what follows from what'),
  events: z.array(event).default([]).describe('What happens, and when'),
  expect: expectation.describe('What counts as healed, and what may be done'),
  withoutGuards: z
    .array(name)
    .default([])
    .describe('Run a second time with these guards taken out: that run must do the harm that they prevent'),
  real: z
    .strictObject({
      fault: name.describe('Name of the fault'),
      target: name.describe('Instance, workload or tenant of the example'),
      args: z.array(z.string()).default([]).describe('More arguments'),
    })
    .optional()
    .describe('Also run on real processes: fault and target of `kintsugi drill` on the example stack'),
});

/** A scenario after parsing: durations are milliseconds, defaults are filled in. */
export type Scenario = z.output<typeof scenarioSchema>;
