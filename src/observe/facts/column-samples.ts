import { type Client, escapeIdentifier } from 'pg';
import { rowsOf } from './postgres-place.ts';

/** Values of a column that are looked at in one round: the newest pages of a table hold what was written last. */
const SAMPLE = 2_000;
const TEXT_MAX = 10_000;

const COLUMNS = `
  select c.relname as relation, format('%I.%I', n.nspname, c.relname) as "table", a.attname as column, t.typname as type
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
    join pg_type t on t.oid = a.atttypid
  where n.nspname = $1 and c.relkind in ('r', 'm') and a.attnum > 0 and not a.attisdropped
    and (t.typcategory = 'S' or t.typname in ('json', 'jsonb', 'int2', 'int4', 'int8', 'numeric', 'date', 'bytea'))
  order by c.oid, a.attnum`;

/** The newest values of one column, as text. For the time of a look only: nothing of it is kept. */
export interface ColumnSample {
  /** Without its schema. */
  readonly relation: string;
  /** Quoted. */
  readonly table: string;
  readonly column: string;
  /** As the catalog has it: `text`, `jsonb`, `date`. */
  readonly type: string;
  readonly texts: readonly string[];
}

/** A sample of every column of a schema that can hold what people write, one after the other. */
export async function* sampleColumns(client: Client, schema: string): AsyncGenerator<ColumnSample> {
  for (const column of await rowsOf<Omit<ColumnSample, 'texts'>>(client, COLUMNS, [schema])) {
    const name = escapeIdentifier(column.column);
    const rows = await rowsOf<{ text: string }>(
      client,
      `select left(${name}::text, ${TEXT_MAX}) as text from ${column.table} where ${name} is not null
       order by ctid desc limit ${SAMPLE}`,
    );
    yield { ...column, texts: rows.map(({ text }) => text) };
  }
}
