/** The statements on records. `$1` is the tenant wherever a row is made; elsewhere row-level security supplies it. */
export interface RecordQueries {
  readonly list: string;
  readonly get: string;
  readonly put: string;
  readonly remove: string;
}

const COLUMNS = 'id, patient_ref, kind, body, created_at, updated_at';

export const queries: RecordQueries = {
  list: `SELECT ${COLUMNS} FROM records.records
         WHERE $1::text IS NULL OR kind = $1 ORDER BY created_at DESC, id LIMIT $2`,
  get: `SELECT ${COLUMNS} FROM records.records WHERE id = $1`,
  put: `INSERT INTO records.records (tenant, id, patient_ref, kind, body) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant, id) DO UPDATE
          SET patient_ref = excluded.patient_ref, kind = excluded.kind, body = excluded.body, updated_at = now()
        RETURNING ${COLUMNS}, created_at = updated_at AS is_new`,
  remove: 'DELETE FROM records.records WHERE id = $1',
};
