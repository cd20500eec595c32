import { z } from 'zod';
import { readEnvironment } from '../kit/config.ts';
import type { ServiceSpec } from '../kit/service.ts';
import { TenantConfig } from '../kit/tenant-config.ts';
import { PaymentsClient } from './payments-client.ts';
import type { RecordQueries } from './queries.ts';
import { RecordStore } from './record-store.ts';
import { registerRoutes } from './routes.ts';
import { recordsSchema } from './schema.ts';

const environmentSchema = z.object({
  PAYMENTS_URL: z.url(),
  PAYMENTS_DEADLINE_MS: z.coerce.number().int().min(1).max(10_000).default(1_500),
  KINTSUGI_SERVICE_TOKEN: z.string().default(''),
  KINTSUGI_TENANT_CONFIG: z.string().optional(),
});

/** The records service over a set of statements. A release is chosen by which statements it brings. */
export function recordsService(queries: RecordQueries): ServiceSpec {
  return {
    name: 'records',
    schema: recordsSchema,
    routes: (app, database) => {
      const env = readEnvironment(environmentSchema, process.env);
      const payments = new PaymentsClient({
        url: env.PAYMENTS_URL.replace(/\/$/, ''),
        serviceToken: env.KINTSUGI_SERVICE_TOKEN,
        deadlineMs: env.PAYMENTS_DEADLINE_MS,
      });
      app.addHook('onClose', () => payments.close());
      registerRoutes(app, new RecordStore(database, queries), payments, new TenantConfig(env.KINTSUGI_TENANT_CONFIG));
    },
  };
}
