import type { FastifyInstance } from 'fastify';
import { Problem } from '../kit/problem.ts';
import type { ChargeOrder, ChargeStore } from './charge-store.ts';

const order = {
  type: 'object',
  required: ['reference', 'amountCents', 'currency'],
  additionalProperties: false,
  properties: {
    reference: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$' },
    amountCents: { type: 'integer', minimum: 1, maximum: 10_000_000 },
    currency: { enum: ['EUR', 'USD'] },
  },
} as const;
const params = { type: 'object', required: ['id'], properties: { id: { type: 'string', format: 'uuid' } } } as const;
const query = {
  type: 'object',
  required: ['references'],
  properties: { references: { type: 'string', pattern: '^[A-Za-z0-9_,-]{1,6600}$' } },
} as const;

/** The endpoints below `/charges`. */
export function registerRoutes(app: FastifyInstance, store: ChargeStore): void {
  app.post<{ Body: ChargeOrder }>('/charges', { schema: { body: order } }, async (request, reply) => {
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(key)) {
      throw new Problem(400, 'No Idempotency-Key', 'A charge needs a key of 1 to 128 printable characters.');
    }
    const { charge, created } = await store.charge(request.tenant, key, request.body);
    return reply.code(created ? 201 : 200).send(charge);
  });
  app.get<{ Querystring: { references: string } }>('/charges', { schema: { querystring: query } }, (request) =>
    store.byReference(request.tenant, request.query.references.split(',')).then((charges) => ({ charges })),
  );
  app.get<{ Params: { id: string } }>('/charges/:id', { schema: { params } }, (request) =>
    store.get(request.tenant, request.params.id),
  );
}
