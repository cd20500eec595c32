import { escapeIdentifier, type Pool, type PoolClient } from 'pg';
import { z } from 'zod';
import { KinError } from '../../base/errors.ts';
import { canonicalJson } from '../../base/json.ts';
import { UNGUARDED } from '../../observe/facts/row-security-catalog.ts';
import { IS_REFUSAL } from './refusal-name.ts';
import type { StoreAddress } from './store.ts';

/** Who owns a protected table, and which policies it has, as the catalog writes them. */
export interface GuardedTable {
  /** Quoted. */
  readonly table: string;
  readonly owner: string;
  /** The role of the application is the owner, or can become it: policies that are not forced do not bind it. */
  readonly isOwnedByRole: boolean;
  /** Canonical JSON: equal policies are equal texts. */
  readonly policies: string;
}

/** Names are quoted when statements are made of them; expressions are SQL that the catalog gave, each name with its schema. */
const policiesSchema = z.array(
  z.strictObject({
    name: z.string().min(1),
    permissive: z.boolean(),
    command: z.enum(['ALL', 'SELECT', 'INSERT', 'UPDATE', 'DELETE']),
    roles: z.array(z.string().min(1)).min(1),
    using: z.string().nullable(),
    check: z.string().nullable(),
  }),
);
type Policy = z.infer<typeof policiesSchema>[number];

/** `$1` schema, `$2` the role of the application, `$3` names of tables or none for all of them. */
const TABLES = `
  select format('%I.%I', n.nspname, c.relname) as "table", pg_get_userbyid(c.relowner) as owner,
    pg_has_role($2::name, c.relowner, 'MEMBER') as owned,
    coalesce(jsonb_agg(jsonb_build_object(
      'name', p.polname, 'permissive', p.polpermissive,
      'command', case p.polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE' else 'ALL' end,
      'roles', array(select case r when 0 then 'PUBLIC' else pg_get_userbyid(r)::text end from unnest(p.polroles) r order by 1),
      'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid))
      order by p.polname) filter (where p.oid is not null), '[]') as policies
  from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_policy p on p.polrelid = c.oid and not (${IS_REFUSAL})
  where n.nspname = $1 and c.relkind in ('r', 'p') and (cardinality($3::text[]) = 0 or c.relname = any ($3))
  group by c.oid, n.nspname, c.relname, c.relowner order by 1`;

/** Changes with every change of an owner, a policy or a name of a column, and needs no lock on any table. */
const SIGNATURE = `
  select md5(coalesce(string_agg(concat_ws(' ', c.oid, c.relname, c.relowner,
    (select string_agg(p.oid || ':' || p.xmin, ' ' order by p.oid) from pg_policy p where p.polrelid = c.oid),
    (select string_agg(a.attname, ' ' order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0)),
    ',' order by c.oid), '')) as signature
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relkind in ('r', 'p') and (cardinality($2::text[]) = 0 or c.relname = any ($2))`;

type Session = Pick<Pool | PoolClient, 'query'>;

/** Whether `readGuardedTables` would say the same as before can be told by this, however the tables are locked. */
export async function readSignature(
  session: Session,
  { schema, tables }: Pick<StoreAddress, 'schema' | 'tables'>,
): Promise<string> {
  const { rows } = await session.query<{ signature: string }>(SIGNATURE, [schema, tables]);
  return rows[0]?.signature ?? '';
}

/**
 * Rejects with PostgreSQL's error where it cannot be read, also while the role of the application is not there. The catalog
 * writes an expression under a lock of its table: whoever has locked that is waited for.
 */
export async function readGuardedTables(
  session: Session,
  { schema, role, tables }: Pick<StoreAddress, 'schema' | 'role' | 'tables'>,
): Promise<readonly GuardedTable[]> {
  const { rows } = await session.query<Record<string, unknown>>(TABLES, [schema, role?.user, tables]);
  return rows.map((row) => ({
    table: String(row['table']),
    owner: String(row['owner']),
    isOwnedByRole: row['owned'] === true,
    policies: canonicalJson(policiesSchema.parse(row['policies'])),
  }));
}

