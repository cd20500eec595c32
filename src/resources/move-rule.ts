import { z } from 'zod';
import { controlIdSchema } from './metadata.ts';
import { type Claim, CLAIMS, type Deed, DEEDS, type Duty, DUTIES } from './move-rule-words.ts';

const deeds = Object.keys(DEEDS) as [Deed, ...Deed[]];
const claims = Object.keys(CLAIMS) as [Claim, ...Claim[]];
const duties = Object.keys(DUTIES) as [Duty, ...Duty[]];

/** One sentence of a regulation about moves, as data. */
export const moveRuleSchema = z
  .strictObject({
    id: controlIdSchema,
    clause: z.string().min(1),
    link: z.url().optional(),
    paraphrase: z.string().min(1),
    on: z.array(z.enum(deeds)).min(1).describe('Deeds that it is about'),
    forbids: z.boolean().default(false).describe('The deed is never lawful'),
    needs: z.array(z.enum(claims)).default([]).describe('Has to be shown; not known is a no'),
    barredBy: z.array(z.enum(claims)).default([]).describe('Must not be known to be so'),
    otherwise: z.enum(['deny', 'ask']).default('deny').describe('What follows when it does not hold'),
    duties: z.array(z.enum(duties)).default([]).describe('What has to follow when the move is made'),
  })
  .refine((rule) => rule.forbids || rule.needs.length + rule.barredBy.length + rule.duties.length > 0, {
    path: ['needs'],
    message: 'forbids nothing, needs nothing and asks for nothing: say what the rule is',
  });
export type MoveRule = z.output<typeof moveRuleSchema>;
