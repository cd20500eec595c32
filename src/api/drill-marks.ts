import { fromIso, toIso } from '../base/clock.ts';
import type { JsonObject } from '../base/json.ts';
import type { DrillMark } from '../comply/breach/turns.ts';
import { readIncident } from '../heal/incident-store.ts';
import type { Database } from '../store/database.ts';

/** Drills that ended after `at` (ms since 1970), each with what its incident was about. */
export async function drillMarks(database: Database, at: number): Promise<readonly DrillMark[]> {
  const rows = await database.kysely
    .selectFrom('drill')
    .selectAll()
    .where('ended_at', '>=', toIso(at))
    .orderBy('ended_at')
    .limit(100)
    .execute();
  return Promise.all(rows.map((row) => markOf(database, row)));
}

type Row = {
  readonly id: string;
  readonly target: string;
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly result: unknown;
};

async function markOf(database: Database, { id, target, started_at, ended_at, result }: Row): Promise<DrillMark> {
  const told = (result ?? {}) as JsonObject;
  const incident = typeof told['incident'] === 'string' ? told['incident'] : null;
  const found = incident === null ? undefined : await readIncident(database, incident);
  return {
    id,
    // The row is written when the drill is over; what it says of its beginning is in its result.
    startedAt: fromIso(typeof told['startedAt'] === 'string' ? told['startedAt'] : started_at),
    endedAt: fromIso(ended_at ?? started_at),
    incident,
    about: [target, ...(found ? [found.body.diagnosis.subject.name] : [])],
    reasons: Array.isArray(told['controls']) ? (told['controls'] as readonly JsonObject[]).map(reasonIn) : [],
  };
}

function reasonIn({ reason }: JsonObject): string {
  return typeof reason === 'string' ? reason : '';
}
