import { type Client, escapeIdentifier } from 'pg';
import type { Random } from '../../base/random.ts';
import { rowsOf } from './postgres-place.ts';
import type { FilteringView, TenantTable } from './row-security-catalog.ts';

/** What the probe saw at one table. */
export interface TableProbe {
  readonly table: string;
  /** Rows of somebody else that were read, changed or written as a canary tenant. */
  readonly foreignRows: number;
  /** Why nothing is proven by their absence; null when it is. */
  readonly unproven: string | null;
  /** Another setting that lets a stranger in, whoever it is; null when none was found. */
  readonly backDoor: string | null;
  /** Views of it of which a canary tenant saw its own row, and a stranger nothing. */
  readonly viewsApart: readonly string[];
}

/** What is tried. */
export interface Suspects {
  readonly tables: readonly TenantTable[];
  /** Views that pass policies by, and say that they keep tenants apart by themselves. */
  readonly views: readonly FilteringView[];
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly category: string;
  readonly choices: readonly string[] | null;
}

const REQUIRED_COLUMNS = `
  select a.attname as name, format_type(a.atttypid, null) as type, t.typcategory as category,
    coalesce(
      (select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_enum e where e.enumtypid = a.atttypid),
      (select array_agg(m[1]) from pg_constraint c,
         regexp_matches(pg_get_constraintdef(c.oid), '''([^'']+)''::', 'g') m
       where c.conrelid = a.attrelid and c.contype = 'c' and a.attnum = any (c.conkey)
         and pg_get_constraintdef(c.oid) ~ '= ANY|IN \\(')) as choices
  from pg_attribute a join pg_type t on t.oid = a.atttypid
  where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped and a.attnotnull and not a.atthasdef
    and a.attidentity = '' and a.attgenerated = ''
  order by a.attnum`;

/** Tables at most that are looked at in one round, so that a probe stays small. */
const TABLES_MAX = 200;

/**
 * Two canary tenants, as the application's role, in one transaction that is rolled back whatever happens. Where the role
 * may write, one of them leaves a row in each table and the other tries to read, change and forge it; in any case a
 * tenant that owns nothing, and a session without tenant, must see nothing of anybody. A session as it begins must see nothing
 * either, unless the store is of one tenant alone (`isSilo`): then it may begin as that.
 */
export async function probeIsolation(
  client: Client,
  { tables, views }: Suspects,
  random: Random,
  isSilo: boolean,
): Promise<readonly TableProbe[]> {
  const probes: TableProbe[] = [];
  for (const table of tables.slice(0, TABLES_MAX)) {
    await client.query('begin');
    try {
      const own = views.filter(({ base }) => base === table.oid).map(({ name }) => name);
      probes.push(await new TableTrial(client, table, own, random).run(isSilo));
    } finally {
      await client.query('rollback');
    }
  }
  return probes;
}

class TableTrial {
  readonly #client: Client;
  readonly #of: TenantTable;
  readonly #views: readonly string[];
  readonly #owner: string;
  readonly #stranger: string;

  constructor(client: Client, of: TenantTable, views: readonly string[], random: Random) {
    this.#client = client;
    this.#of = of;
    this.#views = views;
    this.#owner = canaryOf(of.columnType, random);
    this.#stranger = canaryOf(of.columnType, random);
  }

  async run(isSilo: boolean): Promise<TableProbe> {
    const { table, column, setting } = this.#of;
    const nothing = (unproven: string) => ({ table, foreignRows: 0, unproven, backDoor: null, viewsApart: [] });
    if (column === null) return nothing('no policy says which column names the tenant');
    if (setting === null) return nothing('no policy says by which setting the tenant is told');
    const all = `select from ${table} where ${this.#column} is not null limit 1000`;
    const seenAtFirst = isSilo ? 0 : await this.#count(all);
    await this.#become(this.#owner);
    const planted = await this.#plant();
    const shown = await this.#seenIn();
    await this.#become(this.#stranger);
    const read = await this.#count(all);
    const strange = await this.#seenIn();
    const changed = planted === null ? await this.#change() : 0;
    await this.#become('');
    const seenByNobody = await this.#count(all);
    const unnamed = await this.#seenIn();
    await this.#become(this.#stranger);
    const backDoor = (read ?? 0) === 0 ? await this.#backDoor(all) : null;
    const forged = planted === null && (await this.#plant()) === null ? 1 : 0;
    const foreignRows = Math.max(read ?? 0, seenByNobody ?? 0, seenAtFirst ?? 0) + changed + forged;
    const unproven = planted !== null && (read === null || this.#of.holdsRows !== true) ? planted : null;
    const viewsApart = this.#views.filter((name) => shown.has(name) && !strange.has(name) && !unnamed.has(name));
    return { table, foreignRows, unproven: foreignRows > 0 ? null : unproven, backDoor, viewsApart };
  }

  /**
   * What else policies read of the session may narrow what a tenant sees; it must never show it rows of another. Each is set to
   * what the policies compare with, and to what means yes, by the stranger, and left empty again.
   */
  async #backDoor(all: string): Promise<string | null> {
    const { settings, setting, literals } = this.#of;
    for (const other of settings.filter((each) => each !== setting)) {
      for (const value of new Set([...literals, 'on', 'true', '1'])) {
        await this.#set(other, value);
        const seen = await this.#count(all);
        await this.#set(other, '');
        if ((seen ?? 0) > 0) return other;
      }
    }
    return null;
  }

  /** Views in which whoever the session is now sees rows. */
  async #seenIn(): Promise<ReadonlySet<string>> {
    const seen = new Set<string>();
    for (const name of this.#views) if ((await this.#count(`select from ${name} limit 1`)) !== 0) seen.add(name);
    return seen;
  }

  get #column(): string {
    return escapeIdentifier(this.#of.column ?? '');
  }

  /** A setting that is left empty is what a connection of a pool has that was given back. */
  async #become(tenant: string): Promise<void> {
    await this.#set(this.#of.setting ?? '', tenant);
  }

