import { hash } from 'node:crypto';
import { escapeIdentifier, escapeLiteral, type PoolClient } from 'pg';
import { toIso } from '../../base/clock.ts';
import { UNGUARDED } from '../../observe/facts/row-security-catalog.ts';
import { inTransaction, unlessLocked } from './guarded-tables.ts';
import { IS_REFUSAL, REFUSAL } from './refusal-name.ts';
import type { PostgresqlStore } from './store.ts';

/** New rows of one tenant that a store is to refuse, because they may not be there. */
export interface WriteRefusal {
  /** Of the repair that asks for it. */
  readonly id: string;
  readonly tenant: string;
  /** Milliseconds since 1970: it ends by itself, whoever is there to take it away. */
  readonly until: number;
}

const COMMANDS = ['insert', 'update'] as const;

const STANDING = `
  select p.polname as name, format('%I.%I', n.nspname, c.relname) as "table"
  from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and ${IS_REFUSAL}`;

/**
 * Makes the refusals of stores what they are to be, by restrictive policies on the protected tables: whoever is bound by
 * policies can neither insert rows of the tenant nor change rows into such. What is there stays, and can be read and deleted.
 */
export class WriteRefusals {
  /** By store: what was made so last. */
  readonly #made = new Map<string, string>();

  /** Does nothing while nothing changed. While somebody has locked a table it waits for the next call. Rejects with PostgreSQL's error. */
  async make(store: PostgresqlStore, wanted: readonly WriteRefusal[]): Promise<void> {
    const { id } = store.address;
    const key = wanted.map((each) => each.id).join(' ');
    if (this.#made.get(id) === key) return;
    const made = await unlessLocked(inTransaction(store.pool, (client) => put(client, store, wanted)));
    if (made) this.#made.set(id, key);
  }
}

async function put(client: PoolClient, { address }: PostgresqlStore, wanted: readonly WriteRefusal[]): Promise<true> {
  const { schema, role, tables } = address;
  const { rows: standing } = await client.query<{ name: string; table: string }>(STANDING, [schema]);
  const isWanted = (name: string) => wanted.some((each) => COMMANDS.some((command) => nameOf(each, command) === name));
  for (const { name, table } of standing) {
    if (!isWanted(name)) await client.query(`drop policy ${escapeIdentifier(name)} on ${table}`);
  }
  if (wanted.length === 0) return true;
  const { rows: guarded } = await client.query<{ table: string; column: string | null }>(UNGUARDED, [
    schema,
    role?.user,
    tables,
  ]);
  for (const { table, column } of guarded) {
    for (const each of wanted) if (column !== null) await refuse(client, { table, column }, each, standing);
  }
  return true;
}

async function refuse(
  client: PoolClient,
  { table, column }: { readonly table: string; readonly column: string },
  refusal: WriteRefusal,
  standing: readonly { readonly name: string; readonly table: string }[],
): Promise<void> {
  const isOther = `${escapeIdentifier(column)} is distinct from ${escapeLiteral(refusal.tenant)}`;
  const isOver = `now() >= ${escapeLiteral(toIso(refusal.until))}::timestamptz`;
  for (const command of COMMANDS) {
    const name = nameOf(refusal, command);
    if (standing.some((each) => each.name === name && each.table === table)) continue;
    const where = `on ${table} as restrictive for ${command} to public`;
    await client.query(`create policy ${escapeIdentifier(name)} ${where} with check (${isOther} or ${isOver})`);
  }
}

/** Short enough for a name in PostgreSQL, whatever the tenant is called. */
function nameOf({ id }: WriteRefusal, command: string): string {
  return `${REFUSAL}${hash('sha256', id).slice(0, 16)} ${command}`;
}
