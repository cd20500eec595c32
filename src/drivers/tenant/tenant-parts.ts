import type { SettingView } from '../../diagnose/fleet-view.ts';
import type { SettingOrder } from '../../heal/fleet.ts';
import type { MoveContext } from '../../heal/move.ts';
import type { Tenant } from '../../resources/tenant.ts';
import { fencedTransaction } from '../../store/lease.ts';
import { promoteSettings, readSettings, type SettingRow } from '../../store/setting-store.ts';
import type { Parts, PartsView } from '../parts.ts';
import { PublishedFile } from '../published-file.ts';
import { StoredSettings, type StoredSettingsOptions } from '../stored-settings.ts';

const PREFIX = 'tenant/';

export interface TenantPartsOptions extends StoredSettingsOptions {
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
  readonly #stored: StoredSettings;
  readonly #file: PublishedFile;

  constructor(options: TenantPartsOptions) {
    this.#options = options;
    this.#stored = new StoredSettings(options);
    this.#file = new PublishedFile(options.file);
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
    await this.#stored.set(order, context);
    await this.look();
  }

  async unset(order: SettingOrder, context: MoveContext): Promise<void> {
    await this.#stored.unset(order, context);
    await this.look();
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
    this.#file.publish({ tenants });
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
