import { setTimeout } from 'node:timers/promises';
import { DatabaseError, Pool, type PoolClient } from 'pg';
import type { FastifyBaseLogger } from 'fastify';
import type { DatabaseConfig } from './config.ts';
import { Problem } from './problem.ts';

/** SQLSTATE classes in which the database, not the statement, is at fault: connection, resources, operator, system. */
const UNAVAILABLE = /^(08|53|57|58)/;
/** Data exceptions: a zero byte in a text, say. Their messages quote the data, so they are not passed on. */
const BAD_DATA = /^22/;
const HEALTH_CONNECTION_TIMEOUT_MS = 2_000;

function isUnavailable(error: unknown): boolean {
  if (error instanceof DatabaseError) return UNAVAILABLE.test(error.code ?? '');
  // What pg throws for the socket and its own timers are plain errors; TypeError, Problem and the like are ours.
  return error instanceof Error && Object.getPrototypeOf(error) === Error.prototype;
}

/** The database went away before a transaction could be committed: nothing of it happened. */
class NotDone extends Error {}

/** How long a transaction waits for a database that is away, and how often it asks. */
const AWAY_MS = 3_000;
const AGAIN_MS = 100;

function isRolledBack(client: PoolClient): Promise<boolean> {
  return client.query('ROLLBACK').then(
    () => true,
    () => false,
  );
}

/** What the caller should hear of an error of the database: whose fault it is. */
function problemOf(error: unknown): unknown {
  if (isUnavailable(error)) return unavailable(error);
  const badData = error instanceof DatabaseError && BAD_DATA.test(error.code ?? '');
  return badData ? new Problem(400, 'The request is not valid', 'It holds characters that cannot be stored.') : error;
}

function unavailable(cause: unknown): Problem {
  return new Problem(503, 'The database is not available', 'Try again in a moment.', { cause });
}

/**
 * The application's way to the database: a bounded pool that logs in as the application role, which owns nothing and is
 * subject to row-level security. Connections that break are replaced when they are next needed.
 */
export class Database {
  readonly #pool: Pool;
  /** Apart from the pool, so that a full pool (load) is not mistaken for a database that is away. */
  readonly #healthPool: Pool;

  constructor(config: DatabaseConfig, appRole: string, log: FastifyBaseLogger) {
    const shared = {
      host: config.host,
      port: config.port,
      database: config.name,
      user: appRole,
      password: config.appPassword,
      keepAlive: true,
    };
    this.#pool = new Pool({
      ...shared,
      max: config.poolMax,
      connectionTimeoutMillis: config.connectTimeoutMs,
      statement_timeout: config.statementTimeoutMs,
      // A server that is stopped cannot enforce its own timeout.
      query_timeout: config.statementTimeoutMs + 500,
      idle_in_transaction_session_timeout: 10_000,
    });
    this.#healthPool = new Pool({
      ...shared,
      max: 1,
      connectionTimeoutMillis: HEALTH_CONNECTION_TIMEOUT_MS,
      query_timeout: HEALTH_CONNECTION_TIMEOUT_MS,
    });
    for (const pool of [this.#pool, this.#healthPool]) {
      pool.on('error', (error) => log.warn({ reason: error.message }, 'an idle database connection was lost'));
      // One that is lost between two statements of a transaction says so itself; its next statement rejects.
      pool.on('connect', (client) => client.on('error', () => {}));
    }
  }

  /**
   * Runs `work` in one transaction in which row-level security shows and accepts the rows of `tenant` alone. Commits when
   * it resolves, rolls back when it rejects. While the database is away (it restarts in about a second) the transaction is
   * begun again, for a while: what broke before its COMMIT was sent did not happen. `work` may therefore run more than
   * once and must do nothing but talk to `client`. Rejects with a 503 `Problem` when the database stays away, and with a
   * 400 one when the data cannot be stored.
   */
  async inTenant<T>(tenant: string, work: (client: PoolClient) => Promise<T>): Promise<T> {
    const giveUpAt = performance.now() + AWAY_MS;
    for (;;) {
      try {
        return await this.#once(tenant, work);
      } catch (error) {
        if (!(error instanceof NotDone) || performance.now() >= giveUpAt) {
          throw error instanceof NotDone ? unavailable(error.cause) : problemOf(error);
        }
        await setTimeout(AGAIN_MS);
      }
    }
  }

  /** One attempt. Rejects with `NotDone` when the database went away before it was asked to commit. */
  async #once<T>(tenant: string, work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch((cause: unknown) => {
      throw new NotDone('not connected', { cause });
    });
    let broken = false;
    let committing = false;
    try {
      await client.query('BEGIN');
      await client.query("SELECT set_config('app.tenant', $1, true)", [tenant]);
      const result = await work(client);
      committing = true;
      await client.query('COMMIT');
      return result;
    } catch (error) {
      broken = isUnavailable(error) || !(await isRolledBack(client));
      throw isUnavailable(error) && !committing ? new NotDone('the connection was lost', { cause: error }) : error;
    } finally {
      client.release(broken);
    }
  }

  /** Resolves when the database answers the application role; rejects when it does not. */
  async ping(): Promise<void> {
    await this.#healthPool.query('SELECT 1');
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.end(), this.#healthPool.end()]);
  }
}
