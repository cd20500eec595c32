import { z } from 'zod';
import { controlIdSchema, nameSchema, resourceSchema } from './metadata.ts';

/**
 * A deviation that somebody answers for. For an addressable control it is the documented alternative (45 CFR
 * 164.306(d)(3)); for a required one it is only a note beside a result that stays as it was measured. It ends by itself.
 */
export const exceptionSchema = resourceSchema(
  'Exception',
  z.strictObject({
    control: controlIdSchema.describe('Id of the control, such as hipaa-164.312.a.2.iv'),
    tenants: z.array(nameSchema).default([]).describe('Only for these; for all when empty'),
    owner: z.string().min(1).describe('Who answers for it'),
    reason: z.string().min(1).describe('Why the control is not met as it is written'),
    compensatingControl: z.string().min(1).describe('What protects instead'),
    expires: z.iso.datetime({ offset: true }).describe('When it ends; at most a year ahead is good practice'),
  }),
);

export type Exception = z.output<typeof exceptionSchema>;
