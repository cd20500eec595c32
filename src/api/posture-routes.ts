import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { rulesOf } from '../resources/profile.ts';
import { bondsOf } from '../resources/tenant.ts';
import { scopeOf } from './access/door.ts';
import type { Control } from './control.ts';
import { gateAnswers, questionsSchema } from './gate-answers.ts';
import { controlView, postureView, tenantPostureView } from './posture-views.ts';
import { standingView } from './standing-view.ts';
import { timesOf } from './violation-metrics.ts';
import { readLastViolations } from './violation-times.ts';

const tenantParams = z.object({ tenant: z.string().max(100) });
const tenantQuery = z.object({ tenant: z.string().max(100).optional() });
const standingQuery = z.object({
  tenant: z.string().max(100),
  framework: z.string().max(100),
  from: z.iso.datetime(),
  to: z.iso.datetime(),
});

/** How tenants stand under their regulations, and what these say of moves. */
export function postureRoutes(plain: FastifyInstance, control: Control): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const timesFor = async (tenant: string | undefined) =>
    (await timesOf(control)).filter((each) => tenant === undefined || each.tenant === tenant);
  app.get('/v1/posture', async ({ caller }) => {
    const tenant = scopeOf(caller);
    return { ...postureView(control, tenant), times: await timesFor(tenant) };
  });
  app.get('/v1/posture/:tenant', { schema: { params: tenantParams } }, async ({ params: { tenant } }) => ({
    ...tenantPostureView(control, tenant),
    times: await timesFor(tenant),
  }));
  app.get(
    '/v1/controls/:name',
    { schema: { params: z.object({ name: z.string() }), querystring: tenantQuery } },
    async ({ params: { name }, query, caller }) => {
      const scope = scopeOf(caller);
      const violations = await readLastViolations(control.options.database, name);
      return {
        ...controlView(control, name, query.tenant ?? scope),
        violations: violations.filter(({ tenant }) => scope === undefined || tenant === scope),
      };
    },
  );
  app.get('/v1/standing', { schema: { querystring: standingQuery } }, ({ query }) => standingView(control, query));
  app.post('/v1/gate', { schema: { body: z.object({ questions: questionsSchema }) } }, ({ body, caller }) => {
    const { tenants, profiles } = control.world.declared;
    const scope = scopeOf(caller);
    const bound = tenants.map(bondsOf).filter(({ name }) => scope === undefined || name === scope);
    return { answers: gateAnswers(body.questions, bound, profiles.map(rulesOf)) };
  });
}
