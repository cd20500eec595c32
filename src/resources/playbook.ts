import { z } from 'zod';
import { durationMsSchema, nameSchema, resourceSchema } from './metadata.ts';
import { complaintAbout } from './move-parameters.ts';

/** What a diagnosis may name as the cause; playbooks are chosen by it. */
export const CAUSES = [
  'instance-died',
  'instance-hung',
  'instance-degraded',
  'version',
  'configuration',
  'tenant',
  'poison',
  'route',
  'actor',
  'isolation',
  'certificate',
  'credential',
  'clock',
  'session',
  'data',
  'missing',
  'protection',
  'compliance',
  'infrastructure',
  'dependency',
  'overload',
  /** Load that is coming. */
  'demand',
  /** Instances that a repair added, and that the load has no use for any more. */
  'spare',
  'resource',
  'observer',
  'unknown',
] as const;
export type Cause = (typeof CAUSES)[number];

/** In the order of what heals most; `docs/moves.md` says of each what it touches, costs and cannot undo. */
export const MOVES = [
  'revert',
  'rollback',
  'quarantine',
  'throttle',
  'shed',
  'suspend',
  'reroute',
  'restart',
  'replace',
  'scale',
  'scale-in',
  'resize',
  'recreate',
  'reenable',
  'terminate',
  'rotate',
  'sync-clock',
  'back-up',
  'dead-letter',
  'failover',
  'run',
  'page',
] as const;
export type MoveName = (typeof MOVES)[number];

export const AUTONOMY = ['observe', 'propose', 'approve', 'auto'] as const;
export type Autonomy = (typeof AUTONOMY)[number];

const parametersSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({});

/** A move does not know every parameter, and one that nobody reads would be believed to work. */
function checkParameters(
  rung: { readonly move: MoveName; readonly parameters: Readonly<Record<string, unknown>> },
  context: z.RefinementCtx,
): void {
  const found = complaintAbout(rung.move, rung.parameters);
  if (found) context.addIssue({ code: 'custom', path: ['parameters', found.parameter], message: found.message });
}

/** Which incidents are answered by which ladder of moves, and how far that may go without a person. */
export const playbookSchema = resourceSchema(
  'Playbook',
  z.strictObject({
    answers: z.array(z.enum(CAUSES)).min(1).describe('Causes it is for'),
    workloads: z.array(nameSchema).default([]).describe('Only these; all when empty'),
    autonomy: z.enum(AUTONOMY).default('auto'),
    ladder: z
      .array(
        z
          .strictObject({
            move: z.enum(MOVES),
            also: z
              .array(z.strictObject({ move: z.enum(MOVES), parameters: parametersSchema }).superRefine(checkParameters))
              .default([])
              .describe('Moves of the same rung, made after it and undone before it; verified together'),
            soakMs: durationMsSchema.default(3_000).describe('How long the independent signal must stay good'),
            verifyWithinMs: durationMsSchema
              .default(30_000)
              .describe('Until then it must have been good for that long'),
            parameters: parametersSchema,
          })
          .superRefine(checkParameters),
      )
      .min(1),
    limits: z
      .strictObject({
        attempts: z.int().min(1).default(3).describe('Repairs of one subject in the window; then a person is called'),
        windowMs: durationMsSchema.default(600_000),
        approvalMs: durationMsSchema.default(900_000).describe('How long an approval may be given'),
      })
      .prefault({}),
  }),
);

export type Playbook = z.output<typeof playbookSchema>;
