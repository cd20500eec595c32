import { runService } from '../kit/service.ts';
import { ChargeStore } from './charge-store.ts';
import { registerRoutes } from './routes.ts';
import { paymentsSchema } from './schema.ts';

await runService({
  name: 'payments',
  schema: paymentsSchema,
  routes: (app, database) => registerRoutes(app, new ChargeStore(database)),
});
