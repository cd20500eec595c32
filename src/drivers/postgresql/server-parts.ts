import { Pool } from 'pg';
import type { Clock } from '../../base/clock.ts';
import { KinError } from '../../base/errors.ts';
import type { AssetView, SettingChange, SettingKind, SettingView } from '../../diagnose/fleet-view.ts';
import type { SettingOrder } from '../../heal/fleet.ts';
import type { MoveContext } from '../../heal/move.ts';
import type { LevelSample } from '../../observe/sample.ts';
import { NO_PARTS, type Parts, type PartsView } from '../parts.ts';
import { clusterOf, type FirstLooks } from './first-looks.ts';
import type { StoreAddress } from './store.ts';
import { readServerLevels } from './server-levels.ts';
import { readServerSettings, type Scope, type ServerSetting, statementFor } from './server-setting.ts';

/** What served this long before somebody wrote another value is what one goes back to. */
const SOAK_MS = 600_000;
const HISTORY_MAX = 20;
/** Levels change slowly. */
const LEVELS_EVERY_MS = 10_000;
/** Of a server that sets ever new parameters only the newest are remembered. */
const REMEMBERED_MAX = 500;
const PREFIX = 'postgresql-server/';

/** One server, with the databases and roles of the stores on it. */
interface Server {
  /** `database/eu`: the workload that serves it, and the region. */
  readonly id: string;
  readonly stores: readonly StoreAddress[];
  readonly pool: Pool;
}

interface Remembered {
  readonly setting: ServerSetting;
  readonly history: SettingChange[];
}

export interface PostgresqlServerPartsOptions {
  readonly addresses: () => readonly StoreAddress[];
  readonly clock: Clock;
  /** How servers were set up, beyond the life of this process; left out: its own first look is the first. */
  readonly firstLooks?: FirstLooks;
  /** Called each time that a server cannot be looked at: nothing is known of it then. */
  readonly onBlind: (server: string, error: unknown) => void;
}

/**
 * What people set on the PostgreSQL servers behind workloads, past every manifest: parameters of the server, of a database
 * or a role, limits of connections, who may log in and until when. Nobody tells when such a thing is changed, so it is
 * watched; a change that trouble followed is a suspect like any other, and goes back to what served before.
 *
 * What is there at the first look is how people set the server up. Nothing here is a fault by itself: without trouble
 * nothing is written. Sessions that began under the value that is taken back keep it, so those that are idle are ended.
 */
export class PostgresqlServerParts implements Parts {
  readonly name = 'postgresql-server';
  readonly #addresses: () => readonly StoreAddress[];
  readonly #clock: Clock;
  readonly #onBlind: PostgresqlServerPartsOptions['onBlind'];
  readonly #looks: FirstLooks | undefined;
  readonly #pools = new Map<string, { readonly port: number; readonly pool: Pool }>();
  /** By server and name of the setting. */
  readonly #known = new Map<string, Map<string, Remembered>>();
  /** By server, what was kept last. */
  readonly #kept = new Map<string, string>();
  /** When the levels of each server were read last. */
  readonly #levelsAt = new Map<string, number>();

  constructor(options: PostgresqlServerPartsOptions) {
    this.#addresses = options.addresses;
    this.#clock = options.clock;
    this.#looks = options.firstLooks;
    this.#onBlind = options.onBlind;
  }

  owns(id: string): boolean {
    return id.startsWith(PREFIX);
  }

