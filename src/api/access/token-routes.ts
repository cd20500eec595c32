import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { KinError } from '../../base/errors.ts';
import { suggestion } from '../../resources/schema-issue.ts';
import type { Control } from '../control.ts';
import { ROLE_NAMES } from './role.ts';
import type { TokenStore } from './token-store.ts';

const DAYS_MAX = 366;
const bySchema = z.string().min(1).max(200).describe('Who does it; kept in the ledger');
const newSchema = z
  .object({
    name: z.string().min(1).max(100).describe('Whose it is; what it does is on record under this name'),
    role: z.enum(ROLE_NAMES),
    for: z.string().max(100).nullable().default(null).describe('The one tenant that it is for; all when left out'),
    days: z.number().int().min(1).max(DAYS_MAX).describe('How long it opens anything'),
    by: bySchema,
  })
  .refine(({ role, for: tenant }) => role !== 'tenant' || tenant !== null, {
    message: 'a token of the role tenant is for one tenant',
    path: ['for'],
  });

/** Tokens: made, listed and revoked. */
export function tokenRoutes(plain: FastifyInstance, { world }: Control, tokens: TokenStore): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  app.get('/v1/tokens', async () => ({ tokens: await tokens.list() }));
  app.post('/v1/tokens', { schema: { body: newSchema } }, async ({ body: { for: tenant, by, ...given } }) => {
    const names = world.declared.tenants.map(({ metadata }) => metadata.name);
    if (tenant !== null && !names.includes(tenant))
      throw new KinError('resource.unknown', `there is no tenant ${tenant}${suggestion(tenant, names)}`);
    return tokens.create({ ...given, tenant }, by);
  });
  const params = z.object({ id: z.string().max(100) });
  app.post(
    '/v1/tokens/:id/revoke',
    { schema: { params, body: z.object({ by: bySchema }) } },
    async ({ params: { id }, body }) => {
      await tokens.revoke(id, body.by);
      return {};
    },
  );
}
