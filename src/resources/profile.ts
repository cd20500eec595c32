import { z } from 'zod';
import { resourceSchema } from './metadata.ts';

/** The controls and thresholds that a regulation asks for. Each names its clause and its legal status. */
export const profileSchema = resourceSchema(
  'Profile',
  z.strictObject({
    title: z.string().min(1),
    source: z.url().optional().describe('Where the text of the regulation is published'),
    controls: z
      .array(
        z.strictObject({
          id: z.string().min(1).describe('In OSCAL form, for example gdpr-art-32-1-b'),
          clause: z.string().min(1),
          status: z.enum(['required', 'addressable', 'recommended', 'proposed']),
          summary: z.string().min(1).describe('Our own paraphrase'),
        }),
      )
      .default([]),
    moves: z
      .strictObject({
        residency: z
          .enum(['strict', 'advisory'])
          .default('strict')
          .describe('strict: no move may put the tenant outside its permitted regions'),
        needsApproval: z.array(z.string()).default([]).describe('Moves that a person has to approve for its tenants'),
      })
      .prefault({}),
  }),
);

export type Profile = z.output<typeof profileSchema>;
