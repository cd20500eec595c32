import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { KinError } from '../base/errors.ts';
import type { Leader } from '../heal/repair-desk.ts';
import { pardon } from '../heal/trust-store.ts';
import { fencedTransaction } from '../store/lease.ts';
import type { Control } from './control.ts';
import { policyOf } from './policy.ts';
import { bySchema, limitQuery, reasonSchema } from './request-parts.ts';
import { planView, repairsView, trustView } from './views.ts';

/** Plans, repairs and playbooks, and what people say about them. */
export function repairRoutes(plain: FastifyInstance, control: Control): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const { lease, record, desk, options } = control;
  const { database } = options;

  app.get('/v1/repairs', { schema: { querystring: limitQuery } }, async ({ query }) => ({
    repairs: await repairsView(database, query.limit),
  }));
  app.get('/v1/trust', async () => ({ trust: await trustView(control) }));
  app.get('/v1/plans/:id', { schema: { params: z.object({ id: z.string() }) } }, async ({ params }) => {
    const plan = await planView(database, params.id, control.options.moves);
    if (!plan) throw new KinError('resource.unknown', `there is no plan ${params.id}`);
    return plan;
  });
  const approveSchema = z.object({ plan: z.string(), hash: z.string(), by: bySchema });
  app.post('/v1/approve', { schema: { body: approveSchema } }, async ({ body }) => {
    return desk.approve(body.plan, body.hash, body.by, leader(control));
  });

  const rejectSchema = z.object({ plan: z.string(), by: bySchema, reason: reasonSchema });
  app.post('/v1/reject', { schema: { body: rejectSchema } }, async ({ body }) => {
    await desk.reject(body.plan, body.by, body.reason, leader(control));
    return {};
  });

  const pardonSchema = z.object({ playbook: z.string().min(1), by: bySchema, reason: reasonSchema });
  app.post('/v1/pardon', { schema: { body: pardonSchema } }, async ({ body }) => {
    const known = policyOf(control).playbooks.some(({ metadata }) => metadata.name === body.playbook);
    if (!known) throw new KinError('resource.unknown', `there is no playbook ${body.playbook}`);
    await fencedTransaction(database, lease, (tx) => pardon(tx, body.playbook, body.by, body.reason, record));
    return {};
  });

  const cancelSchema = z.object({ repair: z.string(), by: bySchema, reason: reasonSchema });
  app.post('/v1/cancel', { schema: { body: cancelSchema } }, async ({ body }) => {
    await desk.cancel(body.repair, body.by, body.reason, leader(control));
    return {};
  });
}

/** The lead that this process has. Throws `lease.lost` when it has none: who leads has to be asked. */
function leader(control: Control): Leader {
  const epoch = control.lease.current()?.epoch;
  if (epoch === undefined) throw new KinError('lease.lost', 'another replica leads; ask it');
  return { epoch, signal: control.leadership() };
}