/** Tables of which the catalog shows that a policy that names the tenant stands before every command of the application. */
export async function readGuarded(
  session: Session,
  { schema, role, tables }: Pick<StoreAddress, 'schema' | 'role' | 'tables'>,
): Promise<ReadonlySet<string>> {
  const { rows } = await session.query<{ table: string; unguarded: string[] }>(UNGUARDED, [schema, role?.user, tables]);
  return new Set(rows.filter(({ unguarded }) => unguarded.length === 0).map(({ table }) => table));
}

/**
 * Makes the policies of a table the wanted ones, all at once or not at all. Resolves with false, and changes nothing, when
 * they are neither those that are expected nor the wanted ones. Rejects with PostgreSQL's error when it refuses.
 */
export function putPolicies(
  pool: Pool,
  address: StoreAddress,
  { table, from, to }: { readonly table: string; readonly from: string; readonly to: string },
): Promise<boolean> {
  const [old, wanted] = [policiesSchema.parse(JSON.parse(from)), policiesSchema.parse(JSON.parse(to))];
  const isIn = (all: readonly Policy[], policy: Policy) =>
    all.some((each) => canonicalJson(each) === canonicalJson(policy));
  return inTransaction(pool, async (client) => {
    await client.query(`lock table ${table} in access exclusive mode`);
    const read = async () => (await readGuardedTables(client, address)).find((each) => each.table === table)?.policies;
    const now = await read();
    if (now === canonicalJson(wanted)) return true;
    if (now !== canonicalJson(old)) return false;
    for (const policy of old.filter((each) => !isIn(wanted, each))) {
      await client.query(`drop policy ${escapeIdentifier(policy.name)} on ${table}`);
    }
    for (const policy of wanted.filter((each) => !isIn(old, each))) await create(client, table, policy);
    if ((await read()) !== canonicalJson(wanted)) {
      throw new KinError('resource.conflict', `the policies of ${table} are not what was written`);
    }
    return true;
  });
}

async function create(client: PoolClient, table: string, policy: Policy): Promise<void> {
  const { name, permissive, command, roles, using, check } = policy;
  const to = roles.map((role) => (role === 'PUBLIC' ? role : escapeIdentifier(role))).join(', ');
  const text = [
    `create policy ${escapeIdentifier(name)} on ${table} as ${permissive ? 'permissive' : 'restrictive'}`,
    `for ${command} to ${to}`,
    using === null ? '' : `using (${using})`,
    check === null ? '' : `with check (${check})`,
  ].join(' ');
  // One statement and no more, whatever the expressions hold.
  const alone = { text, queryMode: 'extended' };
  await client.query(alone);
}

/**
 * Gives a table to another owner, and the application what is declared for it: it loses that with the table. Resolves with
 * false, and changes nothing, when neither the expected nor the wanted one owns it.
 */
export function giveTable(
  pool: Pool,
  { role, privileges }: StoreAddress,
  { table, from, to }: { readonly table: string; readonly from: string; readonly to: string },
): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ owner: string }>(
      'select pg_get_userbyid(relowner) as owner from pg_class where oid = $1::regclass',
      [table],
    );
    if (rows[0]?.owner !== from) return rows[0]?.owner === to;
    await client.query(`alter table ${table} owner to ${escapeIdentifier(to)}`);
    if (role && role.user !== to && privileges.length > 0) {
      await client.query(`grant ${privileges.join(', ')} on ${table} to ${escapeIdentifier(role.user)}`);
    }
    return true;
  });
}

/** Nobody is waited for longer than this: who waits for a lock stands before all who come after. */
const LOCK_MS = 500;

export async function inTransaction<Result>(pool: Pool, run: (client: PoolClient) => Promise<Result>): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query(`begin; set local lock_timeout = ${LOCK_MS}`);
    const result = await run(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

/** PostgreSQL's code for a lock that was not given in time. */
const LOCKED = '55P03';

/** Undefined while somebody else has locked what it needs. */
export async function unlessLocked<Result>(reading: Promise<Result>): Promise<Result | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as { code?: string }).code === LOCKED) return undefined;
    throw error;
  }
}
