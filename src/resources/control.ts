import { z } from 'zod';
import { compilePredicate, type ParameterValue, type Predicate } from './cel.ts';
import { FACT_NAMES, type FactName } from './fact-kinds.ts';
import { controlIdSchema } from './metadata.ts';
import { noticeComplaints, noticeSchema } from './notice.ts';
import { MOVES } from './playbook.ts';

/** Where a number comes from. Only `in-force` is law: a contract may tighten it and never loosen it. */
export const LEGAL_STATUSES = ['in-force', 'proposed', 'contract', 'policy-default'] as const;

/** How sure we are of it: seen in a source, known well, of medium certainty, our engineering judgement. */
const CERTAINTIES = ['seen', 'known', 'medium', 'judgement'] as const;

const sourceFields = {
  status: z.enum(LEGAL_STATUSES).describe('Whether it is law, a draft of law, a contract or our default'),
  source: z.string().min(1).describe('Where the number is found'),
  certainty: z.enum(CERTAINTIES).default('known'),
};

const parameterSchema = z.strictObject({
  value: z.union([z.number(), z.array(z.string().min(1)).max(100)]),
  unit: z.string().min(1),
  tighter: z
    .enum(['lower', 'higher', 'fewer', 'fixed'])
    .describe('Which way a contract may go: a lower or a higher number, a part of the list, or none'),
  ...sourceFields,
});
export type Parameter = z.output<typeof parameterSchema>;

const checkSchema = z.strictObject({
  fact: z.enum(FACT_NAMES),
  holds: z.string().min(1).max(500).describe('CEL over value, tenant and the parameters; has to hold for each subject'),
});

const remedyFields = {
  facts: z
    .array(z.enum(FACT_NAMES))
    .min(1)
    .optional()
    .describe('Only against these facts; left out: against every fact that the control checks'),
};

const remedySchema = z.union([
  z.strictObject({ move: z.enum(MOVES), what: z.string().min(1), ...remedyFields }),
  z.strictObject({ person: z.string().min(1).describe('What a person has to do'), ...remedyFields }),
]);

const PARAMETER_NAME = /^[a-z][A-Za-z0-9]*$/;

export const controlSchema = z
  .strictObject({
    id: controlIdSchema,
    clause: z.string().min(1),
    link: z.url().optional().describe('The clause, where it is published'),
    title: z.string().min(1).max(120).describe('A few words for tables'),
    paraphrase: z.string().min(1).describe('What it asks for, in our own words'),
    level: z.enum(['required', 'addressable']).default('required'),
    certainty: z.enum(CERTAINTIES).default('known'),
    parameters: z
      .record(z.string().regex(PARAMETER_NAME, 'must be a name such as idleMinutesMax'), parameterSchema)
      .default({}),
    checks: z.array(checkSchema).max(10).default([]).describe('All have to hold; none: a person decides'),
    remedies: z.array(remedySchema).default([]),
    notice: noticeSchema.optional().describe('A notice that the clause asks for after a breach, and its clock'),
    decidedBy: z.string().min(1).optional().describe('Who decides what no measurement can'),
    evidence: z.string().min(1).optional().describe('What serves as proof where nothing can be measured'),
    nist80053: z
      .array(z.string().regex(/^[a-z]{2}-\d+(\.\d+)?$/, 'must be a control of NIST 800-53 such as ac-12 or ac-2.3'))
      .default([]),
  })
  .superRefine((control, context) => {
    if (control.checks.length === 0 && control.decidedBy === undefined) {
      context.addIssue({ code: 'custom', path: ['checks'], message: 'needs a check, or `decidedBy`: who decides' });
    }
    const reserved = Object.keys(control.parameters).find((name) => name === 'value' || name === 'tenant');
    if (reserved !== undefined) {
      context.addIssue({ code: 'custom', path: ['parameters', reserved], message: 'must have another name' });
      return;
    }
    const checked = new Set(control.checks.map(({ fact }) => fact));
    for (const [index, { facts }] of control.remedies.entries()) {
      const strange = facts?.find((fact) => !checked.has(fact));
      if (strange === undefined) continue;
      const message = `${strange} is in no check of this control`;
      context.addIssue({ code: 'custom', path: ['remedies', index, 'facts'], message });
    }
    for (const complaint of noticeComplaints(control)) context.addIssue({ code: 'custom', ...complaint });
    for (const [index, { fact, holds }] of control.checks.entries()) {
      const compiled = compilePredicate(holds, fact, valuesOf(control.parameters));
      if (typeof compiled === 'string')
        context.addIssue({ code: 'custom', path: ['checks', index, 'holds'], message: compiled });
    }
  });
export type ControlSpec = z.output<typeof controlSchema>;

/** One judgement about one kind of fact, ready to be made. */
export interface Check {
  readonly fact: FactName;
  /** The expression, for people. */
  readonly holds: string;
  readonly test: Predicate;
}

/** A control with its checks compiled. */
export interface Control extends Omit<ControlSpec, 'checks'> {
  readonly checks: readonly Check[];
  /** Of the profile, before any contract. */
  readonly defaults: Readonly<Record<string, ParameterValue>>;
}

/** Compiles a control that its schema has accepted. Throws an error that the schema should have found. */
export function compileControl(spec: ControlSpec): Control {
  const defaults = valuesOf(spec.parameters);
  const checks = spec.checks.map(({ fact, holds }): Check => {
    const test = compilePredicate(holds, fact, defaults);
    if (typeof test === 'string') throw new TypeError(`${spec.id}: ${holds} ${test}`);
    return { fact, holds, test };
  });
  return { ...spec, checks, defaults };
}

function valuesOf(parameters: Readonly<Record<string, Parameter>>): Readonly<Record<string, ParameterValue>> {
  return Object.fromEntries(Object.entries(parameters).map(([name, { value }]) => [name, value]));
}
