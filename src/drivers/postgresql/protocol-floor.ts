import type { SecureVersion } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { KinError } from '../../base/errors.ts';
import type { AssetView, SettingChange, SettingView } from '../../diagnose/fleet-view.ts';
import type { SettingOrder } from '../../heal/fleet.ts';
import { isTaken, shakeHands } from '../../observe/facts/tls-handshake.ts';
import { clusterOf, type FirstLooks } from './first-looks.ts';
import type { PostgresqlStore, StoreAddress } from './store.ts';

const PARAMETER = 'ssl_min_protocol_version';
/** Said in `postgresql.auto.conf`, which goes before `postgresql.conf`; how it is taken back depends on it. */
const ALTERED = ' by ALTER SYSTEM';
const VERSIONS: readonly string[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] satisfies readonly SecureVersion[];
const GOOD_MIN = VERSIONS.indexOf('TLSv1.2');
const SETTLE_MS = 5_000;
const LOOK_MS = 50;
const REMEMBERED_MAX = 20;

interface Floor {
  /** In force, such as `TLSv1.2`; empty when the server takes all that its library has. */
  readonly version: string;
  readonly isAltered: boolean;
}

/** A server's listener with the setting that bounds it. */
export interface FloorView {
  readonly asset: AssetView;
  readonly setting: SettingView;
}

/**
 * The lowest version of TLS that a PostgreSQL server takes, as a setting of its listener. What it was at the first look is
 * good when it is TLS 1.2 or more; a change to less is what can be put back. A server that speaks plain text, or whose
 * administrator may not read its files, has none.
 */
export class ProtocolFloor {
  readonly #clock: Clock;
  readonly #history = new Map<string, SettingChange[]>();
  readonly #kept = new Map<string, string>();

  readonly #looks: FirstLooks | undefined;

  /** Without `looks` it knows of no look of an earlier process. */
  constructor(clock: Clock, looks?: FirstLooks) {
    this.#clock = clock;
    this.#looks = looks;
  }

  /** Whether a setting is one of these. */
  owns(setting: string): boolean {
    return setting.endsWith(`/${PARAMETER}`);
  }

  /** The store of it, by which its server is entered; undefined when there is none any more. */
  storeOf(setting: string, stores: Iterable<PostgresqlStore>): PostgresqlStore | undefined {
    return [...stores].find(({ address }) => settingId(address) === setting);
  }

  async look(store: PostgresqlStore): Promise<FloorView | undefined> {
    const floor = await readFloor(store).catch(() => undefined);
    if (!floor) return undefined;
    const id = settingId(store.address);
    const value = toValue(floor);
    const known = this.#history.get(id) ?? (await this.#lastGood(store, id));
    if (known.at(-1)?.value !== value) {
      const at = known.length === 0 ? 0 : this.#clock.now();
      known.push({ value, at, by: 'unknown', soakedAt: isGood(floor) ? at : null });
    }
    this.#history.set(id, known.slice(-REMEMBERED_MAX));
    if (isGood(floor)) await this.#keep(store, id, value);
    return { asset: assetOf(store.address), setting: viewOf(id, store.address, known) };
  }

