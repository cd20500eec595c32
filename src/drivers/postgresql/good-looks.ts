import type { SettingChange } from '../../diagnose/fleet-view.ts';
import type { Database } from '../../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../../store/lease.ts';
import { appendSettingChange, promoteSettings, readSettings } from '../../store/setting-store.ts';

const PREFIX = 'postgresql/';

/**
 * What settings of stores were at the last look that was good: kept beside the settings of tenants, so that a restart of
 * control does not take what is wrong for what is right.
 */
export class GoodLooks {
  readonly #database: Database;
  readonly #lease: LeaderLease;
  readonly #kept = new Map<string, string | null>();

  constructor({ database, lease }: { readonly database: Database; readonly lease: LeaderLease }) {
    this.#database = database;
    this.#lease = lease;
  }

  /** Rejects when it cannot be read. */
  async read(): Promise<ReadonlyMap<string, SettingChange>> {
    const rows = await readSettings(this.#database, PREFIX);
    for (const { setting, value } of rows) this.#kept.set(setting, value);
    return new Map(rows.map(({ setting, value, at, by, soakedAt }) => [setting, { value, at, by, soakedAt }]));
  }

  /** Keeps it while this process leads. What is kept already is not kept again. Rejects when it cannot be written. */
  async keep(setting: string, value: string): Promise<void> {
    if (!this.#lease.current() || this.#kept.get(setting) === value) return;
    await fencedTransaction(this.#database, this.#lease, async (tx) => {
      await appendSettingChange(tx, { setting, value, by: 'unknown', key: null });
      await promoteSettings(tx, [setting], 0);
    });
    this.#kept.set(setting, value);
  }
}
