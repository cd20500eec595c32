import { sql } from 'kysely';
import { fromIso } from '../base/clock.ts';
import type { Database, DatabaseTransaction } from '../store/database.ts';
import type { Harm } from './harm.ts';
import { type Learned, type MoveRecord, recordKey } from './learned-order.ts';
import type { Plan } from './plan.ts';
import type { RecordEvent } from './record.ts';
import type { TrackRecord } from './trust.ts';

export async function noteHarm(
  tx: DatabaseTransaction,
  repair: string,
  harm: Harm,
  record: RecordEvent,
): Promise<void> {
  await tx
    .updateTable('repair')
    .set({ harm: JSON.stringify(harm) })
    .where('id', '=', repair)
    .execute();
  await record(tx, 'repair.measured', repair, { ...harm });
}

/**
 * What harm was done, which drills were held and who was pardoned within the last year, oldest first. A drill counts for
 * the playbook whose repair answered its incident, and passed when that repair healed it.
 */
export async function readTrackRecord(database: Database): Promise<TrackRecord> {
  const [harms, drills, pardons] = await Promise.all([
    sql<{ playbook: string; at: string; failed: number }>`
      select plan.body ->> 'playbook' as playbook, repair.ended_at as at, (repair.harm ->> 'failed')::float8 as failed
      from repair join plan on plan.id = repair.plan_id
      where (repair.harm ->> 'failed')::float8 > 0 and repair.ended_at > now() - interval '1 year'
      order by repair.ended_at`.execute(database.kysely),
    sql<{ playbook: string; at: string; passed: boolean }>`
      select plan.body ->> 'playbook' as playbook, max(drill.ended_at) as at,
             bool_or(repair.outcome = 'healed' and drill.result ->> 'outcome' = 'healed') as passed
      from drill join repair on repair.incident_id = drill.result ->> 'incident' join plan on plan.id = repair.plan_id
      where drill.ended_at > now() - interval '1 year'
      group by drill.id, plan.body ->> 'playbook'
      order by 2`.execute(database.kysely),
    sql<{ playbook: string; at: string }>`select playbook, at from pardon order by at`.execute(database.kysely),
  ]);
  return {
    harms: harms.rows.map((row) => ({ ...row, at: fromIso(row.at) })),
    drills: drills.rows.map((row) => ({ ...row, at: fromIso(row.at) })),
    pardons: pardons.rows.map((row) => ({ ...row, at: fromIso(row.at) })),
  };
}

/** What came of the rungs that were climbed within the last year. */
export async function readLearned(database: Database): Promise<Learned> {
  const rows = await database.kysely
    .selectFrom('repair_journal as entry')
    .innerJoin('repair', 'repair.id', 'entry.repair_id')
    .innerJoin('plan', 'plan.id', 'repair.plan_id')
    .select(['entry.event', 'entry.move_index', 'repair.harm', 'plan.body'])
    .where('entry.event', 'in', ['verified', 'verify-failed', 'apply-failed'])
    .where('repair.ended_at', '>', sql<string>`now() - interval '1 year'`)
    .orderBy('repair.ended_at', 'desc')
    .limit(5_000)
    .execute();
  return learnedFrom(
    rows.map(({ event, move_index: moveIndex, harm, body }) => {
      const failed = (harm as { failed?: number } | null)?.failed ?? 0;
      return { plan: body as unknown as Plan, moveIndex, isGood: event === 'verified', failed };
    }),
  );
}

/** Counts rungs by cause and by their first move; the harm of a repair counts against each rung that it climbed. */
export function learnedFrom(
  rungs: readonly {
    readonly plan: Plan;
    readonly moveIndex: number;
    readonly isGood: boolean;
    readonly failed: number;
  }[],
): Learned {
  const learned: Record<string, MoveRecord> = {};
  for (const { plan, moveIndex, isGood, failed } of rungs) {
    const rung = plan.steps[moveIndex]?.rung;
    const move = plan.steps.find((step) => step.rung === rung)?.move;
    if (!move) continue;
    const key = recordKey(plan.cause, move);
    const known = learned[key] ?? { tried: 0, healed: 0, harm: 0 };
    learned[key] = { tried: known.tried + 1, healed: known.healed + (isGood ? 1 : 0), harm: known.harm + failed };
  }
  return learned;
}

/** Lets a playbook run alone again after its harm took that away. */
export async function pardon(
  tx: DatabaseTransaction,
  playbook: string,
  by: string,
  reason: string,
  record: RecordEvent,
): Promise<void> {
  await tx.insertInto('pardon').values({ playbook, made_by: by, reason }).execute();
  await record(tx, 'trust.pardoned', playbook, { reason }, { actor: { kind: 'operator', name: by } });
}
