import type { ParameterValue } from '../resources/cel.ts';
import type { Control } from '../resources/control.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import type { Framework } from '../resources/profile.ts';
import type { Status, TenantTerms } from './assess.ts';
import type { Requirement, RequirementPool } from './requirement.ts';

/** In the order of their codes. */
export const STATUSES: readonly Status[] = ['satisfied', 'not-satisfied', 'unknown'];
export const CODES: Readonly<Record<Status, number>> = { satisfied: 0, 'not-satisfied': 1, unknown: 2 };
/** Of what was never judged. */
const NEVER = 255;

/** A tenant as far as it stands on a roll. */
export interface Enrolled {
  readonly terms: TenantTerms;
  /** By id of the control: the parameters that its contract sets. */
  readonly contract: Readonly<Record<string, Readonly<Record<string, ParameterValue>>>>;
}

/**
 * The results of one control for all tenants under its framework, by their rows; statuses as their codes. What one round
 * reads and writes lies side by side, because it may do so for ten thousand tenants.
 */
export interface Column {
  readonly framework: string;
  readonly control: Control;
  readonly tenants: readonly string[];
  readonly requirements: readonly Requirement[];
  readonly status: Uint8Array;
  readonly since: Float64Array;
  /** What the tenant's own facts say, as a `Part`. */
  readonly own: Uint8Array;
  readonly missing: Uint16Array;
  /** Keys of the facts that have violated the control since its violation began, until all of them are measured good. */
  readonly guilty: (readonly string[] | undefined)[];
}

/** All tenants that live under one framework. Each has a row, and each control a column. */
export interface Roll {
  readonly framework: Framework;
  readonly rows: ReadonlyMap<string, number>;
  /** In the order of the framework. */
  readonly columns: readonly Column[];
  /** By fact: the columns of the controls that ask for it. */
  readonly asking: ReadonlyMap<FactName, readonly Column[]>;
}

/** Nothing was judged yet; what `before` told of a tenant and a control that are still there stays, with its time. */
export function newRoll(
  framework: Framework,
  enrolled: readonly Enrolled[],
  pool: RequirementPool,
  before: Roll | undefined,
): Roll {
  const tenants = enrolled.map(({ terms }) => terms.name);
  const { length } = tenants;
  const columns = framework.controls.map((control): Column => {
    const requirements = enrolled.map(({ terms, contract }) =>
      pool.requirementFor(control, terms, contract[control.id]),
    );
    return {
      framework: framework.name,
      control,
      tenants,
      requirements,
      status: new Uint8Array(length).fill(NEVER),
      since: new Float64Array(length),
      own: new Uint8Array(length),
      missing: new Uint16Array(length),
      guilty: Array.from<undefined>({ length }),
    };
  });
  const olds = new Map(before?.columns.map((column) => [column.control.id, column]));
  for (const column of columns) {
    const old = olds.get(column.control.id);
    if (old && before) inherit(column, old, before.rows);
  }
  return { framework, rows: new Map(tenants.map((name, row) => [name, row])), columns, asking: askingIn(columns) };
}

function inherit(column: Column, old: Column, rows: ReadonlyMap<string, number>): void {
  for (const [row, tenant] of column.tenants.entries()) {
    const place = rows.get(tenant);
    if (place === undefined) continue;
    column.status[row] = old.status[place] ?? NEVER;
    column.since[row] = old.since[place] ?? 0;
    column.guilty[row] = old.guilty[place];
  }
}

function askingIn(columns: readonly Column[]): ReadonlyMap<FactName, readonly Column[]> {
  const asking = new Map<FactName, Column[]>();
  for (const column of columns) {
    for (const fact of new Set(column.control.checks.map((check) => check.fact))) {
      asking.set(fact, [...(asking.get(fact) ?? []), column]);
    }
  }
  return asking;
}
