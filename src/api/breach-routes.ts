import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { fromIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import { partOf } from '../comply/breach/part.ts';
import { stepOf, type Word } from '../comply/breach/words.ts';
import { openEvidenceKey } from '../evidence/dsse.ts';
import { DECISION_TYPE, openStatement, signersOf } from '../evidence/signed-statement.ts';
import { scopeOf } from './access/door.ts';
import { unknownAssessment } from './breach-desk.ts';
import { breachSummary, breachView } from './breach-views.ts';
import type { Control } from './control.ts';

const idParams = z.object({ id: z.string().max(100) });
const listQuery = z.object({ all: z.stringbool().default(false) });
const bySchema = z.string().min(1).max(200).describe('Who says it; kept in the ledger');
const reasonSchema = z.string().min(1).max(500);
const scopeFields = { tenant: z.string().max(100).optional(), notice: z.string().max(200).optional() };

const wordSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('aware'),
    by: bySchema,
    at: z.iso.datetime().optional().describe('Since when; now when left out'),
    real: z.boolean().default(false).describe('It was no drill, whatever the mark says'),
  }),
  z.object({ kind: z.literal('classified'), by: bySchema }),
  z.object({
    kind: z.literal('decided'),
    envelope: z.string().max(20_000).describe('The signed decision, DSSE: kintsugi breach decide makes it'),
  }),
  z.object({
    kind: z.literal('sent'),
    by: bySchema,
    at: z.iso.datetime().optional().describe('When it was sent; now when left out'),
    ...scopeFields,
  }),
  z.object({ kind: z.literal('closed'), by: bySchema, reason: reasonSchema }),
]);

const decisionSchema = z.strictObject({
  assessment: z.string(),
  choice: z.enum(['notify', 'no-notice']),
  by: bySchema,
  reason: reasonSchema,
  at: z.iso.datetime(),
  ...scopeFields,
});

/** A decision that is older was signed for another moment. */
const DECISION_MS = 10 * 60_000;
const LISTED_MAX = 200;

/** Assessments of losses: what there is, and what people say to it. */
export function breachRoutes(plain: FastifyInstance, control: Control): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const { breaches, options } = control;
  app.get('/v1/breaches', { schema: { querystring: listQuery } }, async ({ query, caller }) => {
    const now = options.clock.now();
    const found = query.all ? await breaches.readNewest(LISTED_MAX) : await breaches.readStanding();
    const tenant = scopeOf(caller);
    const own = tenant === undefined ? found : found.flatMap((each) => partOf(each, tenant) ?? []);
    return { breaches: own.map((each) => breachSummary(each, now)) };
  });
  app.get('/v1/breaches/:id', { schema: { params: idParams } }, async ({ params: { id }, caller }) => {
    const found = await breaches.read(id);
    const tenant = scopeOf(caller);
    const own = tenant === undefined ? found : partOf(found, tenant);
    if (!own) throw unknownAssessment(id);
    return breachView(control, own, tenant);
  });
  app.post('/v1/breaches/:id/words', { schema: { params: idParams, body: wordSchema } }, async ({ params, body }) => {
    const now = options.clock.now();
    const { word, by } = wordOf(control, params.id, body, now);
    const after = await breaches.step(params.id, (assessment) => {
      const step = stepOf(word, assessment, by, now);
      if ('refused' in step) throw new KinError('breach.refused', step.refused);
      return step;
    });
    return breachView(control, after);
  });
}

function wordOf(
  control: Control,
  id: string,
  body: z.output<typeof wordSchema>,
  now: number,
): { readonly word: Word; readonly by: string } {
  switch (body.kind) {
    case 'aware':
      return { word: { kind: 'aware', awareAt: atOf(body.at, now), isReal: body.real }, by: body.by };
    case 'classified':
      return { word: { kind: 'classified' }, by: body.by };
    case 'sent': {
      const { by, at, tenant, notice } = body;
      return { word: { kind: 'sent', scope: { tenant, notice }, sentAt: atOf(at, now) }, by };
    }
    case 'closed':
      return { word: { kind: 'closed', reason: body.reason }, by: body.by };
    case 'decided':
      return decisionOf(control, id, body.envelope, now);
  }
}

/** What counts is what was signed, and who signed it. */
function decisionOf({ world, options }: Control, id: string, envelope: string, now: number) {
  const named = signersOf(world.declared.policy?.spec.signers ?? []);
  const installation = { name: null, publicKey: openEvidenceKey(options.state.secrets).publicKey };
  const { text, signer, key } = openStatement(envelope, DECISION_TYPE, named.length > 0 ? named : [installation]);
  const parsed = decisionSchema.safeParse(jsonOf(text));
  if (!parsed.success) throw new KinError('request.invalid', `the signed decision: ${z.prettifyError(parsed.error)}`);
  const { assessment, choice, by, reason, at, tenant, notice } = parsed.data;
  if (assessment !== id) throw new KinError('breach.refused', `the decision was signed for ${assessment}`);
  if (Math.abs(now - fromIso(at)) > DECISION_MS)
    throw new KinError('breach.refused', `the decision was signed at ${at}, which is not now; sign it again`);
  if (signer !== null && signer !== by)
    throw new KinError('signature.untrusted', `the decision of ${by} is signed by ${signer}`);
  return { word: { kind: 'decided', scope: { tenant, notice }, choice, reason, key, envelope } as const, by };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function atOf(iso: string | undefined, now: number): number {
  return iso === undefined ? now : fromIso(iso);
}