  /** As an earlier process saw it last while it was good: what came since is a change. */
  async #lastGood(store: PostgresqlStore, id: string): Promise<SettingChange[]> {
    const kept = await this.#looks?.read(`floor/${await clusterOf(store.pool)}/${id}`);
    const value = kept?.values[id];
    return kept && value != null ? [{ value, at: kept.at, by: 'unknown', soakedAt: kept.at }] : [];
  }

  async #keep(store: PostgresqlStore, id: string, value: string): Promise<void> {
    if (!this.#looks || this.#kept.get(id) === value) return;
    await this.#looks.keep(`floor/${await clusterOf(store.pool)}/${id}`, {
      at: this.#clock.now(),
      values: { [id]: value },
    });
    this.#kept.set(id, value);
  }

  /** Rejects with `resource.conflict` when new connections still take less a few seconds later. */
  async set(store: PostgresqlStore, { value, setting }: SettingOrder): Promise<void> {
    const wanted = toFloor(value ?? '');
    const now = await readFloor(store);
    if (!now || now.version === wanted.version) return;
    // What was changed by ALTER SYSTEM is gone without a trace once that is taken back.
    if (now.isAltered && !wanted.isAltered) {
      await write(store, null);
      if (await this.#hasSettled(store, wanted.version)) return this.#prove(store, setting, wanted.version);
    }
    await write(store, wanted.version);
    if (!(await this.#hasSettled(store, wanted.version))) throw notSettled(setting, wanted.version);
    await this.#prove(store, setting, wanted.version);
  }

  /** As it was, down to where it was said; not when somebody else wrote another value since. */
  async unset(store: PostgresqlStore, { value, oldValue, setting }: SettingOrder): Promise<void> {
    const old = toFloor(oldValue ?? '');
    const now = await readFloor(store);
    if (!now || toValue(now) === oldValue || now.version !== toFloor(value ?? '').version) return;
    await write(store, old.isAltered ? old.version : null);
    if (!(await this.#hasSettled(store, old.version))) throw notSettled(setting, old.version);
  }

  /** A server reads its files anew a moment after it was told to. */
  #hasSettled(store: PostgresqlStore, version: string): Promise<boolean> {
    return this.#until(async () => (await readFloor(store))?.version === version);
  }

  /** New connections are refused what lies below: the effect, and not the word of the server. */
  async #prove(store: PostgresqlStore, setting: string, version: string): Promise<void> {
    const { host, port } = store.address;
    const below = VERSIONS[VERSIONS.indexOf(version) - 1] as SecureVersion | undefined;
    if (below === undefined) return;
    const offer = { minVersion: 'TLSv1', maxVersion: below, ciphers: 'ALL:@SECLEVEL=0' } as const;
    const isRefused = await this.#until(async () => {
      const signal = this.#clock.deadline(SETTLE_MS);
      return !isTaken(await shakeHands({ host, port, upgrade: 'postgresql' }, offer, signal));
    });
    if (!isRefused) throw notSettled(setting, version);
  }

  async #until(holds: () => Promise<boolean>): Promise<boolean> {
    const endsMs = this.#clock.monotonicMs() + SETTLE_MS;
    while (!(await holds())) {
      if (this.#clock.monotonicMs() >= endsMs) return false;
      await this.#clock.sleep(LOOK_MS);
    }
    return true;
  }
}

function settingId({ server, region }: StoreAddress): string {
  return `postgresql/${server}/${region}/${PARAMETER}`;
}

/** By the name that the facts have for the listener. */
function assetOf(address: StoreAddress): AssetView {
  const { server, region } = address;
  const place = { workloads: [server], tenants: [], region, host: null, partOf: null };
  const id = `listener postgresql/${server}/${region}`;
  return { id, kind: 'service', ...place, settings: [settingId(address)], detail: {} };
}

function viewOf(id: string, { server }: StoreAddress, history: readonly SettingChange[]): SettingView {
  const place = { workloads: [server], tenant: null, needsRestart: false };
  const value = history.at(-1)?.value ?? null;
  return { id, kind: 'policy', ...place, revision: history.length, value, declared: undefined, history };
}

function isGood({ version }: Floor): boolean {
  return VERSIONS.indexOf(version) >= GOOD_MIN;
}

function toValue({ version, isAltered }: Floor): string {
  return `${version}${isAltered ? ALTERED : ''}`;
}

function toFloor(value: string): Floor {
  const isAltered = value.endsWith(ALTERED);
  return { version: isAltered ? value.slice(0, -ALTERED.length) : value, isAltered };
}

/** Undefined when the server speaks plain text. */
async function readFloor({ pool }: PostgresqlStore): Promise<Floor | undefined> {
  const { rows } = await pool.query<{ version: string; ssl: string; altered: boolean }>(
    `select current_setting($1) as version, current_setting('ssl') as ssl,
            exists (select from pg_file_settings where name = $1 and sourcefile like '%postgresql.auto.conf') as altered`,
    [PARAMETER],
  );
  const [row] = rows;
  return row?.ssl === 'on' ? { version: row.version, isAltered: row.altered } : undefined;
}

/** Null: whatever the other files say. */
async function write({ pool }: PostgresqlStore, version: string | null): Promise<void> {
  if (version !== null && version !== '' && !VERSIONS.includes(version)) {
    throw new KinError('move.invalid', `${PARAMETER} cannot become ${version}`);
  }
  const change = version === null ? `reset ${PARAMETER}` : `set ${PARAMETER} = '${version}'`;
  await pool.query(`alter system ${change}`);
  await pool.query('select pg_reload_conf()');
}

function notSettled(setting: string, version: string): KinError {
  return new KinError('resource.conflict', `${setting} is not ${version || 'empty'} after it was written`);
}
