import { createHash, randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import type { Database } from '../kit/database.ts';
import { Problem } from '../kit/problem.ts';
import type { RecordQueries } from './queries.ts';

export type RecordKind = 'note' | 'observation' | 'invoice';

/** What a client writes. */
export interface RecordDraft {
  /** A pseudonym; names and numbers of patients do not belong here. */
  readonly patientRef: string;
  readonly kind: RecordKind;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface ClinicalRecord extends RecordDraft {
  readonly id: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

interface Row {
  readonly id: string;
  readonly patient_ref: string;
  readonly kind: RecordKind;
  readonly body: Readonly<Record<string, unknown>>;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly is_new?: boolean;
  readonly restricted?: boolean;
}

function recordOf(row: Row): ClinicalRecord {
  const { id, kind, body } = row;
  const [createdAt, updatedAt] = [row.created_at.toISOString(), row.updated_at.toISOString()];
  return { id, patientRef: row.patient_ref, kind, body, createdAt, updatedAt };
}

function digestOf(draft: RecordDraft): string {
  return createHash('sha256')
    .update(JSON.stringify([draft.patientRef, draft.kind, draft.body]))
    .digest('hex');
}

/** Records of all tenants. Every method works in one tenant and cannot see or change another one's rows. */
export class RecordStore {
  readonly #database: Database;
  readonly #queries: RecordQueries;

  constructor(database: Database, queries: RecordQueries) {
    this.#database = database;
    this.#queries = queries;
  }

  /** The newest records, at most `limit`. */
  async list(tenant: string, limit: number, kind: RecordKind | undefined): Promise<ClinicalRecord[]> {
    const { rows } = await this.#database.inTenant(tenant, (client) =>
      client.query<Row>(this.#queries.list, [kind ?? null, limit]),
    );
    return rows.map(recordOf);
  }

  /** Rejects with a 404 `Problem` when the tenant has no such record, with a 451 when it is restricted. */
  async get(tenant: string, id: string): Promise<ClinicalRecord> {
    const { rows } = await this.#database.inTenant(tenant, (client) => client.query<Row>(this.#queries.get, [id]));
    if (!rows[0]) throw notFound();
    return usable(rows[0]);
  }

  /** Creates or replaces; as often as it is repeated, the result is the same. Rejects with a 451 when its patient is restricted. */
  async put(tenant: string, id: string, draft: RecordDraft): Promise<{ record: ClinicalRecord; created: boolean }> {
    return this.#database.inTenant(tenant, (client) => this.#write(client, tenant, id, draft));
  }

  /**
   * Creates a record with an id of its own. With a key it happens at most once in 24 hours: the same request again gets
   * the same record, another request under the same key a 422, and a record that is gone by then a 410.
   */
  async create(tenant: string, draft: RecordDraft, key: string | undefined): Promise<ClinicalRecord> {
    return this.#database.inTenant(tenant, async (client) => {
      const id = randomUUID();
      const earlier = key === undefined ? undefined : await this.#claim(client, tenant, key, draft, id);
      if (earlier === undefined) return (await this.#write(client, tenant, id, draft)).record;
      const { rows } = await client.query<Row>(this.#queries.get, [earlier]);
      if (!rows[0]) throw new Problem(410, 'The record is gone', 'It was created under this key and deleted since.');
      return usable(rows[0]);
    });
  }

  /** Rejects with a 404 `Problem` when there was nothing to delete, with a 451 when it is restricted. */
  async remove(tenant: string, id: string): Promise<void> {
    const { rows } = await this.#database.inTenant(tenant, (client) =>
      client.query<{ removed: boolean; restricted: boolean }>(this.#queries.remove, [id]),
    );
    if (rows[0]?.restricted) throw restricted();
    if (!rows[0]?.removed) throw notFound();
  }

  /** From now on the records of this patient are stored and not used, until it is lifted. May be repeated. */
  async restrict(tenant: string, patientRef: string): Promise<void> {
    await this.#mark(tenant, this.#queries.restrict, patientRef);
  }

  async lift(tenant: string, patientRef: string): Promise<void> {
    await this.#mark(tenant, this.#queries.lift, patientRef);
  }

  async #mark(tenant: string, statement: string, patientRef: string): Promise<void> {
    const { rowCount } = await this.#database.inTenant(tenant, (client) => client.query(statement, [patientRef]));
    if (rowCount === 0) throw notFound();
  }

  async #write(client: PoolClient, tenant: string, id: string, draft: RecordDraft) {
    const values = [tenant, id, draft.patientRef, draft.kind, JSON.stringify(draft.body)];
    const { rows } = await client.query<Row>(this.#queries.put, values);
    const [row] = rows;
    if (!row) throw restricted();
    return { record: recordOf(row), created: row.is_new === true };
  }

  /** Takes the key for `id`, or says for which id it was taken before. A request still running under it is waited for. */
  async #claim(client: PoolClient, tenant: string, key: string, draft: RecordDraft, id: string) {
    await client.query("DELETE FROM records.idempotency_keys WHERE created_at < now() - interval '24 hours'");
    const { rowCount } = await client.query(
      `INSERT INTO records.idempotency_keys (tenant, key, request_digest, record_id) VALUES ($1, $2, $3, $4)
       ON CONFLICT DO NOTHING`,
      [tenant, key, digestOf(draft), id],
    );
    if (rowCount === 1) return undefined;
    const { rows } = await client.query<{ request_digest: string; record_id: string }>(
      'SELECT request_digest, record_id FROM records.idempotency_keys WHERE key = $1',
      [key],
    );
    if (rows[0]?.request_digest !== digestOf(draft)) {
      throw new Problem(422, 'The key was used before', 'Another request was made under this Idempotency-Key.');
    }
    return rows[0].record_id;
  }
}

function usable(row: Row): ClinicalRecord {
  if (row.restricted) throw restricted();
  return recordOf(row);
}

function restricted(): Problem {
  return new Problem(451, 'Restricted', 'Its processing is restricted (GDPR Art. 18): it is stored, and not used.');
}

function notFound(): Problem {
  return new Problem(404, 'Not found', 'There is no such record.');
}
