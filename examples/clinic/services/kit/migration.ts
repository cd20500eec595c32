import { Client } from 'pg';
import type { DatabaseConfig } from './config.ts';

/** One service's part of the database: a PostgreSQL schema with a role that owns it and a role that uses it. */
export interface ServiceSchema {
  /** Name of the PostgreSQL schema; `NAME_owner` and `NAME_app` are the roles. */
  readonly name: string;
  /** Applied in order, each once and each in its own transaction, as `NAME_owner`. Only ever append. */
  readonly steps: readonly string[];
}

export function appRoleOf(schema: ServiceSchema): string {
  return `${schema.name}_app`;
}

/** Any constant will do, as long as all services of one database use the same: roles are shared by the whole server. */
const LOCK_KEY = 4_715_020_601;

async function createRole(client: Client, role: string, options: string): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
  const verb = rowCount === 0 ? 'CREATE' : 'ALTER';
  await client.query(`${verb} ROLE ${role} NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS ${options}`);
}

async function createSchema(client: Client, schema: ServiceSchema, appPassword: string): Promise<void> {
  const [owner, app] = [`${schema.name}_owner`, appRoleOf(schema)];
  await createRole(client, owner, 'NOLOGIN');
  await createRole(client, app, `LOGIN PASSWORD ${client.escapeLiteral(appPassword)}`);
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema.name} AUTHORIZATION ${owner}`);
  await client.query(`GRANT USAGE ON SCHEMA ${schema.name} TO ${app}`);
  await client.query(
    `CREATE TABLE IF NOT EXISTS ${schema.name}.schema_step
       (number int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
  );
}

async function applySteps(client: Client, schema: ServiceSchema): Promise<void> {
  const { rows } = await client.query<{ last: number }>(
    `SELECT coalesce(max(number), 0) AS last FROM ${schema.name}.schema_step`,
  );
  for (const [index, step] of schema.steps.entries()) {
    if (index + 1 <= (rows[0]?.last ?? 0)) continue;
    await client.query('BEGIN');
    await client.query(`SET LOCAL ROLE ${schema.name}_owner`);
    await client.query(step);
    await client.query('RESET ROLE');
    await client.query(`INSERT INTO ${schema.name}.schema_step (number) VALUES ($1)`, [index + 1]);
    await client.query('COMMIT');
  }
}

/**
 * Brings roles and tables to what this release needs. Safe when several instances start at once: an advisory lock lets
 * one through at a time, and who comes later finds nothing to do. Rejects with the error of PostgreSQL.
 */
export async function migrate(config: DatabaseConfig, schema: ServiceSchema): Promise<void> {
  const client = new Client({
    host: config.host,
    port: config.port,
    database: config.name,
    user: config.ownerUser,
    password: config.ownerPassword,
    connectionTimeoutMillis: 5_000,
    query_timeout: 30_000,
  });
  client.on('error', () => {}); // The query that is running rejects with it.
  try {
    await client.connect();
    await client.query('SELECT pg_advisory_lock($1)', [LOCK_KEY]);
    await createSchema(client, schema, config.appPassword);
    await applySteps(client, schema);
  } finally {
    await client.end().catch(() => {}); // Ends the session, and with it the lock and an open transaction.
  }
}
