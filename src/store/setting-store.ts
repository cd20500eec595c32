import { sql } from 'kysely';
import { fromIso } from '../base/clock.ts';
import type { Database, DatabaseTransaction } from './database.ts';

/** One value that a setting had. */
export interface SettingRow {
  readonly setting: string;
  readonly revision: number;
  readonly value: string | null;
  readonly at: number;
  readonly by: string;
  readonly soakedAt: number | null;
  readonly writeKey: string | null;
}

/** Values kept for each setting: enough to find a good one behind several bad ones. */
const KEPT = 20;

/** The last values of every setting whose id begins with `prefix`, oldest first. */
export async function readSettings(database: Pick<Database, 'kysely'>, prefix: string): Promise<readonly SettingRow[]> {
  const rows = await database.kysely
    .selectFrom('setting_change as change')
    .selectAll()
    .where(sql<boolean>`starts_with(setting, ${prefix})`)
    .where(
      'revision',
      '>',
      sql<number>`(select max(revision) from setting_change newest where newest.setting = change.setting) - ${KEPT}`,
    )
    .orderBy('setting')
    .orderBy('revision')
    .execute();
  return rows.map((row) => ({
    setting: row.setting,
    revision: row.revision,
    value: row.value,
    at: fromIso(row.at),
    by: row.made_by,
    soakedAt: row.soaked_at === null ? null : fromIso(row.soaked_at),
    writeKey: row.write_key,
  }));
}

/** Locks the setting and gives its last value; undefined when it never had one. */
export async function lockSetting(tx: DatabaseTransaction, setting: string) {
  await sql`select pg_advisory_xact_lock(hashtextextended(${setting}, 0))`.execute(tx);
  return tx
    .selectFrom('setting_change')
    .select(['revision', 'value', 'write_key'])
    .where('setting', '=', setting)
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst();
}

export async function appendSettingChange(
  tx: DatabaseTransaction,
  change: { readonly setting: string; readonly value: string | null; readonly by: string; readonly key: string | null },
): Promise<void> {
  const last = await lockSetting(tx, change.setting);
  await tx
    .insertInto('setting_change')
    .values({
      setting: change.setting,
      revision: (last?.revision ?? 0) + 1,
      value: change.value,
      made_by: change.by,
      write_key: change.key,
    })
    .execute();
}

/** Trusts the present values of these settings that have served for `soakMs`. */
export async function promoteSettings(
  tx: DatabaseTransaction,
  settings: readonly string[],
  soakMs: number,
): Promise<void> {
  if (settings.length === 0) return;
  await tx
    .updateTable('setting_change as change')
    .set({ soaked_at: sql<string>`now()` })
    .where('setting', 'in', [...settings])
    .where('soaked_at', 'is', null)
    .where('at', '<=', sql<string>`now() - ${soakMs} * interval '1 millisecond'`)
    .where(
      'revision',
      '=',
      sql<number>`(select max(revision) from setting_change newest where newest.setting = change.setting)`,
    )
    .execute();
}
