import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { MADE } from '../evidence/bundle-verifier.ts';
import { fencedTransaction } from '../store/lease.ts';
import type { Control } from './control.ts';
import { makeReport } from './report-maker.ts';
import { bySchema } from './request-parts.ts';

/** What is made for auditors is on record itself: who asked for it, and the digest of its manifest. */
export function evidenceRoutes(plain: FastifyInstance, control: Control): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const { lease, record, options } = control;
  const hexSchema = z.string().regex(/^[0-9a-f]{64}$/);
  const evidenceSchema = z.object({
    tenant: z.string().max(100),
    framework: z.string().max(100),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    manifest: hexSchema,
    key: hexSchema,
    by: bySchema,
  });
  app.post('/v1/evidence', { schema: { body: evidenceSchema } }, async ({ body: { by, tenant, ...data } }) => {
    const entry = await fencedTransaction(options.database, lease, (tx) =>
      record(tx, MADE, tenant, data, { actor: { kind: 'operator', name: by }, tenant }),
    );
    return { entry };
  });

  const reportSchema = z.object({
    tenant: z.string().max(100),
    framework: z.string().max(100),
    from: z.iso.datetime().optional(),
    to: z.iso.datetime().optional(),
    by: bySchema,
  });
  app.post('/v1/reports', { schema: { body: reportSchema } }, async ({ body }) => ({
    files: await makeReport(control.options.state, body),
  }));
}
