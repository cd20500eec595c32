import { z } from 'zod';
import { name, value } from './words.ts';

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

export const when: z.ZodType<When> = z.lazy(() => whenForm);

const whenForm = z.strictObject({
  all: z.array(when).optional().describe('All of these hold'),
  any: z.array(when).optional().describe('One of these holds'),
  not: when.optional().describe('This does not hold'),
  setting: name.optional().describe('A setting, with is, isNot, above or below for its value'),
  asset: name.optional().describe('An asset, with is or isNot for a condition that holds of it'),
  actor: name.optional().describe('An actor, with is: running or stopped'),
  load: name.optional().describe('A workload, with above or below for the requests per second that reach it'),
  down: name.optional().describe('A workload of which no instance is ready'),
  is: value.optional().describe('Equal to this'),
  isNot: value.optional().describe('Different from this'),
  above: z.number().optional().describe('A number above this'),
  below: z.number().optional().describe('A number below this; what is no number is not below'),
});
