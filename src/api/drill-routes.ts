import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { digestOf } from '../base/digest.ts';
import { KinError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import { drillEvidence, openDrill, participantsOf, signDrill } from '../evidence/drill-record.ts';
import { openEvidenceKey } from '../evidence/dsse.ts';
import { fencedTransaction } from '../store/lease.ts';
import type { Control } from './control.ts';
import { dataLostIn } from './drill-losses.ts';

/** Where the signed record stands in what is kept of a drill. */
const SIGNED = 'signedRecord';

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
        result: withoutRecord(result),
      })),
    };
  });
  app.get('/v1/drills/:id', { schema: { params: z.object({ id: z.string().max(100) }) } }, async ({ params }) => {
    const row = await database.kysely.selectFrom('drill').selectAll().where('id', '=', params.id).executeTakeFirst();
    const envelope = (row?.result as JsonObject | null)?.[SIGNED];
    if (typeof envelope !== 'string') {
      const reason = row ? `drill ${params.id} was made before records were signed` : `there is no drill ${params.id}`;
      throw new KinError('resource.unknown', `${reason}; see \`kintsugi drills\``);
    }
    const { publicKey } = openEvidenceKey(options.state.secrets);
    const drill = openDrill(envelope, publicKey);
    return { drill: drill ?? withoutRecord(row?.result), isSigned: drill !== undefined, envelope, publicKey };
  });
  const drillSchema = z.object({
    fault: z.string().max(100),
    target: z.string().max(200),
    by: z.string().min(1).max(200).describe('Who does it; kept in the ledger'),
    with: z.array(z.string().min(1).max(200)).max(50).default([]).describe('Who else took part; kept in the ledger'),
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime(),
    result: z.record(z.string(), z.json()),
  });
  app.post('/v1/drills', { schema: { body: drillSchema } }, async ({ body }) => {
    const id = newId('drl', random);
    const { fault, target, by, startedAt, endedAt } = body;
    // What whoever drilled measured counts; otherwise what the servers say of themselves.
    const dataLostMs = lease.current() ? await dataLostIn(control, startedAt, endedAt) : null;
    const result: JsonObject = { dataLostMs, ...body.result };
    await fencedTransaction(database, lease, async (tx) => {
      const turned = await tx.selectFrom('control_status').selectAll().where('since', '>=', startedAt).execute();
      const evidence = drillEvidence({ id, ...body, result }, turned);
      const signed = signDrill(evidence, openEvidenceKey(options.state.secrets));
      const kept = JSON.stringify({ ...result, [SIGNED]: signed });
      await tx
        .insertInto('drill')
        .values({ id, fault, target, made_by: by, ended_at: endedAt, result: kept })
        .execute();
      const told = { fault, target, startedAt, participants: participantsOf(body), result, record: digestOf(signed) };
      await record(tx, 'drill.ended', id, told, { actor: { kind: 'operator', name: by } });
    });
    return { id, dataLostMs: result.dataLostMs };
  });
}

function withoutRecord(result: unknown): JsonObject {
  const { [SIGNED]: _signed, ...rest } = (result ?? {}) as JsonObject;
  return rest;
}
