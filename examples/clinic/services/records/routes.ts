import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../kit/problem.ts';
import type { TenantConfig } from '../kit/tenant-config.ts';
import type { Caller, PaymentsClient } from './payments-client.ts';
import type { ClinicalRecord, RecordDraft, RecordKind, RecordStore } from './record-store.ts';

const kind = { enum: ['note', 'observation', 'invoice'] } as const;
const id = { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$' } as const;
const params = { type: 'object', required: ['id'], properties: { id } } as const;
const patientRef = { type: 'string', minLength: 1, maxLength: 64 } as const;
const byPatient = { type: 'object', required: ['patientRef'], properties: { patientRef } } as const;
const draft = {
  type: 'object',
  required: ['patientRef', 'kind', 'body'],
  additionalProperties: false,
  properties: { patientRef, kind, body: { type: 'object' } },
} as const;
const query = {
  type: 'object',
  additionalProperties: false,
  properties: { limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 }, kind },
} as const;
const order = {
  type: 'object',
  required: ['amountCents', 'currency'],
  additionalProperties: false,
  properties: { amountCents: { type: 'integer', minimum: 1, maximum: 10_000_000 }, currency: { enum: ['EUR', 'USD'] } },
} as const;

interface ById {
  Params: { id: string };
}

interface ByPatient {
  Params: { patientRef: string };
}

function callerOf(request: FastifyRequest): Caller {
  const traceparent = request.headers['traceparent'];
  const deadlineMs = Number.parseInt(String(request.headers['x-kintsugi-deadline-ms'] ?? ''), 10);
  return {
    tenant: request.tenant,
    requestId: request.id,
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
    deadlineMs: deadlineMs > 0 ? deadlineMs : undefined,
  };
}

function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && /^[\x21-\x7e]{1,128}$/.test(key)) return key;
  throw new Problem(400, 'Bad Idempotency-Key', 'It must be 1 to 128 printable characters without spaces.');
}

/** Lists of invoices show what was paid. Without payments the list is still worth having, so it then says `unknown`. */
async function withBilling(payments: PaymentsClient, request: FastifyRequest, records: readonly ClinicalRecord[]) {
  const ids = records.map((record) => record.id);
  const charges = await payments.chargesOf(callerOf(request), ids).catch((error: unknown) => {
    request.log.warn({ reason: String((error as Error).cause) }, 'list without billing');
    return undefined;
  });
  const billing = (record: ClinicalRecord) => charges?.get(record.id)?.status ?? (charges ? 'open' : 'unknown');
  return records.map((record) => ({ ...record, billing: billing(record) }));
}

type ListRequest = FastifyRequest<{ Querystring: { limit: number; kind?: RecordKind } }>;
type ChargeRequest = FastifyRequest<ById & { Body: { amountCents: number; currency: string } }>;

/** The tenant's own limit. A value that is no number is a fault of its configuration, and is not guessed around. */
function pageSizeOf(config: TenantConfig, { tenant, query: { limit } }: ListRequest): number {
  const own = config.read(tenant, 'PAGE_SIZE_MAX');
  if (own === undefined) return limit;
  if (!/^[1-9][0-9]{0,3}$/.test(own)) throw new Error(`PAGE_SIZE_MAX of ${tenant} is not a number`);
  return Math.min(limit, Number(own));
}

async function list(store: RecordStore, payments: PaymentsClient, config: TenantConfig, request: ListRequest) {
  const records = await store.list(request.tenant, pageSizeOf(config, request), request.query.kind);
  return { records: request.query.kind === 'invoice' ? await withBilling(payments, request, records) : records };
}

async function charge(store: RecordStore, payments: PaymentsClient, request: ChargeRequest) {
  const record = await store.get(request.tenant, request.params.id);
  if (record.kind !== 'invoice') throw new Problem(409, 'Not an invoice', 'Only invoices can be charged.');
  return payments.charge(callerOf(request), record.id, request.body.amountCents, request.body.currency);
}

interface Answer {
  readonly patientRef?: string;
  readonly records?: readonly { readonly patientRef: string }[];
}

/** Whose records an answer holds, for the record of the gateway: it seals that, and never passes it on. */
function subjectsOf({ patientRef, records = [] }: Answer): string {
  const names = new Set([...(patientRef === undefined ? [] : [patientRef]), ...records.map((each) => each.patientRef)]);
  return [...names].map(encodeURIComponent).join(',');
}

/** The endpoints below `/records`. */
export function registerRoutes(
  app: FastifyInstance,
  store: RecordStore,
  payments: PaymentsClient,
  config: TenantConfig,
): void {
  app.addHook('preSerialization', async (_request, reply, answer: Answer) => {
    const subjects = subjectsOf(answer);
    if (subjects !== '') void reply.header('x-kintsugi-subject', subjects);
    return answer;
  });
  app.get('/records', { schema: { querystring: query } }, (request: ListRequest) =>
    list(store, payments, config, request),
  );
  app.post<{ Body: RecordDraft }>('/records', { schema: { body: draft } }, async (request, reply) => {
    const record = await store.create(request.tenant, request.body, idempotencyKeyOf(request));
    return reply.code(201).header('location', `/records/${record.id}`).send(record);
  });
  app.get<ById>('/records/:id', { schema: { params } }, (request) => store.get(request.tenant, request.params.id));
  app.put<ById & { Body: RecordDraft }>('/records/:id', { schema: { params, body: draft } }, async (request, reply) => {
    const { record, created } = await store.put(request.tenant, request.params.id, request.body);
    return reply.code(created ? 201 : 200).send(record);
  });
  app.delete<ById>('/records/:id', { schema: { params } }, async (request, reply) => {
    await store.remove(request.tenant, request.params.id);
    return reply.code(204).send();
  });
  app.put<ByPatient>('/records/restrictions/:patientRef', { schema: { params: byPatient } }, async (request, reply) => {
    await store.restrict(request.tenant, request.params.patientRef);
    return reply.code(204).send();
  });
  app.delete<ByPatient>(
    '/records/restrictions/:patientRef',
    { schema: { params: byPatient } },
    async (request, reply) => {
      await store.lift(request.tenant, request.params.patientRef);
      return reply.code(204).send();
    },
  );
  app.post('/records/:id/charge', { schema: { params, body: order } }, (request: ChargeRequest) =>
    charge(store, payments, request),
  );
}
