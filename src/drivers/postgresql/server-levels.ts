import type { Pool } from 'pg';
import { readDisk } from '../../observe/usage-reader.ts';
import type { LevelSample } from '../../observe/sample.ts';

const MIB = 2 ** 20;
/** With three million left it takes no more writes (PostgreSQL, *Preventing Transaction ID Wraparound Failures*). */
const XIDS = 2 ** 31 - 3_000_000;

interface Row {
  readonly used: number;
  readonly limit: number;
  readonly directory: string;
  readonly databases: readonly { readonly name: string; readonly bytes: number; readonly age: number }[];
}

/** A level before it is known when and by whom it was read. */
export type LevelReading = Pick<LevelSample, 'of' | 'measure' | 'level' | 'limit'>;

/**
 * What runs out on a PostgreSQL server: connections against what it lets in, and each database against what is left on the
 * disk that its files are on, where that disk is of this machine, and the transactions that it may still begin before it has to
 * be vacuumed. Rejects as every query does; of a disk that cannot be
 * looked at nothing is told. `server` is its id, `database/eu`.
 */
export async function readServerLevels(
  pool: Pool,
  server: string,
  databases: readonly string[],
): Promise<readonly LevelReading[]> {
  const { rows } = await pool.query<Row>(
    `select (select count(*) from pg_stat_activity where backend_type = 'client backend')::int as used,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as "limit",
       current_setting('data_directory') as directory,
       coalesce((select json_agg(json_build_object('name', datname, 'bytes', pg_database_size(oid), 'age', age(datfrozenxid)))
         from pg_database where datname = any ($1::text[])), '[]') as databases`,
    [databases],
  );
  const { used, limit, directory, databases: sizes } = rows[0]!;
  const of = (name: string) => ({ kind: 'asset' as const, name: `store postgresql/${name}` });
  const disk = await readDisk(directory);
  const left = disk === undefined ? undefined : disk.limitMib - disk.usedMib;
  const grown = sizes.flatMap(({ name, bytes }): readonly LevelReading[] => {
    const level = bytes / MIB;
    return left === undefined ? [] : [{ of: of(`${server}/${name}`), measure: 'MiB', level, limit: level + left }];
  });
  const aged = sizes.map(({ name, age }): LevelReading => {
    return { of: of(`${server}/${name}`), measure: 'transactions since the freeze', level: age, limit: XIDS };
  });
  return [{ of: of(server), measure: 'connections', level: used, limit }, ...grown, ...aged];
}
