import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Control } from './control.ts';
import { bySchema, reasonSchema } from './request-parts.ts';

/** What the law lays on those who made moves, and people who sign for it. */
export function dutyRoutes(plain: FastifyInstance, { duties }: Control): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  app.get('/v1/duties', async () => ({ duties: await duties.readOpen() }));
  const params = z.object({ id: z.string().max(100) });
  const signSchema = z.object({ by: bySchema, reason: reasonSchema });
  app.post('/v1/duties/:id/sign', { schema: { params, body: signSchema } }, async ({ params: { id }, body }) => {
    await duties.meet(id, body.by, body.reason);
    return {};
  });
}
