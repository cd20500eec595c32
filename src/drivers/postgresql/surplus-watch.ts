import { KinError } from '../../base/errors.ts';
import { canonicalJson } from '../../base/json.ts';
import type { SettingChange, SettingView } from '../../diagnose/fleet-view.ts';
import type { SettingOrder } from '../../heal/fleet.ts';
import { clusterOf, type FirstLook, type FirstLooks } from './first-looks.ts';
import type { PostgresqlStore, StoreAddress } from './store.ts';
import { nameOfSurplus, statementsOf, surplusOf } from './surplus.ts';

/** Of a store that makes ever new ones only the newest are remembered. */
const REMEMBERED_MAX = 200;

/**
 * What is in a store beyond what people declared, as settings that are there or not. What was there at the first look is
 * how people set it up: it has no earlier value, so no repair takes it away. What came later goes back to not being there.
 */
export class SurplusWatch {
  readonly #firstAt = new Map<string, number>();
  /** By store and id of the setting. */
  readonly #known = new Map<string, Map<string, SettingChange[]>>();
  readonly #looks: FirstLooks | undefined;

  /** Without `looks` it knows of no look of an earlier process. */
  constructor(looks?: FirstLooks) {
    this.#looks = looks;
  }

  /** Settings of everything that is, or lately was, beyond what is declared in the store. */
  async look(store: PostgresqlStore, tables: readonly number[], now: number): Promise<readonly SettingView[]> {
    const { address } = store;
    const isFirst = !this.#firstAt.has(address.id);
    const of = isFirst && this.#looks ? `surplus/${await clusterOf(store.pool)}/${address.id}` : '';
    const kept = isFirst ? await this.#looks?.read(of) : undefined;
    const firstAt = kept?.at ?? this.#firstAt.get(address.id);
    const known = this.#known.get(address.id) ?? historyOf(kept);
    const found = new Map<string, string>();
    for (const each of await store.readSurplus(tables)) {
      found.set(`postgresql/${address.id}/${nameOfSurplus(each)}`, canonicalJson(each));
    }
    for (const [id, value] of found) {
      const history = known.get(id) ?? absentSince(firstAt);
      if (history.at(-1)?.value !== value) history.push(changeTo(value, now));
      known.set(id, history.slice(-20));
    }
    for (const [id, history] of known) {
      if (!found.has(id) && history.at(-1)?.value !== null) history.push({ ...changeTo(null, now), soakedAt: now });
    }
    for (const id of [...known.keys()].slice(0, -REMEMBERED_MAX)) known.delete(id);
    if (firstAt === undefined) await this.#looks?.keep(of, { at: now, values: Object.fromEntries(found) });
    this.#firstAt.set(address.id, firstAt ?? now);
    this.#known.set(address.id, known);
    return [...known].map(([id, history]) => settingOf(id, history, address));
  }

  /** Takes it away, and makes sure that it is gone. */
  async remove(store: PostgresqlStore, tables: readonly number[], { setting, oldValue }: SettingOrder): Promise<void> {
    if (oldValue === null) return;
    const surplus = surplusOf(oldValue);
    const isThere = async () =>
      (await store.readSurplus(tables)).some((each) => nameOfSurplus(each) === nameOfSurplus(surplus));
    if (!(await isThere())) return;
    await store.pool.query(statementsOf(surplus).remove);
    if (await isThere()) throw new KinError('resource.conflict', `${setting} is still there after it was taken away`);
  }

  /** Puts it back as it was. */
  async restore(store: PostgresqlStore, { oldValue }: SettingOrder): Promise<void> {
    if (oldValue !== null) await store.pool.query(statementsOf(surplusOf(oldValue)).restore);
  }
}

/** What was there at the first look of all, whoever made it. */
function historyOf(kept: FirstLook | undefined): Map<string, SettingChange[]> {
  return new Map(Object.entries(kept?.values ?? {}).map(([id, value]) => [id, [changeTo(value, kept?.at ?? 0)]]));
}

function changeTo(value: string | null, at: number): SettingChange {
  return { value, at, by: 'unknown', soakedAt: null };
}

/** Since the first look it was not there, and nobody missed it. */
function absentSince(at: number | undefined): SettingChange[] {
  return at === undefined ? [] : [{ value: null, at, by: 'unknown', soakedAt: at }];
}

function settingOf(id: string, history: readonly SettingChange[], { workloads }: StoreAddress): SettingView {
  const value = history.at(-1)?.value ?? null;
  const place = { workloads, tenant: null, needsRestart: false };
  return { id, kind: 'object', ...place, revision: history.length, value, declared: undefined, history };
}
