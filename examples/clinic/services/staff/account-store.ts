import type { Database } from '../kit/database.ts';
import { safeguards } from '../kit/drills.ts';
import { Problem } from '../kit/problem.ts';
import { digestOf, isPasswordOf, isPasswordOfAny } from './password.ts';
import type { Rules } from './rules.ts';

interface Digests {
  readonly password: string;
  readonly former: readonly string[];
}

/** So that a name that is not there takes as long to refuse as one that is. */
const NOBODY = await digestOf('nobody has this password');

/** Accounts of all tenants. Every method works in one tenant and cannot see another one's. */
export class AccountStore {
  readonly #database: Database;
  readonly #rules: Rules;

  constructor(database: Database, rules: Rules) {
    this.#database = database;
    this.#rules = rules;
  }

  /** Makes an account, or gives one that is there a new password and unlocks it. Rejects with a 422 `Problem` when it is weak. */
  async put(tenant: string, name: string, password: string): Promise<void> {
    this.#refuseWeak(password);
    const digest = await digestOf(password);
    await this.#database.inTenant(tenant, (client) =>
      client.query(
        `INSERT INTO staff.accounts (tenant, name, password_digest) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, name) DO UPDATE SET password_digest = $3, attempts = 0, locked_until = NULL`,
        [tenant, name, digest],
      ),
    );
  }

  /** Its sessions go with it. Rejects with a 404 `Problem` when there is none. */
  async remove(tenant: string, name: string): Promise<void> {
    const { rowCount } = await this.#database.inTenant(tenant, (client) =>
      client.query('DELETE FROM staff.accounts WHERE name = $1', [name]),
    );
    if (rowCount === 0) throw new Problem(404, 'Not found', 'There is no such account.');
  }

  /** Whether somebody may enter. Every attempt counts before it is judged, so that many at once gain nothing. */
  async enters(tenant: string, name: string, password: string): Promise<boolean> {
    const digest = await this.#attempt(tenant, name);
    const isRight = await isPasswordOf(digest ?? NOBODY, password);
    if (digest === undefined || !isRight) return false;
    await this.#database.inTenant(tenant, (client) =>
      client.query(
        'UPDATE staff.accounts SET attempts = 0, locked_until = NULL, last_login_at = now() WHERE name = $1',
        [name],
      ),
    );
    return true;
  }

  /** Rejects with a 422 `Problem` when the new password is weak or was used lately, with 401 when the present one is wrong. */
  async change(tenant: string, name: string, present: string, next: string): Promise<void> {
    this.#refuseWeak(next);
    const { password, former } = await this.#digests(tenant, name);
    if (!(await isPasswordOf(password, present))) throw new Problem(401, 'Not you', 'The present password is wrong.');
    if (await isPasswordOfAny([password, ...former], next))
      throw new Problem(422, 'Used before', 'Take a password that you did not have lately.');
    const kept = [password, ...former].slice(0, this.#rules.PASSWORDS_KEPT - 1);
    const digest = await digestOf(next);
    await this.#database.inTenant(tenant, (client) =>
      client.query('UPDATE staff.accounts SET password_digest = $2, former_digests = $3 WHERE name = $1', [
        name,
        digest,
        kept,
      ]),
    );
  }

  /** The digest to compare with; undefined for an account that is locked or not there. */
  async #attempt(tenant: string, name: string): Promise<string | undefined> {
    const { LOCKOUT_ATTEMPTS: most, LOCKOUT_MINUTES: minutes } = this.#rules;
    const { rows } = await this.#database.inTenant(tenant, (client) =>
      client.query<{ password_digest: string }>(
        `UPDATE staff.accounts a SET attempts = n.attempts, locked_until =
           CASE WHEN n.attempts >= $2 THEN now() + $3 * interval '1 minute' END
         FROM (SELECT tenant, name, CASE WHEN locked_until IS NULL THEN attempts + 1 ELSE 1 END AS attempts
               FROM staff.accounts WHERE name = $1 AND (locked_until IS NULL OR locked_until <= now()) FOR UPDATE) n
         WHERE a.tenant = n.tenant AND a.name = n.name
         RETURNING a.password_digest`,
        [name, safeguards.lockout ? most : 2_147_483_647, minutes],
      ),
    );
    return rows[0]?.password_digest;
  }

  async #digests(tenant: string, name: string): Promise<Digests> {
    const { rows } = await this.#database.inTenant(tenant, (client) =>
      client.query<Digests>(
        'SELECT password_digest AS password, former_digests AS former FROM staff.accounts WHERE name = $1',
        [name],
      ),
    );
    if (!rows[0]) throw new Problem(404, 'Not found', 'There is no such account.');
    return rows[0];
  }

  #refuseWeak(password: string): void {
    const { PASSWORD_LENGTH_MIN: least } = this.#rules;
    if ([...password].length < least)
      throw new Problem(422, 'The password is too short', `It needs ${least} characters or more.`);
  }
}
