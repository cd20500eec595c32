import { escapeIdentifier, type Pool } from 'pg';
import { z } from 'zod';
import { SURPLUS_DEFAULTS } from '../../observe/facts/postgresql-grants.ts';
import { HOLDERS } from '../../observe/facts/row-holders.ts';
import { callableBy, readDefinerFunctions } from '../../observe/facts/routines/definer-functions.ts';
import { BYPASSING_ROLES, BYPASSING_VIEWS } from '../../observe/facts/row-security-catalog.ts';
import type { StoreAddress } from './store.ts';

/**
 * Something in a store by which more may be read or done than people declared. Each kind can be taken away and put back
 * exactly; what cannot (a right by way of a group, a key whose values may have met meanwhile) is none of these and stays a
 * matter for people.
 */
export type Surplus =
  /** `relation` is quoted, as the catalog writes it; PUBLIC is everybody. */
  | { readonly kind: 'grant'; readonly privilege: string; readonly relation: string; readonly grantee: string }
  | { readonly kind: 'create'; readonly schema: string; readonly grantee: string }
  /** Of every table that `creator` makes next, in every schema when there is none. */
  | {
      readonly kind: 'default';
      readonly privilege: string;
      readonly creator: string;
      readonly schema: string | null;
      readonly grantee: string;
    }
  | { readonly kind: 'view'; readonly relation: string }
  /** With the types of its arguments, as the catalog writes it. */
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'attribute'; readonly role: string; readonly attribute: string }
  | { readonly kind: 'membership'; readonly role: string; readonly member: string };

/**
 * What its role and others were granted on relations of the schema beyond what is declared, and others on what holds its rows
 * elsewhere; groups of the role apart.
 */
const GRANTS = `
  with recursive ${HOLDERS}
  select x.privilege_type as privilege, c.oid::regclass::text as relation,
         case when x.grantee = 0 then 'PUBLIC' else r.rolname end as grantee
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
    cross join lateral aclexplode(c.relacl) x left join pg_roles r on r.oid = x.grantee
  where c.oid in (select oid from holders) and x.grantee <> c.relowner
    and (n.nspname = $1 or c.relkind = 'm' or x.grantee <> 0 and r.rolname <> $2)
    and x.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER')
    and not coalesce(r.rolsuper, false) and coalesce(r.rolname, '') <> all ($4::text[])
    and not (c.relkind = 'v' and x.privilege_type = 'SELECT' and (x.grantee = 0 or r.rolname = $2))
    and case when x.grantee = 0 or r.rolname = $2 then x.privilege_type <> all ($3::text[]) or c.relkind = 'm'
             else not pg_has_role($2, x.grantee, 'MEMBER') end`;

const ATTRIBUTES = `
  select a.attribute from pg_roles r,
    lateral (values (r.rolsuper, 'SUPERUSER'), (r.rolbypassrls, 'BYPASSRLS'), (r.rolcreaterole, 'CREATEROLE'),
                    (r.rolcreatedb, 'CREATEDB'), (r.rolreplication, 'REPLICATION')) as a (has, attribute)
  where r.rolname = $1 and a.has`;

const CREATES = `
  select case when x.grantee = 0 then 'PUBLIC' else r.rolname end as grantee
  from pg_namespace n cross join lateral aclexplode(n.nspacl) x left join pg_roles r on r.oid = x.grantee
  where n.nspname = $1 and x.privilege_type = 'CREATE' and x.grantee <> n.nspowner and (x.grantee = 0 or r.rolname = $2)`;

const MEMBERSHIPS = `
  select g.rolname as role from pg_auth_members m join pg_roles g on g.oid = m.roleid join pg_roles r on r.oid = m.member
  where r.rolname = $1 and (g.rolname = any ($2::text[]) or g.rolname ~ '^pg_' or g.rolcreaterole or g.rolreplication)`;

/** Everything of the kind in the store now. Rejects with PostgreSQL's error when it cannot be read. */
export async function readSurplus(
  pool: Pool,
  address: StoreAddress,
  tables: readonly number[],
): Promise<readonly Surplus[]> {
  const { role, schema, privileges, admin, operators, rowSecurity } = address;
  if (!role) return [];
  const rows = async <R extends object>(text: string, ...values: unknown[]) => (await pool.query<R>(text, values)).rows;
  const grants = await rows<{ privilege: string; relation: string; grantee: string }>(
    ...([GRANTS, schema, role.user, privileges, [admin.user, ...operators]] as const),
  );
  const attributes = await rows<{ attribute: string }>(ATTRIBUTES, role.user);
  const creates = await rows<{ grantee: string }>(CREATES, schema, role.user);
  const defaults = await rows<{ privilege: string; creator: string; schema: string | null; grantee: string }>(
    ...([SURPLUS_DEFAULTS, schema, role.user, privileges, [role.user, admin.user]] as const),
  );
  const found: Surplus[] = [
    ...(privileges.length > 0 ? grants : []).map((each) => ({ kind: 'grant' as const, ...each })),
    ...(privileges.length > 0 ? defaults : []).map((each) => ({ kind: 'default' as const, ...each })),
    ...attributes.map((each) => ({ kind: 'attribute' as const, role: role.user, ...each })),
    ...creates.map((each) => ({ kind: 'create' as const, schema, ...each })),
  ];
  if (!rowSecurity) return found;
  const views = await rows<{ name: string; plain: boolean }>(
    `select v.name, to_regclass(v.name) is not null and c.relkind = 'v' as plain
     from (${BYPASSING_VIEWS}) v join pg_class c on c.oid = to_regclass(v.name)`,
    role.user,
    tables,
  );
  const callable = await callableBy(pool, role.user, await readDefinerFunctions(pool, tables));
  const functions = callable.filter(({ reading }) => reading === 'past');
  const bypassing = (await rows<{ name: string }>(BYPASSING_ROLES, role.user, tables)).map(({ name }) => name);
  const memberships = await rows<{ role: string }>(MEMBERSHIPS, role.user, bypassing);
  return [
    ...found,
    ...views.filter(({ plain }) => plain).map(({ name }) => ({ kind: 'view' as const, relation: name })),
    ...functions.map(({ name }) => ({ kind: 'function' as const, name })),
    ...memberships.map((each) => ({ kind: 'membership' as const, member: role.user, ...each })),
  ];
}

