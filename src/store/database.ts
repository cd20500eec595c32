import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient, sql, type Transaction } from 'kysely';
import { Pool, type PoolClient, type PoolConfig, types } from 'pg';
import { fromIso, toIso, type Clock } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import type { Tables } from './tables.ts';

/** Where PostgreSQL is. `host` may be the folder of a Unix socket, as `runEmbeddedPostgres` writes it down. */
export type DatabaseConnection =
  | { readonly connectionString: string }
  | { readonly host: string; readonly port: number; readonly user: string; readonly database: string };

export interface DatabaseOptions {
  /** Connections at most; further work waits for one. */
  readonly connectionsMax?: number;
  /** How long the server may work on one statement. The client gives up two seconds later when it gets no answer. */
  readonly statementTimeoutMs?: number;
  /** How long connecting, or waiting for a free connection, may take. */
  readonly connectTimeoutMs?: number;
  /** How long a transaction may do nothing: its locks would stop the next leader. */
  readonly idleInTransactionTimeoutMs?: number;
  /** Seen in `pg_stat_activity`. */
  readonly applicationName?: string;
}

/** A transaction that is open; only good inside the function it was handed to. */
export type DatabaseTransaction = Transaction<Tables>;

/**
 * A pool of connections. Every query rejects with `postgres.unreachable` when the server cannot be reached, goes away or
 * does not answer in time; whether a commit that broke off so took place is unknown, so look again. Faults of the
 * statement itself arrive as the driver's error. A lost connection never ends the process: the next query opens another.
 * `bigint` is read as a number, `timestamptz` as ISO 8601 in UTC.
 */
export interface Database {
  readonly kysely: Kysely<Tables>;
  /** Commits when `fn` resolves, rolls back when it rejects (and rejects with the same error). Read committed. */
  transaction<T>(fn: (tx: DatabaseTransaction) => Promise<T>): Promise<T>;
  /** Waits for queries under way and closes all connections. May be called again. */
  close(): Promise<void>;
}

const SERVER_VERSION_MIN = 150_000;

/**
 * Connects once, to be sure, and hands out the pool. Rejects with `postgres.unreachable` or `postgres.too-old`; nothing
 * stays open then. The message names the host, never a password.
 */
export async function openDatabase(connection: DatabaseConnection, options: DatabaseOptions = {}): Promise<Database> {
  const pool = createPool(connection, options);
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: guardedPool(pool, nameOf(connection)) }) });
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= kysely.destroy().then(() => (pool.ended ? undefined : pool.end())));
  try {
    await refuseOldServer(kysely);
  } catch (error) {
    await close();
    throw error;
  }
  return { kysely, transaction: (fn) => kysely.transaction().execute(fn), close };
}

/**
 * Like `openDatabase`, but tries again (100 ms, growing to 2 s) while the server is unreachable, until `signal` aborts;
 * then it rejects with the last fault.
 */
export async function waitForDatabase(
  connection: DatabaseConnection,
  options: DatabaseOptions & { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Database> {
  for (let waitMs = 100; ; waitMs = Math.min(2 * waitMs, 2_000)) {
    try {
      return await openDatabase(connection, options);
    } catch (error) {
      if (!(error instanceof KinError) || error.code !== 'postgres.unreachable' || options.signal.aborted) throw error;
      await options.clock.sleep(waitMs, options.signal).catch(() => {
        throw error;
      });
    }
  }
}

async function refuseOldServer(kysely: Kysely<Tables>): Promise<void> {
  const { rows } = await sql<{ version: string }>`select current_setting('server_version_num') as version`.execute(
    kysely,
  );
  const version = Number(rows[0]?.version);
  if (version >= SERVER_VERSION_MIN) return;
  throw new KinError('postgres.too-old', `the server is PostgreSQL ${Math.floor(version / 10_000)}`, {
    details: { version },
  });
}

function createPool(connection: DatabaseConnection, options: DatabaseOptions): Pool {
  const statementTimeoutMs = options.statementTimeoutMs ?? 10_000;
  const config: PoolConfig = {
    ...connection,
    max: options.connectionsMax ?? 10,
    application_name: options.applicationName ?? 'kintsugi',
    connectionTimeoutMillis: options.connectTimeoutMs ?? 3_000,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 2_000,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 5_000,
    keepAlive: true,
    types: { getTypeParser: typeParser as typeof types.getTypeParser },
  };
  const pool = new Pool(config);
  // Without listeners Node would end the process: for idle connections, and for those in use while no query runs.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

function typeParser(oid: number, format?: 'text' | 'binary'): unknown {
  if (format !== 'binary') {
    if (oid === types.builtins.INT8) return Number;
    if (oid === types.builtins.TIMESTAMPTZ) return timestampToIso;
  }
  return types.getTypeParser(oid, format);
}

/** From `2026-01-31 10:00:00.123456+00`, in whatever zone the session has; `infinity` stays what it is. */
function timestampToIso(text: string): string {
  const ms = fromIso(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
  return Number.isNaN(ms) ? text : toIso(ms);
}

/** The pool as Kysely sees it, with the faults of connections named and connections that failed thrown away. */
function guardedPool(pool: Pool, server: string): PostgresPool {
  return {
    options: pool.options,
    connect: () => pool.connect().then((client) => guardedClient(client, server), rethrow(server)),
    end: () => pool.end(),
  };
}

function guardedClient(client: PoolClient, server: string): PostgresPoolClient {
  let broken = false;
  const query = async (text: string, values: readonly unknown[]) => {
    try {
      return await client.query(text, [...values]);
    } catch (error) {
      // After a timeout the answer may still come: the connection cannot be used again.
      if (isConnectionFault(error)) broken = true;
      return rethrow(server)(error);
    }
  };
  return {
    query: query as unknown as PostgresPoolClient['query'],
    release: (destroy) => client.release(broken || destroy === true),
  };
}

function rethrow(server: string): (error: unknown) => never {
  return (error) => {
    if (!isConnectionFault(error)) throw error;
    throw new KinError('postgres.unreachable', `no answer from PostgreSQL at ${server}`, { cause: error });
  };
}

const SOCKET_FAULTS = new Set(
  'ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH EADDRNOTAVAIL ENOTFOUND EAI_AGAIN ENOENT EACCES'.split(
    ' ',
  ),
);
/** Class 08 (connection), too many connections, shut down or starting up, terminated for idleness in a transaction. */
const SERVER_FAULT = /^(08...|53300|57P0[1-5]|25P03)$/;
const DRIVER_FAULT =
  /connection terminated|connection timeout|timeout exceeded when trying to connect|read timeout|not queryable|client was closed/i;

function isConnectionFault(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isConnectionFault);
  if (!(error instanceof Error)) return false;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined) return DRIVER_FAULT.test(error.message);
  return SOCKET_FAULTS.has(code) || SERVER_FAULT.test(code);
}

function nameOf(connection: DatabaseConnection): string {
  if (!('connectionString' in connection)) return `${connection.host}:${connection.port}`;
  const url = URL.parse(connection.connectionString);
  return url?.host || 'the address in DATABASE_URL';
}

/** The time by the clock of the server, in ms since 1970. */
export async function databaseNow({ kysely }: Database): Promise<number> {
  const { rows } = await sql<{ now: string }>`select clock_timestamp() as now`.execute(kysely);
  return fromIso(rows[0]!.now);
}
