import { KinError } from '../../base/errors.ts';
import type { SettingChange, SettingView } from '../../diagnose/fleet-view.ts';
import type { SettingOrder } from '../../heal/fleet.ts';
import type { GoodLooks } from './good-looks.ts';
import {
  type GuardedTable,
  giveTable,
  inTransaction,
  putPolicies,
  readGuarded,
  readGuardedTables,
  readSignature,
  unlessLocked,
} from './guarded-tables.ts';
import type { PostgresqlStore, StoreAddress } from './store.ts';

/** Longer than the probes of isolation need to show what the catalog does not. */
const SOAK_MS = 600_000;
const HISTORY_MAX = 20;

export const TABLE_KINDS = ['policies', 'owner'] as const;
export type TableKind = (typeof TABLE_KINDS)[number];

interface Reading {
  readonly id: string;
  readonly kind: TableKind;
  readonly value: string;
  /** By the catalog alone; what it does not show, a probe does before the value has soaked. */
  readonly isGood: boolean;
}

/**
 * Policies and owners of protected tables, as settings. What was good at the first look, or at the last good look of
 * whoever looked before, is what they go back to; another value counts as good once it was so for ten minutes.
 */
export class TableWatch {
  readonly #looks: GoodLooks | undefined;
  #before: ReadonlyMap<string, SettingChange> | undefined;
  readonly #known = new Map<string, readonly SettingChange[]>();
  /** By store: what was read last, and what it looked like from outside. */
  readonly #seen = new Map<string, { readonly signature: string; readonly tables: readonly GuardedTable[] }>();

  constructor(looks?: GoodLooks) {
    this.#looks = looks;
  }

  /**
   * Settings of every protected table of the store. Rejects when they cannot be read. While somebody has locked a table
   * that changed, they are as they were.
   */
  async look(store: PostgresqlStore, now: number): Promise<readonly SettingView[]> {
    this.#before ??= (await this.#looks?.read()) ?? new Map();
    const { address } = store;
    const isFirst = !this.#seen.has(address.id);
    const tables = await this.#read(store);
    const readings = await this.#judge(store, tables);
    const settings: SettingView[] = [];
    for (const reading of readings) {
      const history = this.#follow(reading, isFirst, now);
      const good = history.at(-1);
      if (good?.soakedAt != null && good.value !== null) await this.#looks?.keep(reading.id, good.value);
      settings.push(settingOf(reading, history, address));
    }
    return settings;
  }

  /** Rejects with `resource.conflict` when it is another by now than it was decided on. */
  async put(store: PostgresqlStore, table: string, kind: TableKind, order: SettingOrder): Promise<void> {
    const { value: to, oldValue: from, setting } = order;
    if (to === null || from === null) throw new KinError('resource.unknown', `${setting} cannot be absent`);
    if (await write(store, table, kind, { from, to })) return;
    throw new KinError('resource.conflict', `${setting} was written by another meanwhile`);
  }

  /** As it was before `put`, exactly, unless somebody wrote since. */
  async takeBack(store: PostgresqlStore, table: string, kind: TableKind, order: SettingOrder): Promise<void> {
    const { value: from, oldValue: to } = order;
    if (to !== null && from !== null) await write(store, table, kind, { from, to });
  }

  async #read({ address, pool }: PostgresqlStore): Promise<readonly GuardedTable[]> {
    const signature = await readSignature(pool, address);
    const seen = this.#seen.get(address.id);
    if (seen?.signature === signature) return seen.tables;
    const tables = await unlessLocked(inTransaction(pool, (client) => readGuardedTables(client, address)));
    if (tables) this.#seen.set(address.id, { signature, tables });
    return tables ?? seen?.tables ?? [];
  }

  async #judge({ address, pool }: PostgresqlStore, tables: readonly GuardedTable[]): Promise<readonly Reading[]> {
    const idOf = ({ table }: GuardedTable, kind: TableKind) => `postgresql/${address.id}/${table}/${kind}`;
    const isSettled = tables.every((each) => this.#isSettled(idOf(each, 'policies'), each.policies));
    const guarded = isSettled
      ? 'all'
      : await unlessLocked(inTransaction(pool, (client) => readGuarded(client, address)));
    return tables.flatMap((each): Reading[] => [
      {
        id: idOf(each, 'policies'),
        kind: 'policies',
        value: each.policies,
        isGood: guarded === 'all' || guarded?.has(each.table) === true,
      },
      { id: idOf(each, 'owner'), kind: 'owner', value: each.owner, isGood: !each.isOwnedByRole },
    ]);
  }

  /** It is what has soaked: what it is worth need not be looked at again. */
  #isSettled(id: string, value: string): boolean {
    const last = this.#known.get(id)?.at(-1);
    return last?.value === value && last.soakedAt !== null;
  }

  #follow({ id, value, isGood }: Reading, isFirst: boolean, now: number): readonly SettingChange[] {
    const before = this.#before?.get(id);
    const history = [...(this.#known.get(id) ?? (before ? [before] : []))];
    if (history.at(-1)?.value !== value) {
      const isHowItWasSetUp = isFirst && before === undefined && isGood;
      history.push({ value, at: now, by: 'unknown', soakedAt: isHowItWasSetUp ? now : null });
    }
    const last = history.at(-1)!;
    if (last.soakedAt === null && isGood && now - last.at >= SOAK_MS) history.splice(-1, 1, { ...last, soakedAt: now });
    const kept = history.slice(-HISTORY_MAX);
    this.#known.set(id, kept);
    return kept;
  }
}

async function write(
  { pool, address }: PostgresqlStore,
  table: string,
  kind: TableKind,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<boolean> {
  if (kind === 'policies') return putPolicies(pool, address, { table, from, to });
  return giveTable(pool, address, { table, from, to });
}

function settingOf(
  { id, kind, value }: Reading,
  history: readonly SettingChange[],
  address: StoreAddress,
): SettingView {
  const place = { workloads: address.workloads, tenant: null, needsRestart: false };
  const settingKind = kind === 'policies' ? 'policy' : 'grant';
  return { id, kind: settingKind, ...place, revision: history.length, value, declared: undefined, history };
}
