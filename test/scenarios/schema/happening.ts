import { z } from 'zod';
import { CONDITIONS, ERROR_CLASSES } from '../../../src/observe/condition.ts';
import { asset } from './fleet.ts';
import { when } from './when.ts';
import { detail, duration, name, offset, rhythm, share, value } from './words.ts';

export const effect = z.strictObject({
  when: when.optional().describe('Always, when left out'),
  after: duration
    .prefault('0s')
    .describe('How long `when` must hold before it shows; for a crash: how long a process runs before it ends'),
  until: duration.optional().describe('Time at which it ends for good'),
  workload: name.optional().describe('Where it shows'),
  calls: name.optional().describe('Only in calls of `workload` to this workload or asset, which do not get there'),
  version: z.int().optional().describe('Only in instances of this version'),
  instances: z.array(name).optional().describe('Only in these slots, `records/eu/0`'),
  host: name.optional().describe('Only in instances on this host'),
  region: name.optional().describe('Only in instances of this region'),
  tenant: name.optional().describe('Only for requests of this tenant'),
  route: name.optional().describe('Only for requests to this route of `workload`: `errors` and `latency`'),
  startedWith: z.boolean().default(false).describe('Only in instances that started while `when` held'),
  errors: share.optional().describe('Share of the requests that fail'),
  class: z.enum(ERROR_CLASSES).default('server-error').describe('Why they fail, as the caller sees it'),
  latency: duration.optional().describe('Added to each request'),
  capacityTimes: z.number().min(0).optional().describe('What is left of the capacity of an instance'),
  crash: z.boolean().optional().describe('The process ends `after` its start, again and again'),
  exit: name.optional().describe('Last line that a crashed process writes'),
  hang: z.boolean().optional().describe('It answers nothing, not even its probes'),
  notReady: z.boolean().optional().describe('Its readiness probe fails, so that no request is sent to it'),
  noStart: z.boolean().optional().describe('New processes do not come up; those that run go on'),
  leak: z.number().optional().describe('MiB per second that it grows'),
  leaks: z.boolean().optional().describe('Answers hold data of other tenants; a canary sees it'),
  asset: name.optional().describe('Asset of which `condition` holds'),
  condition: z.enum(CONDITIONS).optional().describe('Condition that holds of `asset` as long as this shows'),
  detail: detail.optional().describe('Detail of the condition'),
});

const fault = z.strictObject({
  kind: z
    .enum([
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
    ])
    .describe('What breaks; see the mechanics'),
  instance: name.optional().describe('Slot, `records/eu/0`: who is in it at that time'),
  workload: name.optional().describe('All its instances'),
  host: name.optional().describe('All instances on it'),
  region: name.optional().describe('All instances in it'),
  share: share.default(1).describe('errors, loss: share of the requests'),
  latency: duration.prefault('1s').describe('slow, delay: added to each request'),
  perSecond: z.number().default(10).describe('leak: MiB per second'),
  for: duration.optional().describe('Until it ends by itself; for good when left out'),
});

const deploy = z.strictObject({
  workload: name.describe('What is rolled out'),
  version: z.int().describe('To which version'),
  by: name.default('person operator').describe('Who does it'),
  rollout: z.enum(['canary', 'all']).default('all').describe('canary: one instance first, the others when it soaked'),
  every: rhythm.prefault('5s').describe('From one instance to the next'),
});

const restart = z.strictObject({
  workload: name.describe('Whose instances'),
  by: name.default('person operator').describe('Who does it'),
  every: rhythm.prefault('5s').describe('From one instance to the next'),
});

const poison = z.strictObject({
  tenant: name.describe('Who sends it'),
  workload: name.describe('Where it arrives'),
  route: name.describe('Route template, `/records/{id}`'),
  fingerprint: name.describe('What such requests have in common'),
  every: rhythm.prefault('10s').describe('How often the tenant sends it'),
  kills: z.boolean().default(true).describe('Whether the process dies of it, or only the request fails'),
  version: z.int().optional().describe('Only instances of this version die of it'),
  for: duration.optional().describe('Until the tenant stops sending it'),
});

