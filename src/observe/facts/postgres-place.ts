import { Client, type QueryResultRow } from 'pg';
import type { Redacted } from '../../base/redacted.ts';
import type { Place } from './place-collector.ts';

export interface Login {
  readonly user: string;
  readonly password: Redacted<string>;
}

/** A database of a workload, and how it is entered. */
export interface PostgresPlace extends Place {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly schema: string;
  /** Names within the schema that hold data of tenants; every table when empty. */
  readonly tables: readonly string[];
  /** Reads the catalog. */
  readonly admin: Login;
  /** As which the application logs in. */
  readonly role: Login | undefined;
  /** What that role is to have on each table; nobody said when empty. */
  readonly privileges: readonly string[];
  /** Other roles that people declared: of administrators, of reports, of replication. */
  readonly operators: readonly string[];
  /** Roles of other stores on the same server, which are judged there: what one may too much is told once. */
  readonly neighbours?: readonly string[];
  /** Another store on the same server tells what concerns all of the server; left out, this one does. */
  readonly isToldOf?: boolean;
  /** Databases and schemas of the same server that people declared as stores. */
  readonly siblings?: readonly { readonly database: string; readonly schema: string }[];
  readonly rowSecurity: boolean;
}

const STATEMENT_MS = 3_000;
/** A probe never waits behind the application, nor the application long behind a probe. */
const LOCK_MS = 200;
/** Seen in `pg_stat_activity` and in the server's log, so that nobody takes a probe for an attack. */
export const CANARY_APPLICATION = 'kintsugi-canary';

/** One session, closed at the end whatever happens, and broken off when the signal aborts. */
export async function inSession<T>(
  { host, port, database }: Pick<PostgresPlace, 'host' | 'port' | 'database'>,
  { user, password }: Login,
  signal: AbortSignal,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({
    host,
    port,
    database,
    user,
    password: password.reveal(),
    application_name: CANARY_APPLICATION,
    connectionTimeoutMillis: STATEMENT_MS,
    statement_timeout: STATEMENT_MS,
    query_timeout: STATEMENT_MS + 500,
    lock_timeout: LOCK_MS,
    idle_in_transaction_session_timeout: STATEMENT_MS,
  });
  client.on('error', () => undefined);
  const end = () => void client.end().catch(() => undefined);
  signal.addEventListener('abort', end, { once: true });
  try {
    signal.throwIfAborted();
    await client.connect();
    return await work(client);
  } finally {
    signal.removeEventListener('abort', end);
    await client.end().catch(() => undefined);
  }
}

/** Rows of a query of the catalog. */
export async function rowsOf<R extends QueryResultRow>(
  client: Client,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly R[]> {
  return (await client.query<R>(text, [...values])).rows;
}