/** As people read it, and unique in its store: `grant of TRUNCATE on records.notes to records_app`. */
export function nameOfSurplus(surplus: Surplus): string {
  switch (surplus.kind) {
    case 'grant':
      return `grant of ${surplus.privilege} on ${surplus.relation} to ${surplus.grantee}`;
    case 'create':
      return `grant of CREATE in schema ${surplus.schema} to ${surplus.grantee}`;
    case 'default': {
      const where = surplus.schema === null ? '' : ` in schema ${surplus.schema}`;
      return `grant of ${surplus.privilege} on what ${surplus.creator} makes next${where} to ${surplus.grantee}`;
    }
    case 'function':
      return `function ${surplus.name} with the rights of its owner`;
    case 'view':
      return `view ${surplus.relation} with the rights of its owner`;
    case 'attribute':
      return `attribute ${surplus.attribute} of ${surplus.role}`;
    case 'membership':
      return `membership of ${surplus.member} in ${surplus.role}`;
  }
}

/** The statement that takes it away, and the one that puts it back. Names are quoted here, or were by the catalog. */
export function statementsOf(surplus: Surplus): { readonly remove: string; readonly restore: string } {
  const named = (name: string) => (name === 'PUBLIC' ? name : escapeIdentifier(name));
  switch (surplus.kind) {
    case 'grant': {
      const what = `${surplus.privilege} on ${surplus.relation}`;
      return granted(what, named(surplus.grantee));
    }
    case 'create':
      return granted(`CREATE on schema ${escapeIdentifier(surplus.schema)}`, named(surplus.grantee));
    case 'default': {
      const { privilege, creator, schema, grantee } = surplus;
      const where = schema === null ? '' : ` in schema ${escapeIdentifier(schema)}`;
      const change = `alter default privileges for role ${escapeIdentifier(creator)}${where}`;
      return {
        remove: `${change} revoke ${privilege} on tables from ${named(grantee)}`,
        restore: `${change} grant ${privilege} on tables to ${named(grantee)}`,
      };
    }
    case 'function':
      return {
        remove: `alter routine ${surplus.name} security invoker`,
        restore: `alter routine ${surplus.name} security definer`,
      };
    case 'view':
      return {
        remove: `alter view ${surplus.relation} set (security_invoker = true)`,
        restore: `alter view ${surplus.relation} reset (security_invoker)`,
      };
    case 'attribute': {
      const role = escapeIdentifier(surplus.role);
      return {
        remove: `alter role ${role} no${surplus.attribute}`,
        restore: `alter role ${role} ${surplus.attribute}`,
      };
    }
    case 'membership': {
      const [role, member] = [escapeIdentifier(surplus.role), escapeIdentifier(surplus.member)];
      return { remove: `revoke ${role} from ${member}`, restore: `grant ${role} to ${member}` };
    }
  }
}

function granted(what: string, grantee: string) {
  return { remove: `revoke ${what} from ${grantee}`, restore: `grant ${what} to ${grantee}` };
}

const IDENTIFIER = '(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)';
const RELATION = new RegExp(`^${IDENTIFIER}(?:\\.${IDENTIFIER})?$`);
/** Names and types of arguments need nothing else; one that does is left to people. */
const ROUTINE = new RegExp(`^${IDENTIFIER}\\.${IDENTIFIER}\\([\\w ",.[\\]]*\\)$`);
const privilege = z.enum(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']);
const schema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('grant'),
    privilege,
    relation: z.string().regex(RELATION),
    grantee: z.string().min(1),
  }),
  z.strictObject({ kind: z.literal('create'), schema: z.string().min(1), grantee: z.string().min(1) }),
  z.strictObject({
    kind: z.literal('default'),
    privilege,
    creator: z.string().min(1),
    schema: z.string().min(1).nullable(),
    grantee: z.string().min(1),
  }),
  z.strictObject({ kind: z.literal('function'), name: z.string().regex(ROUTINE) }),
  z.strictObject({ kind: z.literal('view'), relation: z.string().regex(RELATION) }),
  z.strictObject({
    kind: z.literal('attribute'),
    role: z.string().min(1),
    attribute: z.enum(['SUPERUSER', 'BYPASSRLS', 'CREATEROLE', 'CREATEDB', 'REPLICATION']),
  }),
  z.strictObject({ kind: z.literal('membership'), role: z.string().min(1), member: z.string().min(1) }),
]);

/** The value of a setting that is one of these: what a plan keeps, so that it can be put back by whoever leads then. */
export function surplusOf(value: string): Surplus {
  return schema.parse(JSON.parse(value));
}