  async #set(setting: string, value: string): Promise<void> {
    await this.#client.query('select set_config($1, $2, true)', [setting, value]);
  }

  /** Writes a row of the owner. Resolves with null, or with why it could not. */
  async #plant(): Promise<string | null> {
    const required = await rowsOf<Column>(this.#client, REQUIRED_COLUMNS, [this.#of.oid]);
    const columns = required.filter(({ name }) => name !== this.#of.column).map(({ name }) => name);
    const values = required.filter(({ name }) => name !== this.#of.column).map(valueFor);
    const names = [this.#of.column ?? '', ...columns].map(escapeIdentifier).join(', ');
    const marks = ['$1', ...values.map((_, index) => `$${index + 2}`)].join(', ');
    const text = `insert into ${this.#of.table} (${names}) values (${marks})`;
    const result = await this.#try(text, [this.#owner, ...values]);
    return typeof result === 'number' ? null : `it takes no canary row (${result})`;
  }

  async #change(): Promise<number> {
    const where = `where ${this.#column}::text = $1`;
    const updated = await this.#try(`update ${this.#of.table} set ${this.#column} = ${this.#column} ${where}`, [
      this.#owner,
    ]);
    const deleted = await this.#try(`delete from ${this.#of.table} ${where}`, [this.#owner], 'undo');
    return (typeof updated === 'number' ? updated : 0) + (typeof deleted === 'number' ? deleted : 0);
  }

  /** Null when the role may not read. A policy that breaks on an empty setting shows nothing, which is what it is for. */
  async #count(text: string): Promise<number | null> {
    const result = await this.#try(text, []);
    if (typeof result === 'number') return result;
    return result === '42501' ? null : 0;
  }

  /** The number of rows, or the SQLSTATE; the transaction goes on either way. */
  async #try(text: string, values: readonly unknown[], after: 'keep' | 'undo' = 'keep'): Promise<number | string> {
    await this.#client.query('savepoint trial');
    try {
      const { rowCount } = await this.#client.query(text, [...values]);
      if (after === 'undo') await this.#client.query('rollback to savepoint trial');
      return rowCount ?? 0;
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code === undefined) throw error;
      await this.#client.query('rollback to savepoint trial');
      return code;
    }
  }
}

/** A tenant that nobody is. */
function canaryOf(type: string | null, random: Random): string {
  const digits = () => Math.floor(random.next() * 10).toString();
  const hex = (length: number) => Array.from({ length }, () => Math.floor(random.next() * 16).toString(16)).join('');
  if (type === 'uuid') return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`;
  if (type !== null && /^(?:integer|bigint|numeric|smallint)$/.test(type)) {
    return `-${type === 'smallint' ? 3 : 2}${Array.from({ length: type === 'smallint' ? 3 : 8 }, digits).join('')}`;
  }
  return `kintsugi-canary-${random.token(12)}`;
}

function valueFor({ type, category, choices }: Column): unknown {
  if (choices && choices.length > 0) return choices[0];
  if (type === 'uuid') return '00000000-0000-4000-8000-000000000000';
  if (type.startsWith('json')) return '{}';
  if (type === 'bytea') return Buffer.from([0]);
  const byCategory: Readonly<Record<string, unknown>> = {
    N: 1,
    B: true,
    D: '2000-01-01',
    A: '{}',
    T: '1 day',
    I: '::1',
  };
  return byCategory[category] ?? 'kintsugi-canary';
}
