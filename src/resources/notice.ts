import { z } from 'zod';
import { controlIdSchema } from './metadata.ts';
import { timeOf } from './time-unit.ts';

/** What can be lost of data (GDPR Art. 4(12)): who may know them, that they are right, that they are there. */
export const LOSSES = ['confidentiality', 'integrity', 'availability'] as const;
export type Loss = (typeof LOSSES)[number];

/** What a clock runs from. `detection` is the machine's, `awareness` and `classification` are acts of people. */
const STARTS = ['detection', 'awareness', 'classification', 'notice'] as const;
export type ClockStart = (typeof STARTS)[number];

/** The notice that a clause asks for after a breach. The earliest of its limits counts. */
export const noticeSchema = z.strictObject({
  to: z.string().min(1).describe('Who is told'),
  losses: z
    .array(z.enum(LOSSES))
    .min(1)
    .default([...LOSSES])
    .describe('Only for these'),
  due: z
    .array(
      z.strictObject({
        parameter: z.string().min(1).describe('The parameter of the control that holds the time, in hours or days'),
        from: z.enum(STARTS),
        of: controlIdSchema.optional().describe('With `from: notice`: the control whose notice it follows'),
      }),
    )
    .min(1)
    .max(5),
});
export type Notice = z.output<typeof noticeSchema>;

interface NoticeControl {
  readonly notice?: Notice | undefined;
  readonly parameters: Readonly<Record<string, { readonly value: unknown; readonly unit: string }>>;
}

/** What is wrong with the notice of a control. */
export function noticeComplaints({ notice, parameters }: NoticeControl) {
  return (notice?.due ?? []).flatMap(({ parameter, from, of }, index) => {
    const path = ['notice', 'due', index];
    const held = Object.hasOwn(parameters, parameter) ? parameters[parameter] : undefined;
    if (held === undefined)
      return [{ path: [...path, 'parameter'], message: `the control has no parameter ${parameter}` }];
    if (timeOf(held.value, held.unit) === undefined)
      return [{ path: [...path, 'parameter'], message: `${parameter} must be a number of hours or days` }];
    if ((from === 'notice') !== (of !== undefined))
      return [{ path: [...path, 'of'], message: 'stands with `from: notice`, and only there' }];
    return [];
  });
}
