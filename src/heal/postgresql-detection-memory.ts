import { sql } from 'kysely';
import { fromIso } from '../base/clock.ts';
import type { Database } from '../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../store/lease.ts';
import type { DetectionMemory } from './detection-memory.ts';

/** What detectors know, in PostgreSQL. `shape` is of the detectors that write and read, which may differ within one version of Kintsugi. */
export function createPostgresqlDetectionMemory(options: {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly shape: string;
}): DetectionMemory {
  const { database, lease, shape } = options;
  return {
    async read() {
      const rows = await database.kysely
        .selectFrom('detection_state')
        .select(['detector', 'part', 'heard_until', 'state'])
        .where('shape', '=', shape)
        .execute();
      return rows.map(({ detector, part, heard_until, state }) => ({ detector, part, heardUntil: heard_until, state }));
    },
    async write(parts) {
      if (parts.length === 0) return;
      const rows = parts.map(({ detector, part, heardUntil, state }) => ({
        detector,
        part,
        shape,
        heard_until: heardUntil,
        state,
      }));
      await fencedTransaction(database, lease, (tx) =>
        tx
          .insertInto('detection_state')
          .values(rows)
          .onConflict((conflict) =>
            conflict.columns(['detector', 'part']).doUpdateSet((row) => ({
              shape: row.ref('excluded.shape'),
              heard_until: row.ref('excluded.heard_until'),
              state: row.ref('excluded.state'),
              written_at: sql<string>`now()`,
            })),
          )
          .execute(),
      );
    },
    async beginRound() {
      const row = await sql<{ now: string }>`select now() as now`.execute(database.kysely);
      return fromIso(row.rows[0]!.now);
    },
    async forgetBefore(round) {
      await fencedTransaction(database, lease, (tx) =>
        tx
          .deleteFrom('detection_state')
          .where('written_at', '<', sql<string>`to_timestamp(${round / 1_000})`)
          .execute(),
      );
    },
  };
}
