import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Control } from './control.ts';

const importSchema = z.object({
  file: z.string().min(1).max(500).describe('How it is named in messages'),
  envelope: z.string().max(1_000_000).describe('DSSE over a CSV file: kintsugi record sign makes it'),
  by: z.string().min(1).max(200).describe('Who imports it; kept in the ledger'),
});
const withdrawSchema = z.object({ by: z.string().min(1).max(200), reason: z.string().min(1).max(500) });

/** Records of people: trainings, reviews, contracts. */
export function recordRoutes(plain: FastifyInstance, { records }: Control): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  app.get('/v1/records', async () => ({ records: await records.list() }));
  app.post('/v1/records', { schema: { body: importSchema } }, ({ body: { by, ...given } }) =>
    records.import(given, by),
  );
  const params = z.object({ id: z.string().max(100) });
  app.post(
    '/v1/records/:id/withdraw',
    { schema: { params, body: withdrawSchema } },
    async ({ params: { id }, body }) => {
      await records.withdraw(id, body.by, body.reason);
      return {};
    },
  );
}
