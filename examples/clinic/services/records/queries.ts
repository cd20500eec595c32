/**
 * The statements on records. `$1` is the tenant wherever a row is made; elsewhere row-level security supplies it. Records of a
 * patient whose processing is restricted (GDPR Art. 18) stay stored, and no statement shows, lists, changes or removes them.
 */
export interface RecordQueries {
  readonly list: string;
  /** One that is restricted too: `restricted` says so. */
  readonly get: string;
  /** Nothing comes back for a patient who is restricted. */
  readonly put: string;
  /** Removes, unless it is restricted; `restricted` says whether one of the name is there that is. */
  readonly remove: string;
  readonly restrict: string;
  readonly lift: string;
}

const COLUMNS = 'id, patient_ref, kind, body, created_at, updated_at';

export const queries: RecordQueries = {
  list: `SELECT ${COLUMNS} FROM records.records
         WHERE restricted_at IS NULL AND ($1::text IS NULL OR kind = $1) ORDER BY created_at DESC, id LIMIT $2`,
  get: `SELECT ${COLUMNS}, restricted_at IS NOT NULL AS restricted FROM records.records WHERE id = $1`,
  put: `INSERT INTO records.records (tenant, id, patient_ref, kind, body) SELECT $1::text, $2::text, $3::text, $4::text, $5::jsonb
        WHERE NOT EXISTS (SELECT FROM records.records WHERE patient_ref = $3 AND restricted_at IS NOT NULL)
        ON CONFLICT (tenant, id) DO UPDATE
          SET patient_ref = excluded.patient_ref, kind = excluded.kind, body = excluded.body, updated_at = now()
          WHERE records.restricted_at IS NULL
        RETURNING ${COLUMNS}, created_at = updated_at AS is_new`,
  remove: `WITH gone AS (DELETE FROM records.records WHERE id = $1 AND restricted_at IS NULL RETURNING 1)
           SELECT exists(SELECT FROM gone) AS removed,
                  exists(SELECT FROM records.records WHERE id = $1 AND restricted_at IS NOT NULL) AS restricted`,
  restrict: 'UPDATE records.records SET restricted_at = coalesce(restricted_at, now()) WHERE patient_ref = $1',
  lift: 'UPDATE records.records SET restricted_at = NULL WHERE patient_ref = $1',
};
