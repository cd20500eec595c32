import { sql } from 'kysely';
import { fromIso, toIso } from '../base/clock.ts';
import type { JsonObject } from '../base/json.ts';
import type { Database, DatabaseTransaction } from '../store/database.ts';
import type { LeaderLease } from '../store/lease.ts';
import { fencedTransaction } from '../store/lease.ts';
import type { RepairStore } from './executor.ts';
import { closeIncident } from './incident-store.ts';
import type { JournalEntry, JournalEvent } from './journal.ts';
import type { OpenRepair } from './memory.ts';
import type { Outcome, Plan } from './plan.ts';
import { planHash } from './plan-hash.ts';
import type { RecordEvent } from './record.ts';
import { pastRepair } from './past-repair.ts';
import type { PastRepair } from './situation.ts';

export function createRepairStore(options: {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
}): RepairStore {
  const { database, lease, record } = options;
  return {
    append: (repair, plan, entry) =>
      fencedTransaction(database, lease, (tx, epoch) => appendEntry(tx, repair, plan, entry, epoch, record)),
    read: (repair) => readJournal(database, repair),
    end: (repair, plan, outcome, reason) =>
      fencedTransaction(database, lease, async (tx, epoch) => {
        await appendEntry(tx, repair, plan, { moveIndex: 0, event: 'ended', data: { outcome, reason } }, epoch, record);
        await tx
          .updateTable('repair')
          .set({ outcome, reason, ended_at: sql<string>`now()` })
          .where('id', '=', repair)
          .execute();
        if (outcome === 'healed') await closeIncident(tx, plan.incident, outcome, record);
        else await tx.updateTable('incident').set({ outcome }).where('id', '=', plan.incident).execute();
      }),
  };
}

async function appendEntry(
  tx: DatabaseTransaction,
  repair: string,
  plan: Plan,
  entry: Omit<JournalEntry, 'seq' | 'at'>,
  epoch: number,
  record: RecordEvent,
): Promise<JournalEntry> {
  // One after the other: what a person says may arrive while the executor writes.
  await tx.selectFrom('repair').select('id').where('id', '=', repair).forUpdate().execute();
  const last = await tx
    .selectFrom('repair_journal')
    .select(({ fn }) => fn.max('seq').as('seq'))
    .where('repair_id', '=', repair)
    .executeTakeFirst();
  const seq = (last?.seq ?? 0) + 1;
  const { event, moveIndex, data } = entry;
  const { at } = await tx
    .insertInto('repair_journal')
    .values({ repair_id: repair, seq, epoch, move_index: moveIndex, event, data: JSON.stringify(data) })
    .returning('at')
    .executeTakeFirstOrThrow();
  if (event === 'approved') {
    const by = String(data['by']);
    await tx
      .updateTable('plan')
      .set({ approved_by: sql<string>`concat_ws(', ', approved_by, ${by}::text)`, approved_at: sql<string>`now()` })
      .where('id', '=', plan.id)
      .execute();
  }
  await record(tx, `repair.${event}`, repair, { incident: plan.incident, step: moveIndex, ...data });
  return { seq, at, ...entry };
}

export async function readJournal(database: Database, repair: string): Promise<readonly JournalEntry[]> {
  const rows = await database.kysely
    .selectFrom('repair_journal')
    .selectAll()
    .where('repair_id', '=', repair)
    .orderBy('seq')
    .execute();
  return rows.map((row) => ({
    seq: row.seq,
    at: row.at,
    moveIndex: row.move_index,
    event: row.event as JournalEvent,
    data: row.data as JsonObject,
  }));
}

/** Keeps plan and repair, takes the target and a token of each budget: all or nothing. */
export async function openRepair(
  tx: DatabaseTransaction,
  repair: string,
  plan: Plan,
  epoch: number,
  record: RecordEvent,
): Promise<void> {
  const hash = planHash(plan);
  await tx
    .insertInto('plan')
    .values({
      id: plan.id,
      incident_id: plan.incident,
      hash,
      body: JSON.stringify(plan),
      expires_at: toIso(plan.expiresAt),
    })
    .execute();
  await tx
    .insertInto('repair')
    .values({ id: repair, plan_id: plan.id, incident_id: plan.incident, target: plan.target, subject: plan.target })
    .execute();
  await record(tx, 'plan.made', plan.id, {
    incident: plan.incident,
    hash,
    cause: plan.cause,
    target: plan.target,
    needsApproval: plan.needsApproval,
    steps: plan.steps.map(({ move, effect, touch }) => ({ move, effect, ...touch })),
    verdicts: plan.verdicts.map(({ guard, kind, reason }) => ({ guard, kind, reason })),
  });
  await appendEntry(tx, repair, plan, { moveIndex: 0, event: 'opened', data: { plan: plan.id } }, epoch, record);
}

export async function readOpenRepairs(database: Database): Promise<readonly OpenRepair[]> {
  const rows = await database.kysely
    .selectFrom('repair')
    .innerJoin('plan', 'plan.id', 'repair.plan_id')
    .select(['repair.id', 'plan.body'])
    .where('repair.ended_at', 'is', null)
    .execute();
  return rows.map((row) => ({ id: row.id, plan: row.body as unknown as Plan }));
}

/** Repairs of the last hour, newest first: what guards look at. */
export async function readPastRepairs(database: Database): Promise<readonly PastRepair[]> {
  const rows = await database.kysely
    .selectFrom('repair')
    .innerJoin('plan', 'plan.id', 'repair.plan_id')
    .select(['repair.id', 'repair.started_at', 'repair.ended_at', 'repair.outcome', 'plan.body'])
    .where((eb) =>
      eb.or([eb('repair.ended_at', 'is', null), eb('repair.started_at', '>', sql<string>`now() - interval '1 hour'`)]),
    )
    .orderBy('repair.started_at', 'desc')
    .limit(500)
    .execute();
  return rows.map((row) => toPastRepair(row, row.body as unknown as Plan));
}

function toPastRepair(
  row: { id: string; started_at: string; ended_at: string | null; outcome: string | null },
  plan: Plan,
): PastRepair {
  return pastRepair(plan, {
    id: row.id,
    startedAt: fromIso(row.started_at),
    endedAt: row.ended_at === null ? null : fromIso(row.ended_at),
    outcome: row.outcome as Outcome | null,
  });
}
