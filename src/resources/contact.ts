import { z } from 'zod';

/** An office that can be reached: of an organisation, not of a person in private. */
export const contactSchema = z.strictObject({
  name: z.string().min(1).max(200),
  contact: z.string().min(1).max(500).describe('Address, telephone or mail of the office'),
});
export type Contact = z.output<typeof contactSchema>;
