import { statSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { readJsonFile } from '../../base/durable-file.ts';
import { KinError } from '../../base/errors.ts';
import type { SettingChange, SettingView } from '../../diagnose/fleet-view.ts';
import { type Snapshot, snapshotSchema } from '../../gateway/snapshot.ts';
import type { SettingOrder } from '../../heal/fleet.ts';
import { NO_PARTS, type Parts, type PartsView } from '../parts.ts';
import type { World } from '../world.ts';

const PREFIX = 'route/';
const HISTORY_MAX = 20;

export interface RoutePartsOptions {
  readonly world: World;
  /** The routing as gateways read it. */
  readonly snapshotFile: string;
  /** Writes the routing again as it is declared, whatever is in the file. */
  readonly publish: () => void;
  readonly clock: Clock;
}

/**
 * In which regions the gateways may serve each tenant, by the routing that they read. It is declared by the tenant; what
 * another hand writes into the file leads a tenant elsewhere. A setting for each tenant that was ever led astray: its
 * value are regions, in the order of the alphabet. Going back writes the whole routing as it is declared.
 */
export class RouteParts implements Parts {
  readonly name = 'routes';
  readonly #options: RoutePartsOptions;
  readonly #known = new Map<string, readonly SettingChange[]>();
  #read: { readonly mark: string; readonly snapshot: Snapshot } | undefined;

  constructor(options: RoutePartsOptions) {
    this.#options = options;
  }

  owns(id: string): boolean {
    return id.startsWith(PREFIX);
  }

  /** A file that cannot be read says nothing: gateways keep what they have. */
  async look(): Promise<PartsView> {
    const snapshot = this.#snapshot();
    if (!snapshot) return NO_PARTS;
    const { tenants } = this.#options.world.declared;
    const settings = tenants.flatMap(({ metadata, spec }) =>
      this.#follow(metadata.name, regionsText(spec.regions), this.#leadsTo(metadata.name, snapshot)),
    );
    return { ...NO_PARTS, settings };
  }

  /** Only to what is declared: where a tenant may be served, its manifest says. */
  async set({ setting, value }: SettingOrder): Promise<void> {
    const tenant = setting.slice(PREFIX.length);
    const declared = this.#options.world.declared.tenants.find(({ metadata }) => metadata.name === tenant);
    if (!declared || regionsText(declared.spec.regions) !== value) {
      throw new KinError('resource.conflict', `${setting} is declared otherwise by now`);
    }
    this.#options.publish();
    const { clock } = this.#options;
    const before = this.#known.get(tenant) ?? [];
    this.#known.set(tenant, [...before, { value, at: clock.now(), by: 'kintsugi routes', soakedAt: null }]);
  }

  /** What leads a tenant to where it may not be is never written again. */
  async unset(): Promise<void> {
    return undefined;
  }

  #snapshot(): Snapshot | undefined {
    const { snapshotFile } = this.#options;
    const stat = statSync(snapshotFile, { throwIfNoEntry: false });
    if (!stat) return undefined;
    const mark = `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
    if (this.#read?.mark === mark) return this.#read.snapshot;
    try {
      const snapshot = snapshotSchema.parse(readJsonFile(snapshotFile));
      this.#read = { mark, snapshot };
      return snapshot;
    } catch {
      return undefined;
    }
  }

  /** The regions that the routing names, and those in which the instances stand that it takes to be there. */
  #leadsTo(tenant: string, { tenants, instances }: Snapshot): string {
    const named = tenants.find(({ name }) => name === tenant)?.regions ?? [];
    const stands = new Map(this.#options.world.instances().map(({ id, region }) => [id, region]));
    const led = instances.filter(({ region }) => named.includes(region)).flatMap(({ id }) => stands.get(id) ?? []);
    return regionsText([...named, ...led]);
  }

  /** Nothing for a tenant that never left what is declared: ten thousand need no setting each. */
  #follow(tenant: string, declared: string, value: string): readonly SettingView[] {
    const known = this.#known.get(tenant);
    if (known === undefined && value === declared) return [];
    const history = [...(known ?? [{ value: declared, at: 0, by: 'manifest', soakedAt: 0 }])];
    if (history.at(-1)?.value !== value) {
      history.push({ value, at: this.#options.clock.now(), by: 'unknown', soakedAt: null });
    }
    this.#known.set(tenant, history.slice(-HISTORY_MAX));
    const place = { workloads: [], tenant, needsRestart: false };
    const id = `${PREFIX}${tenant}`;
    return [{ id, kind: 'route', ...place, revision: history.length, value, declared, history }];
  }
}

function regionsText(regions: readonly string[]): string {
  return [...new Set(regions)].toSorted().join(' ');
}
