import { readEnvironment } from '../kit/config.ts';
import type { ServiceSpec } from '../kit/service.ts';
import { AccountStore } from './account-store.ts';
import { registerRoutes } from './routes.ts';
import { rulesSchema } from './rules.ts';
import { staffSchema } from './schema.ts';
import { SessionStore } from './session-store.ts';

/** Accounts of the people who work for a tenant, and their sessions. */
export function staffService(): ServiceSpec {
  return {
    name: 'staff',
    schema: staffSchema,
    routes: (app, database) => {
      const rules = readEnvironment(rulesSchema, process.env);
      registerRoutes(app, new AccountStore(database, rules), new SessionStore(database, rules), rules);
    },
  };
}
