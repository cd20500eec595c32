import { sql } from 'kysely';
import type { JsonObject } from '../base/json.ts';
import type { Mitigation } from '../heal/fleet.ts';
import type { Release } from '../heal/memory.ts';
import type { RecordEvent } from '../heal/record.ts';
import type { DatabaseTransaction } from '../store/database.ts';

/** A limit as it is kept. */
interface Kept {
  readonly id: string;
  readonly kind: string;
  readonly tenant: string | null;
  readonly limits: unknown;
}

/** Why it ended, by the key under which that was done. */
const WHY: Readonly<Record<string, string>> = {
  'let-in': 'its incident is over, and nothing is known to leak',
  ended: 'its time was over',
};

/** The end of what was kept out for an incident: on that incident and in the ledger. Other limits are told by their repair. */
export async function noteRelease(
  tx: DatabaseTransaction,
  { id: limit, kind, tenant, limits }: Kept,
  key: string,
  record: RecordEvent,
): Promise<void> {
  const { incident, workload = null, store = null } = limits as Partial<Mitigation>;
  if (incident === undefined) return;
  const [by = '', how = ''] = key.split(':');
  const why = WHY[how] ?? `${by} took it back`;
  const told = { limit, kind, tenant, workload, store, why } satisfies JsonObject;
  const { rows } = await sql<{ at: string }>`select now() as at`.execute(tx);
  const release: Release = { ...told, at: rows[0]!.at };
  await sql`
    update incident
    set body = jsonb_set(body, '{released}', coalesce(body -> 'released', '[]'::jsonb) || ${JSON.stringify([release])}::jsonb)
    where id = ${incident}`.execute(tx);
  await record(tx, 'incident.released', incident, told, tenant === null ? {} : { tenant });
}

/** What holds the same for the same incident takes the place of what held it before: one word lets go of it. */
export async function replaceOlder(
  tx: DatabaseTransaction,
  { id, kind, tenant, incident, workload = null }: Mitigation,
): Promise<void> {
  await tx
    .deleteFrom('mitigation')
    .where('id', '!=', id)
    .where('kind', '=', kind)
    .where('tenant', 'is not distinct from', tenant)
    .where(sql<boolean>`limits ->> 'incident' = ${incident ?? ''} and limits ->> 'untilLifted' = 'true'`)
    .where(sql<boolean>`limits ->> 'workload' is not distinct from ${workload}`)
    .execute();
}
