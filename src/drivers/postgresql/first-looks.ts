import type { Pool } from 'pg';
import type { Database } from '../../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../../store/lease.ts';
import { appendSettingChange, readSettings } from '../../store/setting-store.ts';

const PREFIX = 'first-look/';

/** What was there when something was looked at, by its name; null is what was known and absent. */
export interface FirstLook {
  readonly at: number;
  readonly values: Readonly<Record<string, string | null>>;
}

/**
 * How people set things up that no manifest tells of, beyond the life of one control: what came while none ran is not taken
 * for what had always been there.
 */
export class FirstLooks {
  readonly #database: Database;
  readonly #lease: LeaderLease;
  #kept: Map<string, FirstLook> | undefined;

  constructor({ database, lease }: { readonly database: Database; readonly lease: LeaderLease }) {
    this.#database = database;
    this.#lease = lease;
  }

  /** Undefined where nobody looked yet. Rejects when that cannot be told: then nothing was looked at. */
  async read(of: string): Promise<FirstLook | undefined> {
    this.#kept ??= new Map(
      (await readSettings(this.#database, PREFIX)).map(({ setting, value, at }) => [
        setting.slice(PREFIX.length),
        { at, values: JSON.parse(value ?? '{}') },
      ]),
    );
    return this.#kept.get(of);
  }

  /** Keeps it while this process leads; what is kept already is not kept again. Rejects when it cannot be written. */
  async keep(of: string, look: FirstLook): Promise<void> {
    const value = JSON.stringify(look.values);
    const before = await this.read(of);
    if (!this.#lease.current() || (before && JSON.stringify(before.values) === value)) return;
    const change = { setting: `${PREFIX}${of}`, value, by: 'unknown', key: null };
    await fencedTransaction(this.#database, this.#lease, (tx) => appendSettingChange(tx, change));
    this.#kept?.set(of, look);
  }
}

/** Tells a server from one that took its place with other data. Empty where its administrator may not ask. */
export async function clusterOf(pool: Pool): Promise<string> {
  const read = 'select system_identifier::text as id from pg_control_system()';
  return pool.query<{ id: string }>(read).then(
    ({ rows }) => rows[0]?.id ?? '',
    () => '',
  );
}
