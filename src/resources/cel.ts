import { Environment } from '@marcbachmann/cel-js';
import { FACT_KINDS, type FactName, type FactType } from './fact-kinds.ts';

/** What an expression may ask of the tenant. What the tenant did not declare is absent: `!has(tenant.rtoMs) || ...`. */
const TENANT_SCHEMA = {
  name: 'string',
  regions: 'list<string>',
  processors: 'list<string>',
  dataClasses: 'list<string>',
  availability: 'double',
  rtoMs: 'double',
  rpoMs: 'double',
} as const;

const CEL_TYPES: Readonly<Record<FactType, string>> = {
  number: 'double',
  boolean: 'bool',
  text: 'string',
  texts: 'list<string>',
};

/** Far above any check that a person can read. */
const LIMITS = { maxAstNodes: 200, maxDepth: 16, maxListElements: 50, maxMapEntries: 0, maxCallArguments: 4 };

export type ParameterValue = number | readonly string[];

/** All that an expression sees: `value`, `tenant` and the parameters of its control, each by its name. */
export type CelContext = Readonly<Record<string, unknown>>;

/** An expression that was type-checked to give true or false. Throws when a value is missing or of another type. */
export type Predicate = (context: CelContext) => boolean;

/**
 * Compiles an expression over one fact. Returns what is wrong with it as one sentence when it does not parse, names what it
 * is not given, mixes types, or does not give true or false.
 */
export function compilePredicate(
  expression: string,
  fact: FactName,
  parameters: Readonly<Record<string, ParameterValue>>,
): Predicate | string {
  const environment = new Environment({ limits: LIMITS })
    .registerVariable('value', CEL_TYPES[FACT_KINDS[fact].type])
    .registerVariable({ name: 'tenant', schema: TENANT_SCHEMA });
  for (const [name, value] of Object.entries(parameters)) {
    environment.registerVariable(name, typeof value === 'number' ? 'double' : 'list<string>');
  }
  const { valid, type, error } = environment.check(expression);
  if (!valid) return `is not a valid expression: ${withoutSource(error?.summary ?? 'it cannot be read')}`;
  if (type !== 'bool') return `must give true or false, and gives ${type}`;
  const run = environment.parse(expression);
  return (context) => run(context) === true;
}

/** Numbers are doubles here: the commonest mistake gets its remedy. */
function withoutSource(summary: string): string {
  const isMixed = /double .* int|int .* double/.test(summary);
  return isMixed ? `${summary} (numbers are written with a point: 30.0)` : summary;
}
