import pg from 'pg';
import type { DatabaseConnection } from '../../src/store/database.ts';
import { batched, type Contestant } from './contestant.ts';

const TABLE = `
create table if not exists audit (
  seq bigserial primary key,
  id text not null,
  at timestamptz not null default now(),
  body text not null
);
truncate audit`;

/** The usual tamper-evident table: each row holds the hash over the one before it, so rows are written one by one. */
const CHAINED_TABLE = `
create table if not exists chained (
  seq bigserial primary key,
  id text not null,
  at timestamptz not null default now(),
  body text not null,
  hash bytea not null
);
create or replace function chain() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock(1);
  new.seq := coalesce((select seq from chained order by seq desc limit 1), 0) + 1;
  new.hash := sha256(coalesce((select hash from chained order by seq desc limit 1), '') || convert_to(new.body, 'UTF8'));
  return new;
end $$;
create or replace trigger chain before insert on chained for each row execute function chain();
truncate chained`;

export const BATCHES = 'PostgreSQL table, batches';
export const ROWS = 'PostgreSQL table, row by row';
export const CHAIN = 'PostgreSQL table, hash chain by trigger';

const BATCH_MOST = 1000;

function poolOf(connection: DatabaseConnection, connections: number): pg.Pool {
  const settings = typeof connection === 'string' ? { connectionString: connection } : connection;
  const pool = new pg.Pool({ ...settings, max: connections, min: connections });
  // Connections that close while the server goes are no news.
  pool.on('error', () => undefined);
  return pool;
}

async function bytesPerRow(pool: pg.Pool, table: 'audit' | 'chained'): Promise<number | undefined> {
  const { rows } = await pool.query(
    `select pg_total_relation_size('${table}') / greatest(1, count(*)) n from ${table}`,
  );
  return Number((rows[0] as { n: string }).n);
}

/** An audit table into which batches are inserted, over two connections. */
export function batchedTable(connection: DatabaseConnection, inFlight: number): Contestant {
  return {
    name: BATCHES,
    inFlight,
    async open() {
      const pool = poolOf(connection, 2);
      await pool.query(TABLE);
      const text = 'insert into audit (id, body) select * from unnest($1::text[], $2::text[])';
      const send = async (rows: readonly (readonly [string, string])[]) => {
        const values = [rows.map(([id]) => id), rows.map(([, body]) => body)];
        await pool.query({ name: 'batch', text, values });
      };
      const append = batched([send, send], BATCH_MOST);
      return {
        append: (id, body) => append([id, body]),
        bytesPerEntry: () => bytesPerRow(pool, 'audit'),
        close: () => pool.end(),
      };
    },
  };
}

/** A table into which each record is inserted and committed by itself, over 32 connections. */
export function singleRows(connection: DatabaseConnection, table: 'audit' | 'chained', inFlight: number): Contestant {
  return {
    name: table === 'audit' ? ROWS : CHAIN,
    inFlight,
    async open() {
      const pool = poolOf(connection, Math.min(32, inFlight));
      await pool.query(table === 'audit' ? TABLE : CHAINED_TABLE);
      const text = `insert into ${table} (id, body) values ($1, $2)`;
      return {
        append: async (id, body) => void (await pool.query({ name: table, text, values: [id, body] })),
        bytesPerEntry: () => bytesPerRow(pool, table),
        close: () => pool.end(),
      };
    },
  };
}
