import { Client, escapeIdentifier, escapeLiteral, Pool } from 'pg';
import type { Redacted } from '../../base/redacted.ts';
import { CANARY_APPLICATION } from '../../observe/facts/postgres-place.ts';
import { scramVerifier } from './scram-verifier.ts';
import { isTenantNamed, readTables } from './store-catalogue.ts';
import { readSurplus, type Surplus } from './surplus.ts';

/** Where a store is in one region, and by whom it is entered. */
export interface StoreAddress {
  /** `records/eu`. */
  readonly id: string;
  readonly region: string;
  readonly workloads: readonly string[];
  /** Workload that serves it. */
  readonly server: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly schema: string;
  /** Names within the schema; every table when empty. */
  readonly tables: readonly string[];
  readonly admin: { readonly user: string; readonly password: Redacted<string> };
  readonly role: { readonly user: string; readonly password: Redacted<string> } | undefined;
  readonly privileges: readonly string[];
  readonly operators: readonly string[];
  readonly rowSecurity: boolean;
}

const CONNECT_MS = 1_000;
const STATEMENT_MS = 2_000;
const INVALID_PASSWORD = '28P01';

/** One database of a workload, as its administrator sees it. One connection, opened when it is needed. */
export class PostgresqlStore {
  readonly address: StoreAddress;
  readonly pool: Pool;

  constructor(address: StoreAddress) {
    this.address = address;
    const { host, port, database, admin } = address;
    this.pool = new Pool({
      host,
      port,
      database,
      user: admin.user,
      password: admin.password.reveal(),
      application_name: 'kintsugi',
      // What the catalog writes names every schema then, and no other schema stands before it.
      options: '-c search_path=',
      max: 1,
      connectionTimeoutMillis: CONNECT_MS,
      statement_timeout: STATEMENT_MS,
      query_timeout: STATEMENT_MS + 500,
      idleTimeoutMillis: 10_000,
    });
    // A connection that breaks while nobody uses it is opened anew when it is needed.
    this.pool.on('error', () => undefined);
  }

  async hasRole(): Promise<boolean> {
    const { role } = this.address;
    if (!role) return false;
    const { rowCount } = await this.pool.query('select from pg_roles where rolname = $1 and rolcanlogin', [role.user]);
    return (rowCount ?? 0) > 0;
  }

  /** Whether the password that the workload holds is refused. Rejects when that cannot be asked. */
  async refusesRole(): Promise<boolean> {
    const { host, port, database, role } = this.address;
    if (!role) return false;
    const client = new Client({
      host,
      port,
      database,
      user: role.user,
      password: role.password.reveal(),
      connectionTimeoutMillis: CONNECT_MS,
    });
    try {
      await client.connect();
      return false;
    } catch (error) {
      if ((error as { code?: unknown }).code === INVALID_PASSWORD) return true;
      throw error;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Makes the password that the workload holds valid again. The server, and whoever reads its log, sees a verifier only. */
  async restorePassword(): Promise<void> {
    const { role } = this.address;
    if (!role) return;
    const verifier = scramVerifier(role.password);
    await this.pool.query(`alter role ${escapeIdentifier(role.user)} with login password ${escapeLiteral(verifier)}`);
  }

  /** `table` is quoted already: it came from the catalog. */
  async protect(table: string): Promise<void> {
    await this.pool.query(
      `alter table ${table} enable row level security; alter table ${table} force row level security`,
    );
  }

  async grant(table: string, privileges: readonly string[]): Promise<void> {
    const { role } = this.address;
    if (role) await this.pool.query(`grant ${privileges.join(', ')} on ${table} to ${escapeIdentifier(role.user)}`);
  }

  /** Oids of the tables that hold data of tenants. */
  async tables(): Promise<readonly number[]> {
    return (await readTables(this.pool, this.address)).map(({ oid }) => oid);
  }

  /** What is there beyond what is declared; `tables` are the oids of those that hold data of tenants. */
  readSurplus(tables: readonly number[]): Promise<readonly Surplus[]> {
    return readSurplus(this.pool, this.address, tables);
  }

  /** Whether a session of the workload shows that it names its tenant, at this moment. */
  async namesTenant(): Promise<boolean> {
    const { schema, role } = this.address;
    return role !== undefined && isTenantNamed(this.pool, schema, role.user, CANARY_APPLICATION);
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}
