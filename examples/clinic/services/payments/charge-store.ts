import type { Database } from '../kit/database.ts';
import { Problem } from '../kit/problem.ts';

export interface ChargeOrder {
  readonly reference: string;
  readonly amountCents: number;
  readonly currency: string;
}

export interface Charge extends ChargeOrder {
  readonly id: string;
  readonly status: string;
}

const COLUMNS = 'id, reference, amount_cents AS "amountCents", currency, status';

/** Charges of all tenants. Every method works in one tenant and cannot see another one's. */
export class ChargeStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Charges once per key. The same order again gets the same charge; another order under the key a 422 `Problem`. */
  async charge(tenant: string, key: string, order: ChargeOrder): Promise<{ charge: Charge; created: boolean }> {
    return this.#database.inTenant(tenant, async (client) => {
      const inserted = await client.query<Charge>(
        `INSERT INTO payments.charges (tenant, idempotency_key, reference, amount_cents, currency)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
        [tenant, key, order.reference, order.amountCents, order.currency],
      );
      if (inserted.rows[0]) return { charge: inserted.rows[0], created: true };
      const found = await client.query<Charge>(`SELECT ${COLUMNS} FROM payments.charges WHERE idempotency_key = $1`, [
        key,
      ]);
      const charge = found.rows[0];
      const same =
        charge?.reference === order.reference &&
        charge.amountCents === order.amountCents &&
        charge.currency === order.currency;
      if (!same)
        throw new Problem(422, 'The key was used before', 'Another charge was made under this Idempotency-Key.');
      return { charge, created: false };
    });
  }

  /** Rejects with a 404 `Problem` when the tenant has no such charge. */
  async get(tenant: string, id: string): Promise<Charge> {
    const { rows } = await this.#database.inTenant(tenant, (client) =>
      client.query<Charge>(`SELECT ${COLUMNS} FROM payments.charges WHERE id = $1`, [id]),
    );
    if (!rows[0]) throw new Problem(404, 'Not found', 'There is no such charge.');
    return rows[0];
  }

  async byReference(tenant: string, references: readonly string[]): Promise<Charge[]> {
    const { rows } = await this.#database.inTenant(tenant, (client) =>
      client.query<Charge>(`SELECT ${COLUMNS} FROM payments.charges WHERE reference = ANY($1)`, [references]),
    );
    return rows;
  }
}
