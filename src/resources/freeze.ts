import { z } from 'zod';
import { fromIso } from '../base/clock.ts';
import { nameSchema, resourceSchema } from './metadata.ts';
import { MOVES } from './playbook.ts';

/** A window in which nothing is healed or rolled out but by the moves that it allows. */
export const freezeSchema = resourceSchema(
  'Freeze',
  z
    .strictObject({
      reason: z.string().min(1),
      from: z.iso.datetime({ offset: true }),
      until: z.iso.datetime({ offset: true }),
      workloads: z.array(nameSchema).default([]).describe('Only these; all when empty'),
      allow: z.array(z.enum(MOVES)).default(['page']),
    })
    .refine((spec) => fromIso(spec.from) < fromIso(spec.until), { path: ['until'], message: 'must be after `from`' }),
);

export type Freeze = z.output<typeof freezeSchema>;
