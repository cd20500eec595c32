import type { ServiceSchema } from '../kit/migration.ts';

/** No card data: what is charged is an agreement with the tenant's acquirer, and stays there. */
export const paymentsSchema: ServiceSchema = {
  name: 'payments',
  steps: [
    `CREATE TABLE payments.charges (
       tenant text NOT NULL CHECK (tenant <> ''),
       id uuid NOT NULL DEFAULT gen_random_uuid(),
       idempotency_key text NOT NULL,
       reference text NOT NULL,
       amount_cents int NOT NULL CHECK (amount_cents > 0),
       currency text NOT NULL,
       status text NOT NULL DEFAULT 'paid',
       created_at timestamptz NOT NULL DEFAULT now(),
       PRIMARY KEY (tenant, id),
       UNIQUE (tenant, idempotency_key)
     );
     CREATE INDEX charges_by_reference ON payments.charges (tenant, reference);
     ALTER TABLE payments.charges ENABLE ROW LEVEL SECURITY;
     ALTER TABLE payments.charges FORCE ROW LEVEL SECURITY;
     CREATE POLICY own_tenant ON payments.charges
       USING (tenant = current_setting('app.tenant', true))
       WITH CHECK (tenant = current_setting('app.tenant', true));
     -- A charge is never changed or deleted by the application.
     GRANT SELECT, INSERT ON payments.charges TO payments_app;`,
  ],
};
