import { z } from 'zod';
import { type Control, compileControl, controlSchema, type ControlSpec, LEGAL_STATUSES } from './control.ts';
import { profileNameSchema, resourceSchema } from './metadata.ts';
import { moveRuleSchema } from './move-rule.ts';

const movesSchema = z.strictObject({
  residency: z
    .enum(['strict', 'advisory'])
    .default('strict')
    .describe('strict: no move may put the tenant outside its permitted regions'),
  residencyClause: z.string().min(1).optional().describe('The clause that residency follows from'),
  needsApproval: z.array(z.string()).default([]).describe('Moves that a person has to approve for its tenants'),
  rules: z.array(moveRuleSchema).default([]).describe('What else the regulation says about moves'),
});

/** The controls and thresholds that a regulation asks for, and what it says about moves. Each names its clause. */
export const profileSchema = resourceSchema(
  'Profile',
  z
    .strictObject({
      title: z.string().min(1),
      version: z.string().min(1).optional(),
      status: z.enum(LEGAL_STATUSES).default('in-force').describe('Of the whole: proposed law binds nobody yet'),
      source: z.url().optional().describe('Where the text of the regulation is published'),
      controls: z.array(controlSchema).max(1_000).default([]),
      moves: movesSchema.prefault({}),
    })
    .superRefine((spec, context) => {
      tellRepeated(spec.controls, ['controls'], context);
      tellRepeated(spec.moves.rules, ['moves', 'rules'], context);
      tellDangling(spec.controls, context);
    }),
  profileNameSchema,
);
export type Profile = z.output<typeof profileSchema>;

function tellRepeated(
  items: readonly { readonly id: string }[],
  path: readonly string[],
  context: z.RefinementCtx,
): void {
  const seen = new Set<string>();
  for (const [index, { id }] of items.entries()) {
    if (seen.has(id))
      context.addIssue({ code: 'custom', path: [...path, index, 'id'], message: `${id} is given twice` });
    seen.add(id);
  }
}

/** A notice may follow only one that the same profile asks for. */
function tellDangling(controls: readonly ControlSpec[], context: z.RefinementCtx): void {
  const noticed = new Set(controls.flatMap(({ id, notice }) => (notice ? [id] : [])));
  for (const [index, { notice }] of controls.entries()) {
    for (const [at, { of }] of (notice?.due ?? []).entries()) {
      if (of === undefined || noticed.has(of)) continue;
      const path = ['controls', index, 'notice', 'due', at, 'of'];
      context.addIssue({ code: 'custom', path, message: `no control ${of} of this profile asks for a notice` });
    }
  }
}

/** A profile as the stage `comply` takes it: the checks are functions. */
export interface Framework {
  readonly name: string;
  readonly title: string;
  readonly status: Profile['spec']['status'];
  readonly controls: readonly Control[];
}

/** Compiles the controls of a profile that its schema has accepted. */
export function compileProfile({ metadata, spec }: Profile): Framework {
  const { title, status } = spec;
  return { name: metadata.name, title, status, controls: spec.controls.map(compileControl) };
}

/** What a profile says about moves, as the gate takes it (`comply/gate.ts`). */
export function rulesOf({ metadata, spec: { moves } }: Profile) {
  const { residency, residencyClause, needsApproval, rules } = moves;
  return { profile: metadata.name, residency, residencyClause, needsApproval, rules };
}
