import { sql } from 'kysely';
import { digestOf } from '../../base/digest.ts';
import { KinError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import type { Random } from '../../base/random.ts';
import type { RecordEvent } from '../../heal/record.ts';
import type { Database } from '../../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../../store/lease.ts';
import type { Caller, Role } from './role.ts';

/** 200 bits, beyond any guessing: a plain digest of it is as good as a slow one. */
const SECRET_LENGTH = 40;

export interface TokenStoreOptions {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
  readonly random: Random;
}

/** A token as it is listed; its secret was shown once and is kept nowhere. Times are ISO 8601. */
export interface TokenView {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly tenant: string | null;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly expiresAt: string;
  readonly state: 'valid' | 'expired' | 'revoked';
}

export interface NewToken {
  readonly name: string;
  readonly role: Role;
  readonly tenant: string | null;
  readonly days: number;
}

/** Tokens of the API. What changes them is on record with them; the database's clock says when one has expired. */
export class TokenStore {
  readonly #options: TokenStoreOptions;

  constructor(options: TokenStoreOptions) {
    this.#options = options;
  }

  /** Resolves with the secret, which nobody sees again. Rejects when this replica does not lead. */
  async create({ name, role, tenant, days }: NewToken, by: string): Promise<{ id: string; secret: string }> {
    const { database, lease, record, random } = this.#options;
    const id = newId('tok', random);
    const secret = `kin_tok_${random.token(SECRET_LENGTH)}`;
    await fencedTransaction(database, lease, async (tx) => {
      const expires = sql<string>`now() + make_interval(days => ${days})`;
      const row = { id, name, role, tenant, secret_digest: digestOf(secret), created_by: by, expires_at: expires };
      await tx.insertInto('api_token').values(row).execute();
      const scope = tenant === null ? {} : { tenant };
      await record(tx, 'token.created', id, { name, role, days }, { actor: { kind: 'operator', name: by }, ...scope });
    });
    return { id, secret };
  }

  /** Newest first. */
  async list(): Promise<readonly TokenView[]> {
    const rows = await this.#options.database.kysely
      .selectFrom('api_token')
      .selectAll()
      .select(sql<boolean>`expires_at <= now()`.as('is_expired'))
      .orderBy('created_at', 'desc')
      .execute();
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      role: row.role as Role,
      tenant: row.tenant,
      createdAt: row.created_at,
      createdBy: row.created_by,
      expiresAt: row.expires_at,
      state: row.revoked_at !== null ? 'revoked' : row.is_expired ? 'expired' : 'valid',
    }));
  }

  /** From the moment on at which this resolves the token opens nothing. Once more changes nothing. */
  async revoke(id: string, by: string): Promise<void> {
    const { database, lease, record } = this.#options;
    await fencedTransaction(database, lease, async (tx) => {
      const row = await tx.selectFrom('api_token').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
      if (!row) throw new KinError('resource.unknown', `there is no token ${id}; see \`kintsugi token list\``);
      if (row.revoked_at !== null) return;
      const revoked = { revoked_at: sql<string>`now()`, revoked_by: by };
      await tx.updateTable('api_token').set(revoked).where('id', '=', id).execute();
      const scope = row.tenant === null ? {} : { tenant: row.tenant };
      await record(tx, 'token.revoked', id, { name: row.name }, { actor: { kind: 'operator', name: by }, ...scope });
    });
  }

  /** Takes away what a probe made under this name and revoked, and what one that was cut off left behind; nobody has a secret of these. */
  async forget(name: string): Promise<void> {
    const { database, lease } = this.#options;
    await fencedTransaction(database, lease, async (tx) => {
      await tx
        .deleteFrom('api_token')
        .where('name', '=', name)
        .where(sql<boolean>`revoked_at is not null or created_at < now() - interval '1 hour'`)
        .execute();
    });
  }

  /** Whose secret it is; undefined for one that is unknown, expired or revoked. Rejects when the database is away. */
  async find(secret: string): Promise<Caller | undefined> {
    const row = await this.#options.database.kysely
      .selectFrom('api_token')
      .select(['id', 'name', 'role', 'tenant'])
      .where('secret_digest', '=', digestOf(secret))
      .where('revoked_at', 'is', null)
      .where('expires_at', '>', sql<string>`now()`)
      .executeTakeFirst();
    return row && { id: row.id, name: row.name, role: row.role as Role, tenant: row.tenant };
  }
}