  async look(): Promise<PartsView> {
    const views = await Promise.all(
      this.#servers().map((server) =>
        this.#lookAt(server)
          .then(async (settings) => ({
            settings,
            asset: assetOf(server, settings),
            levels: await this.#levelsOf(server),
          }))
          .catch((error: unknown) => {
            this.#onBlind(server.id, error);
            return { settings: [], asset: undefined, levels: [] };
          }),
      ),
    );
    return {
      ...NO_PARTS,
      settings: views.flatMap(({ settings }) => settings),
      assets: views.flatMap(({ asset }) => asset ?? []),
      levels: views.flatMap(({ levels }) => levels),
    };
  }

  /** What runs out there, now and then. */
  async #levelsOf({ id, pool, stores }: Server): Promise<readonly LevelSample[]> {
    const at = this.#clock.now();
    if (Math.abs(at - (this.#levelsAt.get(id) ?? 0)) < LEVELS_EVERY_MS) return [];
    this.#levelsAt.set(id, at);
    const databases = [...new Set(stores.map(({ database }) => database))];
    const levels = await readServerLevels(pool, id, databases);
    return levels.map((level) => ({ kind: 'level', at, vantage: 'postgresql', ...level }));
  }

  async set({ setting, value, oldValue }: SettingOrder, { key }: Pick<MoveContext, 'key'>): Promise<void> {
    const written = await this.#write(setting, value, oldValue, key);
    if (!written) throw new KinError('resource.conflict', `${setting} was written by another meanwhile`);
  }

  /** As it was, exactly. What somebody else wrote over it meanwhile is left: nothing of ours is there any more. */
  async unset({ setting, value, oldValue }: SettingOrder, { key }: Pick<MoveContext, 'key'>): Promise<void> {
    await this.#write(setting, oldValue, value, key);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map(({ pool }) => pool.end()));
    this.#pools.clear();
  }

  async #lookAt(server: Server): Promise<readonly SettingView[]> {
    const found = await readOn(server);
    const now = this.#clock.now();
    const before = this.#known.get(server.id);
    const kept = before ? undefined : await this.#lastGood(server);
    const known = before ?? new Map<string, Remembered>();
    for (const setting of found) {
      // A parameter can be absent; a role or a database that was not there before is seen for the first time.
      const isNew = (before ?? kept) === undefined || setting.scope.kind !== 'parameter';
      const wasGood = kept?.get(setting.name);
      const { history } = known.get(setting.name) ?? { history: wasGood ?? (isNew ? [] : [unsetUntil(now)]) };
      if (history.length === 0) history.push({ value: setting.value, at: now, by: 'the first look', soakedAt: now });
      else if (history.at(-1)?.value !== setting.value) write(history, setting.value, now);
      known.set(setting.name, { setting, history });
    }
    const names = new Set(found.map(({ name }) => name));
    for (const [name, { setting, history }] of known) {
      if (names.has(name)) continue;
      if (setting.scope.kind !== 'parameter') known.delete(name);
      else if (history.at(-1)?.value !== null) write(history, null, now);
    }
    for (const name of [...known.keys()].slice(0, -REMEMBERED_MAX)) known.delete(name);
    this.#known.set(server.id, known);
    await this.#keep(server, known, now);
    return [...known.values()].map((each) => viewOf(server, each));
  }

  /** What an earlier process knew to be good: what is otherwise by now was changed while nobody looked. */
  async #lastGood(server: Server): Promise<ReadonlyMap<string, SettingChange[]> | undefined> {
    const kept = await this.#looks?.read(await firstLookOf(server));
    if (!kept) return undefined;
    const good = (value: string | null): SettingChange[] => [
      { value, at: kept.at, by: 'the last good look', soakedAt: kept.at },
    ];
    return new Map(Object.entries(kept.values).map(([name, value]) => [name, good(value)]));
  }

  async #keep(server: Server, known: ReadonlyMap<string, Remembered>, now: number): Promise<void> {
    if (!this.#looks) return;
    const values = Object.fromEntries([...known].map(([name, { history }]) => [name, goodIn(history, now)]));
    const text = JSON.stringify(values);
    if (this.#kept.get(server.id) === text) return;
    await this.#looks.keep(await firstLookOf(server), { at: now, values });
    this.#kept.set(server.id, text);
  }

  /** Whether it is `to` now. False, and nothing is done, when it is not `from` either. */
  async #write(id: string, to: string | null, from: string | null, key: string): Promise<boolean> {
    const server = this.#servers().find((each) => id.startsWith(`${PREFIX}${each.id}/`));
    const known = server && this.#known.get(server.id)?.get(id.slice(`${PREFIX}${server.id}/`.length));
    if (!server || !known) throw new KinError('resource.unknown', `no setting ${id} was ever seen on a server`);
    const { scope, name } = known.setting;
    const valueNow = async () => (await readOn(server)).find((each) => each.name === name)?.value ?? null;
    const current = await valueNow();
    if (current === to) return true;
    if (current !== from) return false;
    await server.pool.query(statementFor(scope, to));
    if ((await valueNow()) !== to) throw new KinError('resource.conflict', `${id} is not what was written`);
    const since = known.history.findLast(({ value }) => value === from)?.at ?? this.#clock.now();
    const [repair = ''] = key.split(':');
    write(known.history, to, this.#clock.now(), `kintsugi ${repair}`);
    await takeUp(server, scope, since);
    return true;
  }

  /** Servers at the addresses of now; one that moved is entered anew. */
  #servers(): readonly Server[] {
    const byServer = Map.groupBy(this.#addresses(), ({ server, region }) => `${server}/${region}`);
    for (const [id, { port, pool }] of this.#pools) {
      if (byServer.get(id)?.[0]?.port === port) continue;
      this.#pools.delete(id);
      void pool.end().catch(() => undefined);
    }
    return [...byServer].map(([id, stores]) => {
      const [first] = stores as [StoreAddress];
      const { pool } = this.#pools.get(id) ?? { pool: poolOf(first) };
      this.#pools.set(id, { port: first.port, pool });
      return { id, stores, pool };
    });
  }
}

