import { KinError } from '../base/errors.ts';
import type { SettingOrder } from '../heal/fleet.ts';
import type { MoveContext } from '../heal/move.ts';
import type { RecordEvent } from '../heal/record.ts';
import type { Database, DatabaseTransaction } from '../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../store/lease.ts';
import { appendSettingChange, lockSetting } from '../store/setting-store.ts';

export interface StoredSettingsOptions {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
}

/** Settings whose every value is a row: a write is known again by its key, and one that somebody wrote over is no more ours. */
export class StoredSettings {
  readonly #options: StoredSettingsOptions;

  constructor(options: StoredSettingsOptions) {
    this.#options = options;
  }

  /** Rejects with `resource.conflict` when it was written by another since it was decided on. */
  async set(order: SettingOrder, context: MoveContext): Promise<void> {
    await this.#write(async (tx) => {
      const last = await lockSetting(tx, order.setting);
      if (last?.write_key === order.key) return;
      if ((last?.revision ?? 0) !== order.expectedRevision) {
        throw new KinError('resource.conflict', `${order.setting} was written by another meanwhile`);
      }
      await this.#change(tx, order.setting, order.value, order.key, context);
    });
  }

  async unset(order: SettingOrder, context: MoveContext): Promise<void> {
    await this.#write(async (tx) => {
      const last = await lockSetting(tx, order.setting);
      if (last?.write_key !== order.key) return;
      await this.#change(tx, order.setting, order.oldValue, `${order.key}:undone`, context);
    });
  }

  async #write(run: (tx: DatabaseTransaction) => Promise<void>): Promise<void> {
    const { database, lease } = this.#options;
    await fencedTransaction(database, lease, run);
  }

  async #change(
    tx: DatabaseTransaction,
    setting: string,
    value: string | null,
    key: string,
    context: MoveContext,
  ): Promise<void> {
    const [repair = ''] = context.key.split(':');
    await appendSettingChange(tx, { setting, value, by: `kintsugi ${repair}`, key });
    // The value may be anything, so it is not put on record: who and which key is enough to find it.
    await this.#options.record(tx, 'resource.setting-written', setting, { key });
  }
}
