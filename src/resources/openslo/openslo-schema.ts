import { z } from 'zod';

/** OpenSLO v1 (github.com/OpenSLO/OpenSLO, README "Specification"): the parts of it that say something about objectives. */
export const OPENSLO_VERSION = 'openslo/v1';

/** A number with one unit: `5m`, `30d`; `M`, `Q` and `Y` are calendar months, quarters and years. */
const shorthandSchema = z.string().regex(/^\d+[mhdwMQY]$/, 'must be a number with a unit of m, h, d, w, M, Q or Y');

const metadataSchema = z.strictObject({
  name: z.string().min(1).max(63),
  displayName: z.string().optional(),
  labels: z.record(z.string(), z.union([z.string(), z.array(z.string())])).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
});

const description = z.string().max(1_050).optional();

/** Where a number is read. What is below `spec` belongs to the source alone. */
const metricSchema = z.strictObject({
  metricSource: z.strictObject({
    metricSourceRef: z.string().optional(),
    type: z.string().optional(),
    spec: z.record(z.string(), z.unknown()).default({}),
  }),
});

const sliSpecSchema = z.strictObject({
  description,
  thresholdMetric: metricSchema.optional(),
  ratioMetric: z
    .strictObject({
      counter: z.boolean().optional(),
      good: metricSchema.optional(),
      bad: metricSchema.optional(),
      total: metricSchema.optional(),
      rawType: z.enum(['success', 'failure']).optional(),
      raw: metricSchema.optional(),
    })
    .optional(),
});

const objectiveSchema = z.strictObject({
  displayName: z.string().optional(),
  op: z.enum(['lte', 'lt', 'gte', 'gt']).optional(),
  value: z.number().optional(),
  target: z.number().min(0).lt(1).optional(),
  targetPercent: z.number().min(0).lt(100).optional(),
  timeSliceTarget: z.number().optional(),
  timeSliceWindow: z.union([z.number(), z.string()]).optional(),
});

const windowSchema = z.strictObject({
  duration: shorthandSchema,
  isRolling: z.boolean().optional(),
  calendar: z.strictObject({ startTime: z.string(), timeZone: z.string() }).optional(),
});

const conditionSpecSchema = z.strictObject({
  description,
  severity: z.string(),
  condition: z.strictObject({
    kind: z.literal('burnrate').default('burnrate'),
    op: z.enum(['lte', 'lt', 'gte', 'gt']).optional(),
    threshold: z.number(),
    lookbackWindow: shorthandSchema,
    alertAfter: shorthandSchema.default('0m'),
  }),
});

const conditionSchema = z.union([
  z.strictObject({ conditionRef: z.string() }),
  z.strictObject({ kind: z.literal('AlertCondition'), metadata: metadataSchema, spec: conditionSpecSchema }),
]);

const targetSpecSchema = z.strictObject({ description, target: z.string() });

const policySpecSchema = z.strictObject({
  description,
  alertWhenNoData: z.boolean().default(false),
  alertWhenResolved: z.boolean().default(false),
  alertWhenBreaching: z.boolean().default(true),
  conditions: z.array(conditionSchema).length(1, 'must be a list of one condition'),
  notificationTargets: z
    .array(
      z.union([
        z.strictObject({ targetRef: z.string() }),
        z.strictObject({
          kind: z.literal('AlertNotificationTarget'),
          metadata: metadataSchema,
          spec: targetSpecSchema,
        }),
      ]),
    )
    .default([]),
});

const policySchema = z.union([
  z.strictObject({ alertPolicyRef: z.string() }),
  z.strictObject({ kind: z.literal('AlertPolicy'), metadata: metadataSchema, spec: policySpecSchema }),
]);

const sloSpecSchema = z.strictObject({
  description,
  service: z.string(),
  indicator: z.strictObject({ metadata: metadataSchema, spec: sliSpecSchema }).optional(),
  indicatorRef: z.string().optional(),
  timeWindow: z.array(windowSchema).length(1, 'must be a list of one window').optional(),
  budgetingMethod: z.enum(['Occurrences', 'Timeslices', 'RatioTimeslices']),
  objectives: z.array(objectiveSchema).min(1),
  alertPolicies: z.array(policySchema).default([]),
});

function envelope<Kind extends string, Spec extends z.ZodType>(kind: Kind, spec: Spec) {
  return z.strictObject({
    apiVersion: z.literal(OPENSLO_VERSION),
    kind: z.literal(kind),
    metadata: metadataSchema,
    spec,
  });
}

/** By kind. What only says where data come from and whom to tell is read and not looked into. */
export const OPENSLO_SCHEMAS = {
  SLO: envelope('SLO', sloSpecSchema),
  SLI: envelope('SLI', sliSpecSchema),
  AlertPolicy: envelope('AlertPolicy', policySpecSchema),
  AlertCondition: envelope('AlertCondition', conditionSpecSchema),
  AlertNotificationTarget: envelope('AlertNotificationTarget', targetSpecSchema),
  Service: envelope('Service', z.strictObject({ description })),
  DataSource: envelope('DataSource', z.record(z.string(), z.unknown())),
} as const;

export type OpensloKind = keyof typeof OPENSLO_SCHEMAS;
export type Slo = z.output<(typeof OPENSLO_SCHEMAS)['SLO']>;
export type SliSpec = z.output<typeof sliSpecSchema>;
export type PolicySpec = z.output<typeof policySpecSchema>;
export type ConditionSpec = z.output<typeof conditionSpecSchema>;
export type Metric = z.output<typeof metricSchema>;

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;

/** Milliseconds of a shorthand; undefined for one of the calendar, which has no fixed length. */
export function shorthandMs(text: string): number | undefined {
  const unit = UNIT_MS[text.at(-1) as keyof typeof UNIT_MS];
  return unit === undefined ? undefined : Number(text.slice(0, -1)) * unit;
}

/** The largest unit that fits without a rest: `6h`, `30m`, `90d`. Whole minutes only. */
export function toShorthand(ms: number): string {
  const unit = (['d', 'h', 'm'] as const).find((each) => ms % UNIT_MS[each] === 0) ?? 'm';
  return `${Math.round(ms / UNIT_MS[unit])}${unit}`;
}
