import type { Clock } from '../../base/clock.ts';
import { KinError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import type { AssetView, SettingChange, SettingView } from '../../diagnose/fleet-view.ts';
import type { AssetOrder, SettingOrder } from '../../heal/fleet.ts';
import type { MoveContext } from '../../heal/move.ts';
import type { ConditionName } from '../../observe/condition.ts';
import type { ConditionSample } from '../../observe/sample.ts';
import { NO_PARTS, notOf, type Parts, type PartsView } from '../parts.ts';
import type { FirstLooks } from './first-looks.ts';
import type { GoodLooks } from './good-looks.ts';
import { ProtocolFloor } from './protocol-floor.ts';
import { PostgresqlStore, type StoreAddress } from './store.ts';
import { OwnWrites } from './own-writes.ts';
import { SurplusWatch } from './surplus-watch.ts';
import { TABLE_KINDS, type TableKind, TableWatch } from './table-watch.ts';
import { TenantContext } from './tenant-context.ts';
import { type WriteRefusal, WriteRefusals } from './write-refusals.ts';
import {
  type HoldingSession,
  type ProtectedTable,
  readHoldingSessions,
  readTables,
  terminateSession,
} from './store-catalogue.ts';

/**
 * A session that lets others wait for this long is a fault; shorter waits are how databases work. One waiter need not wait
 * for so long: clients give up and come again.
 */
const HOLDING_MS = 3_000;
const VANTAGE = 'postgresql';
const ON = 'on';

/** One thing that is measured, and whether its condition holds. */
interface Finding {
  readonly asset: AssetView;
  readonly setting: SettingView | undefined;
  readonly condition: ConditionName;
  readonly holds: boolean;
  readonly reason: string;
  readonly detail: JsonObject;
}

export interface PostgresqlPartsOptions {
  readonly addresses: () => readonly StoreAddress[];
  readonly clock: Clock;
  /** What protected tables were like when they were good; left out, that is known for as long as this process lives. */
  readonly goodLooks?: GoodLooks;
  /** How stores were set up, beyond the life of this process; left out: its own first look is the first. */
  readonly firstLooks?: FirstLooks;
  /** New rows that a store is to refuse now, by `records/us`; left out, none. */
  readonly refusals?: (store: string) => readonly WriteRefusal[];
  /** Called each time that a store cannot be looked at: nothing is known of it then, neither good nor bad. */
  readonly onBlind: (store: string, error: unknown) => void;
}

/**
 * The PostgreSQL databases behind workloads, measured by their own catalogs: sessions that others wait for, row-level
 * security that is off, policies and owners that changed, privileges and passwords that no longer fit, and what is there
 * beyond what was declared. What it mends: it ends such a session, switches a protection on, puts policies and owners back,
 * grants what is declared, takes away what is surplus, makes the password that the workload holds valid
 * again, and puts back the lowest version of TLS that a server takes.
 */
export class PostgresqlParts implements Parts {
  readonly name = 'postgresql';
  readonly #addresses: () => readonly StoreAddress[];
  readonly #clock: Clock;
  readonly #onBlind: PostgresqlPartsOptions['onBlind'];
  readonly #stores = new Map<string, PostgresqlStore>();
  /** What was seen of each setting: who else writes to a database does not say so. */
  readonly #history = new Map<string, SettingChange[]>();
  readonly #sessions = new Map<string, AssetView>();
  /** Since when each session has had somebody waiting at every look. */
  readonly #holding = new Map<string, number>();
  readonly #surplus: SurplusWatch;
  readonly #own = new OwnWrites();
  readonly #tables: TableWatch;
  readonly #context: TenantContext;
  readonly #floor: ProtocolFloor;
  readonly #refusals: NonNullable<PostgresqlPartsOptions['refusals']>;
  readonly #writes = new WriteRefusals();

  constructor(options: PostgresqlPartsOptions) {
    this.#onBlind = options.onBlind;
    this.#addresses = options.addresses;
    this.#clock = options.clock;
    this.#refusals = options.refusals ?? (() => []);
    this.#surplus = new SurplusWatch(options.firstLooks);
    this.#tables = new TableWatch(options.goodLooks);
    this.#context = new TenantContext(options.clock);
    this.#floor = new ProtocolFloor(options.clock, options.firstLooks);
  }

  owns(id: string): boolean {
    return /^(?:(?:session|credential|protection|privilege) )?postgresql\//.test(id);
  }

  async look(): Promise<PartsView> {
    const stores = this.#open();
    const views = await Promise.all(
      stores.map((store) => this.#lookAt(store).catch((error: unknown) => this.#blind(store, error))),
    );
    return {
      settings: views.flatMap((view) => view.settings.map((each) => this.#own.signed(each))),
      assets: views.flatMap((view) => view.assets),
      actors: [],
      samples: views.flatMap((view) => view.samples),
    };
  }

  async set(order: SettingOrder, { key }: Pick<MoveContext, 'key'>): Promise<void> {
    await this.#put(order);
    this.#own.note(order.setting, order.value, key, this.#clock.now());
  }

  async #put(order: SettingOrder): Promise<void> {
    if (this.#floor.owns(order.setting)) return this.#floor.set(this.#serverOf(order.setting), order);
    const store = this.#storeOf(order.setting);
    const [table, kind] = partsOf(order.setting, store);
    if (kind === undefined && order.value === null) return this.#surplus.remove(store, await store.tables(), order);
    if (isTableKind(kind)) return this.#tables.put(store, table, kind, order);
    if (kind === 'row-level-security' && order.value === ON) return store.protect(table);
    if (kind === 'privileges' && order.value) return store.grant(table, order.value.split(' '));
    notOf(this.name, order.setting);
  }

  /**
   * What was surplus is put back, and what a table had: somebody may need it. A protection or a privilege that is declared is never taken away
   * again: it would be the fault once more.
   */
  async unset(order: SettingOrder, { key }: Pick<MoveContext, 'key'>): Promise<void> {
    if (await this.#takeBack(order)) this.#own.note(order.setting, order.oldValue, key, this.#clock.now());
  }

  async #takeBack(order: SettingOrder): Promise<boolean> {
    if (this.#floor.owns(order.setting)) await this.#floor.unset(this.#serverOf(order.setting), order);
    else {
      const store = this.#storeOf(order.setting);
      const [table, kind] = partsOf(order.setting, store);
      if (isTableKind(kind)) await this.#tables.takeBack(store, table, kind, order);
      else if (kind === undefined) await this.#surplus.restore(store, order);
      else return false;
    }
    return true;
  }

  async act(order: AssetOrder): Promise<JsonObject> {
    const store = this.#storeOf(order.asset);
    if (order.verb === 'terminate') {
      const { pid, backendStart } = order.input;
      return { ended: await terminateSession(store.pool, Number(pid), String(backendStart)) };
    }
    if (order.verb !== 'rotate') notOf(this.name, order.asset);
    await store.restorePassword();
    return { refused: await store.refusesRole() };
  }

  /** A session that was ended stays ended, and a password that fits stays. */
  async unact(): Promise<void> {
    return undefined;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#stores.values()].map((store) => store.close()));
    this.#stores.clear();
  }

  /** Stores at the addresses of now; one whose server moved is opened anew. */
  #open(): readonly PostgresqlStore[] {
    const addresses = this.#addresses();
    for (const [id, store] of this.#stores) {
      const now = addresses.find((each) => each.id === id);
      if (now?.port === store.address.port) continue;
      this.#stores.delete(id);
      void store.close().catch(() => undefined);
    }
    return addresses.map((address) => {
      const store = this.#stores.get(address.id) ?? new PostgresqlStore(address);
      this.#stores.set(address.id, store);
      return store;
    });
  }

  async #lookAt(store: PostgresqlStore): Promise<PartsView> {
    const { address, pool } = store;
    const sessions = await readHoldingSessions(pool);
    const tables = await readTables(pool, address);
    // Before the workload has made its role there is nothing that could be refused.
    const hasRole = await store.hasRole();
    const refused = hasRole && (await store.refusesRole());
    const oids = tables.map(({ oid }) => oid);
    const surplus = hasRole ? await this.#surplus.look(store, oids, this.#clock.now()) : [];
    const isProtected = hasRole && address.rowSecurity;
    if (isProtected) await this.#writes.make(store, this.#refusals(address.id));
    if (isProtected) await this.#context.look(store);
    const changeable = isProtected ? await this.#tables.look(store, this.#clock.now()) : [];
    const findings = [
      ...this.#sessionFindings(address, sessions),
      ...tables.flatMap((table) => this.#tableFindings(store, table)),
      ...(hasRole ? [credentialFinding(address, refused)] : []),
    ];
    const floor = await this.#floor.look(store);
    const at = this.#clock.now();
    const settings = [...findings.flatMap(({ setting }) => setting ?? []), ...changeable, ...surplus];
    return {
      settings: [...settings, ...(floor ? [floor.setting] : [])],
      assets: [storeAsset(address, settings), ...findings.map(({ asset }) => asset), ...(floor ? [floor.asset] : [])],
      actors: [],
      samples: findings.map(
        ({ asset, condition, holds, reason, detail }): ConditionSample => ({
          kind: 'condition',
          at,
          vantage: VANTAGE,
          asset: asset.id,
          condition,
          holds,
          reason,
          detail,
        }),
      ),
    };
  }

  #blind({ address }: PostgresqlStore, error: unknown): PartsView {
    this.#onBlind(address.id, error);
    return NO_PARTS;
  }

  /** A session that held and is gone is told once more, so that the claim against it can end. */
  #sessionFindings(address: StoreAddress, sessions: readonly HoldingSession[]): readonly Finding[] {
    const now = this.#clock.now();
    const since = new Map(
      sessions.map((each) => [keyOf(address, each), this.#holding.get(keyOf(address, each)) ?? now]),
    );
    for (const key of this.#holding.keys()) {
      if (key.startsWith(`${address.id} `) && !since.has(key)) this.#holding.delete(key);
    }
    for (const [key, at] of since) this.#holding.set(key, at);
    const isLong = (each: HoldingSession) =>
      Math.max(each.waitedMs, now - (since.get(keyOf(address, each)) ?? now)) >= HOLDING_MS;
    const holding = sessions.filter(isLong).map((each) => sessionFinding(address, each));
    const gone = [...this.#sessions.values()].filter(
      (asset) => asset.partOf === storeId(address) && holding.every((each) => each.asset.id !== asset.id),
    );
    for (const asset of gone) this.#sessions.delete(asset.id);
    for (const { asset } of holding) this.#sessions.set(asset.id, asset);
    const over = gone.map((asset): Finding => {
      return { asset, setting: undefined, condition: 'holding', holds: false, reason: 'it is gone', detail: {} };
    });
    return [...holding, ...over];
  }

  #tableFindings(store: PostgresqlStore, table: ProtectedTable): readonly Finding[] {
    const { address } = store;
    const findings: Finding[] = [];
    if (address.rowSecurity) {
      const id = `postgresql/${address.id}/${table.table}/row-level-security`;
      const setting = this.#setting(id, 'protection', address, table.rowSecurity ? ON : 'off', ON);
      const reason = `row-level security of ${table.table} in ${address.id} is ${table.rowSecurity ? 'on' : 'off'}`;
      const detail = { tenantContext: this.#context.isProven(store) };
      const asset = { ...partAsset('protection', id, address, [id]), detail };
      findings.push({ asset, setting, condition: 'disabled', holds: !table.rowSecurity, reason, detail: {} });
    }
    if (address.privileges.length > 0) {
      const missing = address.privileges.filter((each) => !table.privileges.includes(each));
      const id = `postgresql/${address.id}/${table.table}/privileges`;
      const held = address.privileges.filter((each) => table.privileges.includes(each));
      const setting = this.#setting(id, 'grant', address, held.join(' '), address.privileges.join(' '));
      const reason =
        missing.length > 0
          ? `${address.role?.user} may not ${missing.join(', ')} on ${table.table} in ${address.id}`
          : `${address.role?.user} has its privileges on ${table.table}`;
      const asset = partAsset('privilege', id, address, [id]);
      findings.push({ asset, setting, condition: 'revoked', holds: missing.length > 0, reason, detail: { missing } });
    }
    return findings;
  }

  #setting(id: string, kind: SettingView['kind'], address: StoreAddress, value: string, declared: string): SettingView {
    const known = this.#history.get(id) ?? [{ value: declared, at: 0, by: 'manifest', soakedAt: 0 }];
    if (known.at(-1)?.value !== value) known.push({ value, at: this.#clock.now(), by: 'unknown', soakedAt: null });
    this.#history.set(id, known.slice(-20));
    const place = { workloads: address.workloads, tenant: null, needsRestart: false };
    return { id, kind, ...place, revision: known.length, value, declared, history: known };
  }

  #serverOf(setting: string): PostgresqlStore {
    const found = this.#floor.storeOf(setting, this.#stores.values());
    if (!found) throw new KinError('resource.unknown', `there is no server of ${setting}`);
    return found;
  }

  #storeOf(id: string): PostgresqlStore {
    const found = [...this.#stores.values()].find(({ address }) => id.includes(`postgresql/${address.id}/`));
    if (!found) throw new KinError('resource.unknown', `there is no store of ${id}`);
    return found;
  }
}

/** Table and kind of a setting of a table; the kind is left out for what is surplus, whose name follows the store's. */
function partsOf(setting: string, { address }: PostgresqlStore): readonly [table: string, kind: string | undefined] {
  const [, table, kind] =
    /^(.+)\/(row-level-security|privileges|policies|owner)$/.exec(setting.slice(`postgresql/${address.id}/`.length)) ??
    [];
  return [table ?? '', kind];
}

function isTableKind(kind: string | undefined): kind is TableKind {
  return TABLE_KINDS.some((each) => each === kind);
}

function keyOf({ id }: StoreAddress, { pid, backendStart }: HoldingSession): string {
  return `${id} ${pid} ${backendStart}`;
}

function storeId({ id }: StoreAddress): string {
  return `store postgresql/${id}`;
}

function storeAsset(address: StoreAddress, settings: readonly SettingView[]): AssetView {
  const ids = settings.map(({ id }) => id);
  return { ...partAsset('store', `postgresql/${address.id}`, address, ids), partOf: null };
}

function partAsset(
  kind: AssetView['kind'],
  name: string,
  address: StoreAddress,
  settings: readonly string[],
): AssetView {
  const { workloads, region } = address;
  const place = { workloads, tenants: [], region, host: null, partOf: storeId(address) };
  return { id: `${kind} ${name}`, kind, ...place, settings, detail: {} };
}

function sessionFinding(address: StoreAddress, session: HoldingSession): Finding {
  const { pid, backendStart, role, application, state, blocked, waitedMs } = session;
  const detail = { pid, backendStart, role, application, state, blocked, waitedMs };
  const asset = { ...partAsset('session', `postgresql/${address.id}/${pid}`, address, []), detail };
  const reason = `session ${pid} of ${role} (${state || 'active'}) lets ${blocked} others wait`;
  return { asset, setting: undefined, condition: 'holding', holds: true, reason, detail };
}

function credentialFinding(address: StoreAddress, refused: boolean): Finding {
  const user = address.role?.user ?? '';
  const whole = partAsset('credential', `postgresql/${address.id}/${user}`, address, []);
  // The secret is one that Kintsugi made: what the workload holds is what is right.
  const asset = { ...whole, detail: { restore: true } };
  const reason = `${address.id} ${refused ? 'refuses' : 'takes'} the password that ${address.workloads.join(', ')} holds for ${user}`;
  return { asset, setting: undefined, condition: 'rejected', holds: refused, reason, detail: {} };
}
