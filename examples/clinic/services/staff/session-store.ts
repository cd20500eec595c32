import { hash, randomBytes } from 'node:crypto';
import type { Database } from '../kit/database.ts';
import { safeguards } from '../kit/drills.ts';
import type { Rules } from './rules.ts';

const TOKEN_BYTES = 32;

/** Sessions of all tenants, in the database: they outlive an instance, and every instance knows them. */
export class SessionStore {
  readonly #database: Database;
  readonly #rules: Rules;

  constructor(database: Database, rules: Rules) {
    this.#database = database;
    this.#rules = rules;
  }

  /** Begins a session and tells its token, which is kept nowhere. Sessions of the account that have ended are forgotten. */
  async begin(tenant: string, account: string): Promise<string> {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    await this.#database.inTenant(tenant, async (client) => {
      await client.query("DELETE FROM staff.sessions WHERE account = $1 AND used_at < now() - $2 * interval '1 hour'", [
        account,
        this.#rules.SESSION_HOURS_MAX,
      ]);
      await client.query('INSERT INTO staff.sessions (tenant, token_digest, account) VALUES ($1, $2, $3)', [
        tenant,
        digestOf(token),
        account,
      ]);
    });
    return token;
  }

  /** Whose session it is; undefined when there is none, or it was idle or went on for too long. To ask is to use it. */
  async use(tenant: string, token: string): Promise<string | undefined> {
    const { SESSION_IDLE_MINUTES: idle, SESSION_HOURS_MAX: hours } = this.#rules;
    const { rows } = await this.#database.inTenant(tenant, (client) =>
      client.query<{ account: string }>(
        `UPDATE staff.sessions SET used_at = now()
         WHERE token_digest = $1 AND began_at > now() - $3 * interval '1 hour'
           AND (used_at > now() - $2 * interval '1 minute' OR $4)
         RETURNING account`,
        [digestOf(token), idle, hours, !safeguards.idleLimit],
      ),
    );
    return rows[0]?.account;
  }

  async end(tenant: string, token: string): Promise<void> {
    await this.#database.inTenant(tenant, (client) =>
      client.query('DELETE FROM staff.sessions WHERE token_digest = $1', [digestOf(token)]),
    );
  }

  /** All of an account: a password that was changed may have been somebody else's too. */
  async endAll(tenant: string, account: string): Promise<void> {
    await this.#database.inTenant(tenant, (client) =>
      client.query('DELETE FROM staff.sessions WHERE account = $1', [account]),
    );
  }
}

/** A token is random and long: a plain digest keeps it as well as a slow one. */
function digestOf(token: string): string {
  return hash('sha256', token);
}
