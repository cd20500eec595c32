import type { ServiceSchema } from '../kit/migration.ts';

/** Passwords and tokens are kept as digests: who reads these tables can log in as nobody. */
export const staffSchema: ServiceSchema = {
  name: 'staff',
  steps: [
    `CREATE TABLE staff.accounts (
       tenant text NOT NULL CHECK (tenant <> ''),
       name text NOT NULL,
       password_digest text NOT NULL,
       former_digests text[] NOT NULL DEFAULT '{}',
       attempts int NOT NULL DEFAULT 0,
       locked_until timestamptz,
       PRIMARY KEY (tenant, name)
     );
     CREATE TABLE staff.sessions (
       tenant text NOT NULL CHECK (tenant <> ''),
       token_digest text NOT NULL,
       account text NOT NULL,
       began_at timestamptz NOT NULL DEFAULT now(),
       used_at timestamptz NOT NULL DEFAULT now(),
       PRIMARY KEY (tenant, token_digest),
       FOREIGN KEY (tenant, account) REFERENCES staff.accounts ON DELETE CASCADE
     );
     CREATE INDEX sessions_by_account ON staff.sessions (tenant, account);

     ALTER TABLE staff.accounts ENABLE ROW LEVEL SECURITY;
     ALTER TABLE staff.accounts FORCE ROW LEVEL SECURITY;
     ALTER TABLE staff.sessions ENABLE ROW LEVEL SECURITY;
     ALTER TABLE staff.sessions FORCE ROW LEVEL SECURITY;
     CREATE POLICY own_tenant ON staff.accounts
       USING (tenant = current_setting('app.tenant', true))
       WITH CHECK (tenant = current_setting('app.tenant', true));
     CREATE POLICY own_tenant ON staff.sessions
       USING (tenant = current_setting('app.tenant', true))
       WITH CHECK (tenant = current_setting('app.tenant', true));

     GRANT SELECT, INSERT, UPDATE, DELETE ON staff.accounts, staff.sessions TO staff_app;`,
    `ALTER TABLE staff.accounts ADD COLUMN last_login_at timestamptz NOT NULL DEFAULT now();`,
  ],
};