const load = z.strictObject({
  tenant: name.optional().describe("Only this tenant's; everybody's when left out"),
  workload: name.optional().describe('Only to this workload'),
  times: z.number().min(0).max(1_000).describe('How many times its usual'),
  for: duration.optional().describe('Until it is as usual again; for good when left out'),
});

const observer = z.strictObject({
  vantage: z.enum(['keeper', 'prober', 'gateways', 'all']).describe('Who looks'),
  does: z
    .enum(['silent', 'lies-down', 'stale', 'loses'])
    .describe('says nothing; reports everything as down; repeats old readings; loses a share of its readings'),
  share: share.default(1).describe('Of the readings'),
  for: duration.optional().describe('Until it looks right again; for good when left out'),
});

const healer = z.strictObject({
  does: z
    .enum(['kill-leader', 'pause-leader', 'partition-leader', 'database-away', 'kill-all'])
    .describe('kill -9, SIGSTOP, cut off from everything, its database gone'),
  for: duration.optional().describe('Until it is back; killed replicas start again after it'),
  upon: z
    .enum(['intent', 'applied', 'verified'])
    .optional()
    .describe('Not at `at`, but at the first entry of this kind that a repair writes into its journal after it'),
});

export const event = z.strictObject({
  at: duration.describe('Time from the start'),
  set: z
    .strictObject({
      setting: name.describe('Id; one that was not there appears'),
      value,
      by: name.default('person operator').describe('Who writes it'),
    })
    .optional()
    .describe('Somebody changes a setting'),
  deploy: deploy.optional().describe('Somebody rolls out a version'),
  restart: restart.optional().describe('Somebody restarts all instances, one after another, in their slots'),
  fault: fault.optional().describe('Something breaks'),
  asset: z
    .strictObject({
      asset: name.describe('Id of the asset'),
      is: z.enum(CONDITIONS).describe('What holds from now on'),
      for: duration.optional().describe('Until it ends by itself; until a move or `ends` ends it when left out'),
      detail: detail.default({}).describe('What is known of it'),
    })
    .optional()
    .describe('A condition begins to hold of an asset'),
  ends: z
    .strictObject({ asset: name.describe('Id of the asset'), is: z.enum(CONDITIONS).describe('What ends') })
    .optional()
    .describe('A condition that an event began ends'),
  appears: asset
    .extend({ asset: name.describe('Its id') })
    .optional()
    .describe('An asset that was not there: fields as in fleet.assets'),
  record: z
    .strictObject({ queue: name.describe('Id of the queue'), record: name.describe('Its offset or id') })
    .optional()
    .describe('A record that cannot be read arrives at a queue'),
  load: load.optional().describe('Tenants send more or less'),
  poison: poison.optional().describe('A tenant begins to send requests that kill'),
  clock: z
    .strictObject({ host: name.describe('Whose clock'), skew: offset.describe('By how much it is ahead') })
    .optional()
    .describe('The clock of a host goes wrong'),
  credential: z
    .strictObject({
      asset: name.describe('Id of the credential'),
      to: name.describe('Its new version'),
      keepOld: z.boolean().default(false).describe('The old version is still taken'),
      delivered: z.boolean().default(true).describe('Processes that start from now on get the new version'),
    })
    .optional()
    .describe('Somebody rotates it at the side that checks it'),
  actor: z
    .strictObject({ actor: name.describe('Its name'), running: z.boolean().describe('Whether it runs from now on') })
    .optional()
    .describe('An actor starts or stops'),
  observer: observer.optional().describe('Who looks at the fleet goes wrong'),
  healer: healer.optional().describe('Something happens to the healer itself'),
  person: z
    .strictObject({
      does: z
        .enum(['stop', 'resume', 'pause', 'unpause', 'freeze', 'set'])
        .describe('stop and resume healing, pause and unpause a scope, declare a freeze'),
      scope: name.default('global').describe('`global`, `workload NAME`, `tenant NAME` or `move NAME`'),
      for: duration.optional().describe('Until it ends by itself'),
      reason: name.default('maintenance').describe('Why'),
    })
    .optional()
    .describe('A person acts on the healer'),
});
