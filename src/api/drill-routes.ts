import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { newId } from '../base/ids.ts';
import { fencedTransaction } from '../store/lease.ts';
import type { Control } from './control.ts';

/** Drills that were done, and the record of a new one. */
export function drillRoutes(plain: FastifyInstance, control: Control): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const { lease, record, options } = control;
  const { database, random } = options;
  app.get('/v1/drills', async () => {
    const rows = await database.kysely
      .selectFrom('drill')
      .selectAll()
      .orderBy('started_at', 'desc')
      .limit(200)
      .execute();
    return {
      drills: rows.map(({ id, fault, target, made_by, started_at, ended_at, result }) => ({
        id,
        fault,
        target,
        by: made_by,
        startedAt: started_at,
        endedAt: ended_at,
        result,
      })),
    };
  });
  const drillSchema = z.object({
    fault: z.string().max(100),
    target: z.string().max(200),
    by: z.string().min(1).max(200).describe('Who does it; kept in the ledger'),
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime(),
    result: z.record(z.string(), z.json()),
  });
  app.post('/v1/drills', { schema: { body: drillSchema } }, async ({ body }) => {
    const id = newId('drl', random);
    const { fault, target, by, endedAt, result } = body;
    await fencedTransaction(database, lease, async (tx) => {
      const row = { id, fault, target, made_by: by, ended_at: endedAt, result: JSON.stringify(result) };
      await tx.insertInto('drill').values(row).execute();
      await record(
        tx,
        'drill.ended',
        id,
        { fault, target, startedAt: body.startedAt, result },
        { actor: { kind: 'operator', name: by } },
      );
    });
    return { id };
  });
}
