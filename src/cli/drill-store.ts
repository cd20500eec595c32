import { escapeIdentifier } from 'pg';
import type { Workload } from '../resources/workload.ts';
import type { ControlFault } from './drill-control-fault.ts';
import type { Preparation } from './drill-faults.ts';
import { refuse } from './drill-target.ts';
import { type DatabaseDoor, runSql, type Undo } from './drill-undo.ts';
import { readDeclared } from './plan-apply.ts';

type StoreSpec = Workload['spec']['stores'][number];

/** A store in one region, as its administrator enters it. */
interface DrilledStore {
  /** `records/eu`. */
  readonly id: string;
  readonly region: string;
  readonly workload: Workload;
  readonly spec: StoreSpec;
  readonly door: DatabaseDoor;
  /** Its first table with data of tenants, quoted. */
  readonly table: string;
  readonly schema: string;
}

/** Every workload that is declared. */
export async function declaredWorkloads({ invocation }: Preparation): Promise<readonly Workload[]> {
  return (await readDeclared(invocation)).filter((each): each is Workload => each.kind === 'Workload');
}

/** The store `records/eu`, or the first one that keeps tenants apart. Throws `drill.refused` when there is none to enter. */
async function chooseStore(preparation: Preparation): Promise<DrilledStore> {
  const stores = (await declaredWorkloads(preparation)).flatMap((workload) =>
    workload.spec.stores.flatMap((spec) => storesOf(preparation, workload, spec)),
  );
  const { target } = preparation;
  const found = stores.find(({ id, spec }) => (target === undefined ? spec.protections.length > 0 : id === target));
  if (found) return found;
  const ids = stores.map(({ id }) => id).join(', ');
  throw refuse(`no store ${target ?? 'with row-level security'}; there are ${ids || 'none that can be entered'}`);
}

function storesOf({ status }: Preparation, workload: Workload, spec: StoreSpec): readonly DrilledStore[] {
  const { admin, role, tables, server } = spec;
  const [first] = tables;
  if (!admin || !role || first === undefined) return [];
  const instances = status.workloads.find(({ name }) => name === server)?.instances ?? [];
  return instances
    .filter((each) => each.role === 'occupant' && each.ready)
    .map(({ region, host, port }) => {
      const schema = spec.schema ?? spec.name;
      const door = { host, port, database: spec.database, user: admin.user, secret: admin.secret };
      const table = `${escapeIdentifier(schema)}.${escapeIdentifier(first)}`;
      return { id: `${spec.name}/${region}`, region, workload, spec, door, table, schema };
    });
}

/** A fault that SQL makes and SQL takes back. */
function sqlFault(
  { invocation }: Preparation,
  { id, door }: DrilledStore,
  fault: Pick<ControlFault, 'about' | 'facts'> & { readonly make: readonly string[]; readonly undo: readonly string[] },
): ControlFault {
  const { about, facts, make } = fault;
  const undo: Undo = { kind: 'sql', door, statements: fault.undo };
  const subject = `postgresql/${id}`;
  const inject = async () => void (await runSql(invocation, door, make));
  return { target: `store ${id}`, about, facts, subjects: [subject], words: [subject], undo, inject };
}

/** Somebody switches row-level security of a table off. */
export async function rlsDropped(preparation: Preparation): Promise<ControlFault> {
  const store = await chooseStore(preparation);
  const { table } = store;
  return sqlFault(preparation, store, {
    about: `row-level security of ${table} in ${store.id} is switched off`,
    facts: ['rls.enabled', 'isolation.sql.foreignRows'],
    make: [`alter table ${table} disable row level security`],
    undo: [`alter table ${table} enable row level security`, `alter table ${table} force row level security`],
  });
}

/** Somebody lets everybody through, for a moment, and forgets it. */
export async function policyWeakened(preparation: Preparation): Promise<ControlFault> {
  const store = await chooseStore(preparation);
  const { table, id, door } = store;
  const asked = `select quote_ident(policyname) as name, qual, with_check from pg_policies
    where format('%I.%I', schemaname, tablename)::regclass = '${table.replaceAll("'", "''")}'::regclass and permissive = 'PERMISSIVE'
      and qual is not null order by policyname limit 1`;
  const [row] = await runSql(preparation.invocation, door, [asked]);
  if (!row) throw refuse(`${table} in ${id} has no policy that could be weakened`);
  const { name, qual, with_check: check } = row;
  const change = `alter policy ${String(name)} on ${table}`;
  return sqlFault(preparation, store, {
    about: `policy ${String(name)} of ${table} in ${id} lets everybody through`,
    facts: ['rls.policies.missing', 'isolation.sql.foreignRows'],
    make: [`${change} using (true)`],
    undo: [`${change} using (${String(qual)})${check === null ? '' : ` with check (${String(check)})`}`],
  });
}

/** Somebody makes a view for a report: it reads as its owner, who is bound by no policy. */
export async function rlsBypassed(preparation: Preparation): Promise<ControlFault> {
  const store = await chooseStore(preparation);
  const view = `${escapeIdentifier(store.schema)}.kintsugi_drill_report`;
  const role = escapeIdentifier(store.spec.role?.user ?? '');
  return sqlFault(preparation, store, {
    about: `a view on ${store.table} in ${store.id} reads past its policies`,
    facts: ['rls.views.bypassing'],
    make: [`create view ${view} as select * from ${store.table}`, `grant select on ${view} to ${role}`],
    undo: [`drop view if exists ${view}`],
  });
}

const PRIVILEGES = ['DELETE', 'UPDATE', 'TRUNCATE'] as const;

/** The application's role gets a privilege that nobody declared. */
export async function surplusGrant(preparation: Preparation): Promise<ControlFault> {
  const store = await chooseStore(preparation);
  const { table, spec, id } = store;
  const user = spec.role?.user ?? '';
  const declared: readonly string[] = spec.privileges;
  const privilege = PRIVILEGES.find((each) => !declared.includes(each)) ?? 'TRUNCATE';
  const asked = `select has_table_privilege('${user.replaceAll("'", "''")}', '${table}', '${privilege}') as has`;
  const [row] = await runSql(preparation.invocation, store.door, [asked]);
  if (row?.['has'] !== false) throw refuse(`${user} may ${privilege} on ${table} in ${id} already`);
  return sqlFault(preparation, store, {
    about: `${user} may ${privilege} on ${table} in ${id}, which nobody declared`,
    facts: ['access.grants.surplus', 'rls.truncate.granted'],
    make: [`grant ${privilege} on ${table} to ${escapeIdentifier(user)}`],
    undo: [`revoke ${privilege} on ${table} from ${escapeIdentifier(user)}`],
  });
}
