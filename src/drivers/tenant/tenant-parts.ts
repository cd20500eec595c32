import { writeDurably } from '../../base/durable-file.ts';
import { KinError } from '../../base/errors.ts';
import { canonicalJson } from '../../base/json.ts';
import type { SettingView } from '../../diagnose/fleet-view.ts';
import type { AssetOrder, SettingOrder } from '../../heal/fleet.ts';
import type { MoveContext } from '../../heal/move.ts';
import type { RecordEvent } from '../../heal/record.ts';
import type { Tenant } from '../../resources/tenant.ts';
import type { Database, DatabaseTransaction } from '../../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../../store/lease.ts';
import {
  appendSettingChange,
  lockSetting,
  promoteSettings,
  readSettings,
  type SettingRow,
} from '../../store/setting-store.ts';
import { notOf, type Parts, type PartsView } from '../parts.ts';

const PREFIX = 'tenant/';

export interface TenantPartsOptions {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
  /** Where the configuration in force is published for workloads, as one JSON file. */
  readonly file: string;
  readonly tenants: () => readonly Tenant[];
  /** Whether an incident is open that concerns the tenant: nothing of it is trusted for so long. */
  readonly isTroubled: (tenant: string) => boolean;
}

/**
 * The configuration of tenants, key by key, with every value that each ever had. What is in force is the last value; it
 * counts as good once it has served for the tenant's soak without an incident.
 */
export class TenantParts implements Parts {
  readonly name = 'tenant';
  readonly #options: TenantPartsOptions;
  #published = '';

  constructor(options: TenantPartsOptions) {
    this.#options = options;
  }

  owns(id: string): boolean {
    return id.startsWith(PREFIX);
  }

  async look(): Promise<PartsView> {
    const { database, lease } = this.#options;
    const rows = await readSettings(database, PREFIX);
    const bySetting = Map.groupBy(rows, ({ setting }) => setting);
    if (lease.current()) {
      await this.#promote(bySetting);
      this.#publish(bySetting);
    }
    return {
      settings: [...bySetting.values()].map(viewOf),
      assets: [],
      actors: [],
      samples: [],
    };
  }

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

  async act({ asset }: AssetOrder): Promise<never> {
    return notOf(this.name, asset);
  }

  async unact({ asset }: AssetOrder): Promise<void> {
    notOf(this.name, asset);
  }

  async close(): Promise<void> {
    return undefined;
  }

  async #write(run: (tx: DatabaseTransaction) => Promise<void>): Promise<void> {
    const { database, lease } = this.#options;
    await fencedTransaction(database, lease, run);
    await this.look();
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

  async #promote(bySetting: ReadonlyMap<string, readonly SettingRow[]>): Promise<void> {
    const { tenants, isTroubled, database, lease } = this.#options;
    for (const { metadata, spec } of tenants()) {
      if (isTroubled(metadata.name)) continue;
      const waiting = [...bySetting].flatMap(([setting, changes]) =>
        tenantOf(setting) === metadata.name && changes.at(-1)?.soakedAt === null ? [setting] : [],
      );
      if (waiting.length === 0) continue;
      await fencedTransaction(database, lease, (tx) => promoteSettings(tx, waiting, spec.configSoakMs));
    }
  }

  #publish(bySetting: ReadonlyMap<string, readonly SettingRow[]>): void {
    const tenants: Record<string, Record<string, string>> = {};
    for (const { metadata } of this.#options.tenants()) tenants[metadata.name] = {};
    for (const [setting, changes] of bySetting) {
      const value = changes.at(-1)?.value;
      const own = tenants[tenantOf(setting)];
      if (own && value !== undefined && value !== null) own[setting.split('/')[2] ?? ''] = value;
    }
    const text = `${canonicalJson({ tenants })}\n`;
    if (text === this.#published) return;
    writeDurably(this.#options.file, text);
    this.#published = text;
  }
}

function tenantOf(setting: string): string {
  return setting.split('/')[1] ?? '';
}

function viewOf(changes: readonly SettingRow[]): SettingView {
  const last = changes.at(-1)!;
  return {
    id: last.setting,
    kind: 'config',
    workloads: [],
    tenant: tenantOf(last.setting),
    revision: last.revision,
    value: last.value,
    // The manifest is where a bad value comes from: it says nothing for or against one beyond its history.
    declared: undefined,
    needsRestart: false,
    // The first value ever came with the tenant: it changed nothing, and there is nothing to go back to.
    history: last.revision === 1 ? [] : changes.map(({ value, at, by, soakedAt }) => ({ value, at, by, soakedAt })),
  };
}
