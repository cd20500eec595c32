import type { SettingFloor, SettingView } from '../../diagnose/fleet-view.ts';
import type { SettingOrder } from '../../heal/fleet.ts';
import type { MoveContext } from '../../heal/move.ts';
import { WORSE } from '../../observe/facts/session-facts.ts';
import type { FactName } from '../../resources/fact-kinds.ts';
import { LIMIT_FACTS } from '../../resources/session-trial.ts';
import type { Workload } from '../../resources/workload.ts';
import { readSettings, type SettingRow } from '../../store/setting-store.ts';
import { NO_PARTS, type Parts, type PartsView } from '../parts.ts';
import { PublishedFile } from '../published-file.ts';
import { StoredSettings, type StoredSettingsOptions } from '../stored-settings.ts';

const PREFIX = 'limit/';

export interface LimitPartsOptions extends StoredSettingsOptions {
  /** Where limits are published for workloads, as one JSON file. */
  readonly file: string;
  readonly workloads: () => readonly { readonly name: string; readonly spec: Pick<Workload['spec'], 'sessionTrial'> }[];
  readonly tenants: () => readonly string[];
  /** The numbers that the law of a tenant names for a fact. */
  readonly demanded: (tenant: string, fact: FactName) => readonly number[];
}

/**
 * Limits of sessions and passwords that a workload takes from Kintsugi over its own (`sessionTrial.limits`): it goes by
 * whichever is stricter. Nothing is set until it was measured that a workload of itself is beyond the law of its tenants.
 */
export class LimitParts implements Parts {
  readonly name = 'limits';
  readonly #options: LimitPartsOptions;
  readonly #stored: StoredSettings;
  readonly #file: PublishedFile;

  constructor(options: LimitPartsOptions) {
    this.#options = options;
    this.#stored = new StoredSettings(options);
    this.#file = new PublishedFile(options.file);
  }

  owns(id: string): boolean {
    return id.startsWith(PREFIX);
  }

  async look(): Promise<PartsView> {
    const { database, lease, workloads } = this.#options;
    const bySetting = Map.groupBy(await readSettings(database, PREFIX), ({ setting }) => setting);
    if (lease.current()) this.#publish(bySetting);
    const settings = workloads().flatMap(({ name, spec }) =>
      Object.entries(spec.sessionTrial?.limits ?? {}).flatMap(([limit, key]): readonly SettingView[] => {
        const floor = this.#floorOf(LIMIT_FACTS[limit as keyof typeof LIMIT_FACTS]);
        const id = `${PREFIX}${name}/${key}`;
        return floor ? [viewOf(id, name, bySetting.get(id) ?? [], floor)] : [];
      }),
    );
    return { ...NO_PARTS, settings };
  }

  async set(order: SettingOrder, context: MoveContext): Promise<void> {
    await this.#stored.set(order, context);
    await this.look();
  }

  async unset(order: SettingOrder, context: MoveContext): Promise<void> {
    await this.#stored.unset(order, context);
    await this.look();
  }

  /** The strictest number of all tenants: instances serve them all. Undefined where nobody's law names one. */
  #floorOf(fact: keyof typeof WORSE): SettingFloor | undefined {
    const { tenants, demanded } = this.#options;
    const asking = tenants().map((name) => ({ name, numbers: demanded(name, fact) }));
    const numbers = asking.flatMap((each) => each.numbers);
    if (numbers.length === 0) return undefined;
    const worse = WORSE[fact];
    const lawful = worse === 'higher' ? Math.min(...numbers) : Math.max(...numbers);
    const subjects = asking.filter((each) => each.numbers.length > 0).map(({ name }) => `tenant ${name}`);
    return { lawful, worse, facts: [fact], subjects };
  }

  #publish(bySetting: ReadonlyMap<string, readonly SettingRow[]>): void {
    const limits: Record<string, Record<string, string>> = {};
    for (const [setting, changes] of bySetting) {
      const [, workload = '', key = ''] = setting.split('/');
      const value = changes.at(-1)?.value;
      if (value !== undefined && value !== null) limits[workload] = { ...limits[workload], [key]: value };
    }
    this.#file.publish({ limits });
  }
}

function viewOf(id: string, workload: string, changes: readonly SettingRow[], floor: SettingFloor): SettingView {
  const last = changes.at(-1);
  return {
    id,
    kind: 'policy',
    workloads: [workload],
    tenant: null,
    revision: last?.revision ?? 0,
    value: last?.value ?? null,
    declared: undefined,
    needsRestart: false,
    history: changes.map(({ value, at, by, soakedAt }) => ({ value, at, by, soakedAt })),
    floor,
  };
}