async function firstLookOf({ id, pool }: Server): Promise<string> {
  return `server/${await clusterOf(pool)}/${id}`;
}

/** The newest value that has served for long enough, by now or when it was written over. */
function goodIn(history: readonly SettingChange[], now: number): string | null {
  const last = history.at(-1);
  if (last && last.soakedAt === null && now - last.at >= SOAK_MS) return last.value;
  return history.findLast(({ soakedAt }) => soakedAt !== null)?.value ?? null;
}

function poolOf({ host, port, database, admin }: StoreAddress): Pool {
  const pool = new Pool({
    host,
    port,
    database,
    user: admin.user,
    password: admin.password.reveal(),
    application_name: 'kintsugi',
    // Also where somebody made every session read only by default.
    options: '-c default_transaction_read_only=off -c statement_timeout=2000',
    max: 1,
    connectionTimeoutMillis: 1_000,
    query_timeout: 2_500,
    idleTimeoutMillis: 10_000,
  });
  pool.on('error', () => undefined);
  return pool;
}

function readOn({ pool, stores }: Server): Promise<readonly ServerSetting[]> {
  const roles = new Set(stores.flatMap(({ role }) => (role ? [role.user] : [])));
  const databases = new Set(stores.map(({ database }) => database));
  return readServerSettings(pool, [...roles], [...databases]);
}

/** Makes sessions live under what was written: the server reads its file again, idle sessions of before are ended. */
async function takeUp({ pool, stores }: Server, { kind, role, database }: Scope, sinceMs: number): Promise<void> {
  if (kind !== 'parameter') return;
  if (role === null && database === null) {
    await pool.query('select pg_reload_conf()');
    return;
  }
  const roles = stores.flatMap((each) => (each.role ? [each.role.user] : []));
  await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where state = 'idle' and usename = any ($1::text[]) and ($2::text is null or datname = $2)
       and backend_start >= to_timestamp($3::float8 / 1000)`,
    [role === null ? roles : [role], database, sinceMs],
  );
}

function unsetUntil(at: number): SettingChange {
  return { value: null, at: 0, by: 'the first look', soakedAt: at };
}

function write(history: SettingChange[], value: string | null, at: number, by = 'somebody on the server'): void {
  const last = history.at(-1);
  if (last && last.soakedAt === null && at - last.at >= SOAK_MS) {
    history[history.length - 1] = { ...last, soakedAt: last.at + SOAK_MS };
  }
  history.push({ value, at, by, soakedAt: null });
  history.splice(0, history.length - HISTORY_MAX);
}

function viewOf({ id, stores }: Server, { setting, history }: Remembered): SettingView {
  const { role, database } = setting.scope;
  const governed = stores.filter(
    (each) => (role === null || each.role?.user === role) && (database === null || each.database === database),
  );
  const workloads = new Set(governed.flatMap((each) => each.workloads));
  if (role === null) for (const { server } of stores) workloads.add(server);
  const view: SettingView = {
    id: `${PREFIX}${id}/${setting.name}`,
    kind: kindOf(setting.scope),
    workloads: [...workloads],
    tenant: null,
    revision: history.length,
    value: history.at(-1)?.value ?? null,
    declared: undefined,
    needsRestart: false,
    history,
  };
  const governs = governed.map((store) => `store postgresql/${store.id}`);
  return CONTEXT.test(view.id) && !LOGGING.test(view.id) ? { ...view, governs } : view;
}

/** Parameters that say what comes into the log of a server. */
const LOGGING = /\/(?:log_|auto_explain\.|pgaudit\.)/;
/** Parameters by which policies tell tenants apart, such as `app.tenant`, and the one that passes policies by. */
const CONTEXT = /\/(?:[a-z_]\w*\.\w|row_security\b)[^/]*$/i;

/** By the name that the facts have for the server; governed by what is set of its log. */
function assetOf({ id, stores: [store] }: Server, settings: readonly SettingView[]): AssetView | undefined {
  if (!store) return undefined;
  const place = { workloads: [store.server], tenants: [], region: store.region, host: null, partOf: null };
  const governing = settings.filter((each) => LOGGING.test(each.id)).map((each) => each.id);
  return { id: `store postgresql/${id}`, kind: 'store', ...place, settings: governing, detail: {} };
}

function kindOf({ kind }: Scope): SettingKind {
  if (kind === 'parameter') return 'config';
  return kind === 'connection-limit' ? 'limit' : 'grant';
}
