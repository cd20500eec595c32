import type { ServiceSchema } from '../kit/migration.ts';

/** `FORCE` makes the policies bind the owner too. An unset tenant is NULL, which equals nothing. */
export const recordsSchema: ServiceSchema = {
  name: 'records',
  steps: [
    `CREATE TABLE records.records (
       tenant text NOT NULL CHECK (tenant <> ''),
       id text NOT NULL,
       patient_ref text NOT NULL,
       kind text NOT NULL CHECK (kind IN ('note', 'observation', 'invoice')),
       body jsonb NOT NULL,
       created_at timestamptz NOT NULL DEFAULT now(),
       updated_at timestamptz NOT NULL DEFAULT now(),
       PRIMARY KEY (tenant, id)
     );
     CREATE INDEX records_newest ON records.records (tenant, created_at DESC, id);
     CREATE TABLE records.idempotency_keys (
       tenant text NOT NULL CHECK (tenant <> ''),
       key text NOT NULL,
       request_digest text NOT NULL,
       record_id text NOT NULL,
       created_at timestamptz NOT NULL DEFAULT now(),
       PRIMARY KEY (tenant, key)
     );
     CREATE INDEX idempotency_keys_oldest ON records.idempotency_keys (tenant, created_at);

     ALTER TABLE records.records ENABLE ROW LEVEL SECURITY;
     ALTER TABLE records.records FORCE ROW LEVEL SECURITY;
     ALTER TABLE records.idempotency_keys ENABLE ROW LEVEL SECURITY;
     ALTER TABLE records.idempotency_keys FORCE ROW LEVEL SECURITY;
     CREATE POLICY own_tenant ON records.records
       USING (tenant = current_setting('app.tenant', true))
       WITH CHECK (tenant = current_setting('app.tenant', true));
     CREATE POLICY own_tenant ON records.idempotency_keys
       USING (tenant = current_setting('app.tenant', true))
       WITH CHECK (tenant = current_setting('app.tenant', true));

     GRANT SELECT, INSERT, UPDATE, DELETE ON records.records, records.idempotency_keys TO records_app;`,
    `ALTER TABLE records.records ADD restricted_at timestamptz;
     CREATE INDEX records_restricted ON records.records (tenant, patient_ref) WHERE restricted_at IS NOT NULL;`,
  ],
};
