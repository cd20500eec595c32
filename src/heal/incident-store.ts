import { sql } from 'kysely';
import { newId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import type { Random } from '../base/random.ts';
import type { Symptom } from '../detect/symptom.ts';
import { clausesIn } from '../diagnose/clauses.ts';
import { type Diagnosis, symptomCounts } from '../diagnose/diagnosis.ts';
import type { Database, DatabaseTransaction } from '../store/database.ts';
import type { Incident, IncidentBody } from './memory.ts';
import type { RecordEvent } from './record.ts';

interface Row {
  readonly id: string;
  readonly key: string;
  readonly state: string;
  readonly outcome: string | null;
  readonly opened_at: string;
  readonly closed_at: string | null;
  readonly body: unknown;
}

function toIncident(row: Row): Incident {
  return {
    id: row.id,
    key: row.key,
    state: row.state as Incident['state'],
    outcome: row.outcome,
    openedAt: row.opened_at,
    closedAt: row.closed_at,
    body: row.body as IncidentBody,
  };
}

export async function readOpenIncidents(database: Pick<Database, 'kysely'>): Promise<readonly Incident[]> {
  const rows = await database.kysely.selectFrom('incident').selectAll().where('state', '=', 'open').execute();
  return rows.map(toIncident);
}

export async function readIncidents(database: Pick<Database, 'kysely'>, limit: number): Promise<readonly Incident[]> {
  const rows = await database.kysely
    .selectFrom('incident')
    .selectAll()
    .orderBy('opened_at', 'desc')
    .limit(limit)
    .execute();
  return rows.map(toIncident);
}

export async function readIncident(database: Pick<Database, 'kysely'>, id: string): Promise<Incident | undefined> {
  const row = await database.kysely.selectFrom('incident').selectAll().where('id', '=', id).executeTakeFirst();
  return row && toIncident(row);
}

/** An entry of the ledger has a limited size; all of the evidence is in the incident itself. */
const EXAMPLES_RECORDED = 20;
const TEXT_RECORDED_MAX = 500;
const VANTAGES_RECORDED = 10;

function inRecord({ name, reason, vantages }: Symptom) {
  return { name, reason: reason.slice(0, TEXT_RECORDED_MAX), vantages: vantages.slice(0, VANTAGES_RECORDED) };
}

/** The clauses that it violates, for the tenants for whom it does; nothing where no control is violated. */
function violatedIn({ evidence }: Diagnosis): JsonObject {
  const clauses = clausesIn(evidence).map(({ framework, control, clause, tenants, tenantsTotal }) => {
    return { framework, control, clause, tenants, tenantsTotal };
  });
  return clauses.length === 0 ? {} : { violates: clauses.slice(0, EXAMPLES_RECORDED) };
}

/** Opens an incident, or answers with the one that is open under the same key. */
export async function openIncident(
  tx: DatabaseTransaction,
  diagnosis: Diagnosis,
  detectedAt: string,
  random: Random,
  record: RecordEvent,
  belongsTo?: string,
): Promise<Incident> {
  const belongs = belongsTo === undefined ? {} : { belongsTo };
  const body: IncidentBody = { diagnosis, detectedAt, refusal: null, ...belongs };
  const inserted = await tx
    .insertInto('incident')
    .values({ id: newId('inc', random), key: diagnosis.key, state: 'open', body: JSON.stringify(body) })
    .onConflict((conflict) => conflict.column('key').where('state', '=', 'open').doNothing())
    .returningAll()
    .executeTakeFirst();
  if (inserted) {
    await record(tx, 'incident.opened', inserted.id, {
      detectedAt,
      cause: diagnosis.cause,
      subject: `${diagnosis.subject.kind} ${diagnosis.subject.name}`,
      summary: diagnosis.summary,
      ...belongs,
      symptoms: symptomCounts(diagnosis),
      evidence: diagnosis.evidence.slice(0, EXAMPLES_RECORDED).map(inRecord),
      ...violatedIn(diagnosis),
    });
    return toIncident(inserted);
  }
  const open = await tx
    .selectFrom('incident')
    .selectAll()
    .where('key', '=', diagnosis.key)
    .where('state', '=', 'open')
    .executeTakeFirstOrThrow();
  return toIncident(open);
}

/** Keeps a better explanation of the same trouble, under its own key. */
export async function rediagnoseIncident(
  tx: DatabaseTransaction,
  incident: Incident,
  diagnosis: Diagnosis,
  record: RecordEvent,
): Promise<Incident> {
  const body: IncidentBody = { ...incident.body, diagnosis, refusal: null };
  const row = await tx
    .updateTable('incident')
    .set({ key: diagnosis.key, outcome: null, body: JSON.stringify(body) })
    .where('id', '=', incident.id)
    .returningAll()
    .executeTakeFirstOrThrow();
  const { cause, subject, summary } = diagnosis;
  const said = { cause, subject: `${subject.kind} ${subject.name}`, summary };
  await record(tx, 'incident.rediagnosed', incident.id, { ...said, ...violatedIn(diagnosis) });
  return toIncident(row);
}

/** Keeps more evidence of the same cause. What came of the incident so far stands. */
export async function widenIncident(
  tx: DatabaseTransaction,
  incident: Incident,
  diagnosis: Diagnosis,
  record: RecordEvent,
): Promise<Incident> {
  const row = await tx
    .updateTable('incident')
    .set({ body: JSON.stringify({ ...incident.body, diagnosis }) })
    .where('id', '=', incident.id)
    .returningAll()
    .executeTakeFirstOrThrow();
  const { summary } = diagnosis;
  await record(tx, 'incident.widened', incident.id, { summary, ...violatedIn(diagnosis) });
  return toIncident(row);
}

/** Notes why nothing is done. The same reasons again are not a new refusal. */
export async function refuseIncident(
  tx: DatabaseTransaction,
  incident: Incident,
  refusal: JsonObject,
  record: RecordEvent,
): Promise<void> {
  const body: IncidentBody = { ...incident.body, refusal };
  await tx
    .updateTable('incident')
    .set({ body: JSON.stringify(body) })
    .where('id', '=', incident.id)
    .execute();
  const tenants = Array.isArray(refusal['tenants']) ? refusal['tenants'].map(String) : [];
  await record(tx, 'repair.refused', incident.id, refusal, tenants.length === 1 ? { tenant: tenants[0]! } : {});
}

export async function closeIncident(
  tx: DatabaseTransaction,
  id: string,
  outcome: string,
  record: RecordEvent,
): Promise<void> {
  const closed = await tx
    .updateTable('incident')
    .set({
      state: 'closed',
      // A person was called, or nothing was done: that stays what was done, though it is over now.
      outcome: outcome === 'healed' ? outcome : sql<string>`coalesce(outcome, ${outcome})`,
      closed_at: sql<string>`now()`,
    })
    .where('id', '=', id)
    .where('state', '=', 'open')
    .returning('id')
    .execute();
  if (closed.length > 0) await record(tx, 'incident.closed', id, { outcome });
}
