import { escapeIdentifier, escapeLiteral, type Pool } from 'pg';
import { KinError } from '../../base/errors.ts';

/**
 * Something that governs how a PostgreSQL server serves a role or a database and that is written in its catalog by a
 * statement: a parameter that was set, for whom, or an attribute that lets sessions in. `value` is null when nobody set it.
 */
export interface ServerSetting {
  /** As people read it, and unique on its server: `default_transaction_read_only of database clinic`. */
  readonly name: string;
  readonly value: string | null;
  readonly scope: Scope;
}

/** What is set, and for whom. Both names null: the whole server, by ALTER SYSTEM. */
export interface Scope {
  readonly kind: 'parameter' | 'connection-limit' | 'login' | 'valid-until' | 'connections-allowed';
  readonly parameter: string | null;
  readonly role: string | null;
  readonly database: string | null;
}

/** Parameters that a role or a database sets for its sessions. `$1` and `$2` are the roles and databases that matter. */
const FOR_SESSIONS = `
  select r.rolname as role, d.datname as database, split_part(c, '=', 1) as parameter, substring(c from '=(.*)$') as value
  from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
    cross join lateral unnest(s.setconfig) c
  where (r.rolname is null or r.rolname = any ($1::text[])) and (d.datname is null or d.datname = any ($2::text[]))`;

const LETTING_IN = `
  select 'connection-limit' as kind, rolname as role, null as database, rolconnlimit::text as value
    from pg_roles where rolname = any ($1::text[])
  union all select 'login', rolname, null, rolcanlogin::text from pg_roles where rolname = any ($1::text[])
  union all select 'valid-until', rolname, null, coalesce(rolvaliduntil::text, 'infinity') from pg_roles where rolname = any ($1::text[])
  union all select 'connection-limit', null, datname, datconnlimit::text from pg_database where datname = any ($2::text[])
  union all select 'connections-allowed', null, datname, datallowconn::text from pg_database where datname = any ($2::text[])`;

/** What ALTER SYSTEM wrote. Who may not read the file sees none of it. */
const OF_SERVER = `
  select name as parameter, setting as value from pg_file_settings
  where sourcefile = current_setting('data_directory') || '/postgresql.auto.conf'`;

/** Everything of the kind on the server now. Rejects with PostgreSQL's error when it cannot be read. */
export async function readServerSettings(
  pool: Pool,
  roles: readonly string[],
  databases: readonly string[],
): Promise<readonly ServerSetting[]> {
  const known = [roles, databases];
  const sessions = await pool.query<Omit<Scope, 'kind'> & { value: string }>(FOR_SESSIONS, known);
  const doors = await pool.query<Omit<Scope, 'parameter'> & { value: string }>(LETTING_IN, known);
  const server = await pool
    .query<{ parameter: string; value: string }>(OF_SERVER)
    .catch(() => ({ rows: [] as { parameter: string; value: string }[] }));
  return [
    ...sessions.rows.map(({ value, ...scope }) => settingOf({ ...scope, kind: 'parameter' }, value)),
    ...doors.rows.map(({ value, ...scope }) => settingOf({ ...scope, parameter: null }, value)),
    ...server.rows.map(({ parameter, value }) =>
      settingOf({ kind: 'parameter', parameter, role: null, database: null }, value),
    ),
  ];
}

function settingOf(scope: Scope, value: string): ServerSetting {
  return { name: nameOf(scope), value, scope };
}

function nameOf({ kind, parameter, role, database }: Scope): string {
  const what = parameter ?? kind;
  if (role === null) return `${what} of ${database === null ? 'the server' : `database ${database}`}`;
  return `${what} of role ${role}${database === null ? '' : ` in database ${database}`}`;
}

/** The statement that makes `value` so; null takes away what was set. Names and values are quoted here. */
export function statementFor({ kind, parameter, role, database }: Scope, value: string | null): string {
  if (kind === 'parameter') {
    const what = escapeIdentifier(parameter ?? '');
    const change = value === null ? `reset ${what}` : `set ${what} to ${literalFor(parameter ?? '', value)}`;
    if (role === null) return database === null ? `alter system ${change}` : `alter database ${q(database)} ${change}`;
    return `alter role ${q(role)}${database === null ? '' : ` in database ${q(database)}`} ${change}`;
  }
  const whom = role === null ? `database ${q(database ?? '')}` : `role ${q(role)}`;
  switch (kind) {
    case 'connection-limit':
      return `alter ${whom} connection limit ${Number(value ?? -1)}`;
    case 'login':
      return `alter ${whom} ${value === 'false' ? 'nologin' : 'login'}`;
    case 'valid-until':
      return `alter ${whom} valid until ${escapeLiteral(value ?? 'infinity')}`;
    case 'connections-allowed':
      return `alter ${whom} allow_connections ${value === 'false' ? 'false' : 'true'}`;
  }
}

const q = escapeIdentifier;

/** Their value is a list of names: one string would be one name with commas in it. */
const LISTS = new Set([
  'search_path',
  'temp_tablespaces',
  'session_preload_libraries',
  'shared_preload_libraries',
  'local_preload_libraries',
]);

function literalFor(parameter: string, value: string): string {
  if (!LISTS.has(parameter)) return escapeLiteral(value);
  const names = value.match(/"(?:[^"]|"")*"|[^,\s]+/g) ?? [];
  const plain = names.map((each) => (each.startsWith('"') ? each.slice(1, -1).replaceAll('""', '"') : each));
  if (plain.length === 0) throw new KinError('resource.unknown', `${parameter} had a value that is no list of names`);
  return plain.map(escapeLiteral).join(', ');
}
