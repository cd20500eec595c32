import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { newId } from '../base/ids.ts';
import { addStop, liftStops } from '../heal/stop-store.ts';
import { fencedTransaction } from '../store/lease.ts';
import type { Control } from './control.ts';
import { bySchema, reasonSchema } from './request-parts.ts';

const scopeSchema = z.string().regex(/^(global|(workload|tenant|move) [-a-z0-9]+)$/);

/** The switch that ends all healing, or that of one scope, and its end. */
export function stopRoutes(plain: FastifyInstance, control: Control): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const { lease, record, options } = control;
  const { database, random, clock } = options;
  const stopSchema = z.object({
    scope: scopeSchema,
    reason: reasonSchema,
    by: bySchema,
    minutes: z.number().positive().max(525_600).optional(),
  });
  app.post('/v1/stop', { schema: { body: stopSchema } }, async ({ body }) => {
    const id = newId('stp', random);
    const expiresAt = body.minutes === undefined ? null : clock.now() + body.minutes * 60_000;
    const { scope, reason, by } = body;
    await fencedTransaction(database, lease, (tx) => addStop(tx, { id, scope, reason, by, expiresAt }, record));
    await control.refresh();
    return { id };
  });

  const resumeSchema = z.object({ scope: scopeSchema, reason: z.string().max(500).default(''), by: bySchema });
  app.post('/v1/resume', { schema: { body: resumeSchema } }, async ({ body }) => {
    const lifted = await fencedTransaction(database, lease, (tx) =>
      liftStops(tx, body.scope, body.by, body.reason, record),
    );
    await control.refresh();
    return { lifted };
  });
}
