import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { KinError } from '../base/errors.ts';
import type { Control } from './control.ts';
import { registerNow } from './register-view.ts';

/** The record of processing: made from what is known now, and its versions. */
export function registerRoutes(plain: FastifyInstance, control: Control): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const { registers } = control;
  const madeSchema = z.object({ by: z.string().min(1).max(200).describe('Who asks for it; kept in the ledger') });
  app.post('/v1/register', { schema: { body: madeSchema } }, async ({ body }) => {
    const { register, proof } = await registerNow(control);
    return registers.keep(register, proof, body.by);
  });
  const params = z.object({ version: z.coerce.number().int().min(1) });
  app.get('/v1/register/:version', { schema: { params } }, async ({ params: { version } }) => {
    const found = await registers.read(version);
    if (!found) throw new KinError('resource.unknown', `there is no version ${version} of the record of processing`);
    return found;
  });
}
