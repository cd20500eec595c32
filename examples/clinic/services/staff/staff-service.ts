import { readEnvironment } from '../kit/config.ts';
import { Limits } from '../kit/limits.ts';
import type { ServiceSpec } from '../kit/service.ts';
import { AccountStore } from './account-store.ts';
import { registerRoutes } from './routes.ts';
import { lawfulRules, rulesSchema } from './rules.ts';
import { staffSchema } from './schema.ts';
import { SessionStore } from './session-store.ts';

/** Accounts of the people who work for a tenant, and their sessions. */
export function staffService(): ServiceSpec {
  return {
    name: 'staff',
    schema: staffSchema,
    routes: (app, database) => {
      const limits = new Limits('staff', process.env['KINTSUGI_LIMITS']);
      const rules = lawfulRules(readEnvironment(rulesSchema, process.env), limits);
      registerRoutes(app, new AccountStore(database, rules), new SessionStore(database, rules), rules);
    },
  };
}
