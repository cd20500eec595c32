import { z } from 'zod';
import { CONDITIONS } from '../../../src/observe/condition.ts';
import { CAUSES, MOVES } from '../../../src/resources/playbook.ts';
import { duration, name, value } from './words.ts';

const deed = z.strictObject({
  move: z.enum([...MOVES, 'any']).describe('any: whatever the move is called, but no call for a person'),
  subject: name.optional().describe('Part of what it touched: an instance, workload, tenant, setting, asset or actor'),
  value: value.optional().describe('Value that it wrote, or version that it went to'),
});

const cause = z.strictObject({
  cause: z.enum(CAUSES).describe('What the healer has to name'),
  subject: name.optional().describe('Part of the name of the subject'),
});

const healed = z.strictObject({
  by: z
    .enum(['requests', 'escalation', 'containment'])
    .default('requests')
    .describe(
      'requests: all tenants are served again; escalation: a person was called; containment: all but `hurt` are served',
    ),
  hurt: z.array(name).default([]).describe('Tenants that need not be served for it to count'),
  for: duration.prefault('60s').describe('How long it must hold'),
  relapse: duration
    .prefault('0s')
    .describe('How long a tenant may be hurt again later, as when a limit that ends by itself shows that it is needed'),
  conditions: z
    .array(
      z.strictObject({
        asset: name.describe('Id of the asset'),
        not: z.enum(CONDITIONS).describe('What may not hold of it any more'),
      }),
    )
    .default([])
    .describe('Conditions that must be gone as well'),
  settings: z
    .array(
      z.strictObject({ setting: name.describe('Id of the setting'), is: value.describe('At the end; null: absent') }),
    )
    .default([])
    .describe('Values that must stand as well'),
});

export const expectation = z.strictObject({
  nothing: z.boolean().default(false).describe('Any move but page is a false heal'),
  from: duration
    .optional()
    .describe('Time from which detection and healing are measured; the first event when left out'),
  cause: z.array(cause).default([]).describe('Naming any one of these is right; empty: the cause is not judged'),
  causes: z.array(z.array(cause).min(1)).default([]).describe('Several faults at once: one of each list must be named'),
  healed: healed.prefault({}).describe('The oracle: what the tenants feel'),
  repairs: z
    .array(z.array(deed))
    .default([])
    .describe('Each is a set of deeds that counts; any one of them is enough; empty: any repair counts, none too'),
  incidents: z
    .int()
    .min(0)
    .optional()
    .describe(
      'Most incidents that may be opened from `from` on, merged ones and those that belong to another left out; not judged when left out',
    ),
  forbidden: z.array(deed).default([]).describe('Deeds that must never be done'),
  within: z
    .strictObject({
      detect: duration.prefault('60s').describe('Until an incident is opened'),
      heal: duration.prefault('5m').describe('Until the oracle begins to hold for good'),
    })
    .prefault({})
    .describe('Time limits, from `from`'),
  harm: z
    .strictObject({
      tenantMinutes: z.number().default(10).describe('Minutes below objective, summed over tenants'),
      instances: z.int().default(10).describe('Instances that repairs touched'),
      tenants: z.array(name).optional().describe('Who alone may be below objective; everybody when left out'),
      exposed: z.int().default(0).describe("Answers with another tenant's data that go out"),
      dataLost: duration.prefault('0s').describe('Written data that a failover loses, in time of writes'),
    })
    .prefault({})
    .describe('Who may be hurt and how much'),
  guard: z.array(name).default([]).describe('Guards that must have refused something'),
});
