import { type RecordQueries, queries as release1 } from '../../services/records/queries.ts';

// The bug of this release, made as such bugs are made: a migration was to rename `patient_ref`, it was put off, and the
// reads had been rewritten already. Writes work, health checks pass, and every read of a record fails.
const COLUMNS = 'id, patient_reference AS patient_ref, kind, body, created_at, updated_at';

export const queries: RecordQueries = {
  ...release1,
  list: `SELECT ${COLUMNS} FROM records.records
         WHERE restricted_at IS NULL AND ($1::text IS NULL OR kind = $1) ORDER BY created_at DESC, id LIMIT $2`,
  get: `SELECT ${COLUMNS}, restricted_at IS NOT NULL AS restricted FROM records.records WHERE id = $1`,
};
