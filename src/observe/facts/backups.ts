import type { Client } from 'pg';
import type { Clock } from '../../base/clock.ts';
import { Redacted } from '../../base/redacted.ts';
import type { DatabaseConnection } from '../../store/database.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import type { Collector } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { type Backup, newestBackup } from './backup-folder.ts';
import { placeCollector, reasonOf, unknown, Unmeasured, value } from './place-collector.ts';
import { inSession, type PostgresPlace, rowsOf } from './postgres-place.ts';
import { readTenantTables } from './row-security-catalog.ts';
import { type RegionalStore, tenantsIn } from './tenant-stores.ts';

/** A store whose server is backed up, and where to. */
export interface BackedStore extends RegionalStore {
  readonly folder: string;
  /** Where the backups are. */
  readonly backupRegion: string;
}

export interface BackupsOptions {
  readonly stores: () => readonly BackedStore[];
  readonly clock: Clock;
}

/** Stores on one server have one backup: what is wrong with it is one thing. */
export function backedServers(
  stores: readonly BackedStore[],
): readonly (BackedStore & { stores: readonly BackedStore[] })[] {
  return [...Map.groupBy(stores, ({ folder }) => folder).values()].map((here) => {
    const [first] = here as [BackedStore];
    return { ...first, subject: `postgresql/${first.server}/${first.region}`, stores: here };
  });
}

const HOUR_MS = 3_600_000;
/** Rows of one table that are compared in one test, as they lie. */
const ROWS_MAX = 20_000;
const RESTORE_MS = 120_000;
/** A backup that was restored is restored again after this time, where no newer one came. */
const AGAIN_MS = 24 * HOUR_MS;

/**
 * The age of the newest backup of each server that is whole. Where none is, all would be lost since the database was made, so
 * that is its age. Whether it can be restored is measured apart.
 */
export function backupAges({ stores, clock }: BackupsOptions): Collector {
  return placeCollector({
    name: 'backup-ages',
    facts: ['backup.ageHours'],
    everyMs: 30_000,
    timeoutMs: 60_000,
    placeMs: 20_000,
    places: () => backedServers(stores()),
    clock,
    look: async (store, signal) => {
      const backup = await newestBackup(store.folder);
      const since = backup?.startedAt ?? (await inSession(store, store.admin, signal, madeAt));
      const hours = Math.max(0, clock.now() - since) / HOUR_MS;
      return { readings: { 'backup.ageHours': value(hours) }, transcript: { backup: backup?.name ?? null, since } };
    },
  });
}

/** PostgreSQL puts the second of its creation into the upper half of a cluster's identifier. */
async function madeAt(client: Client): Promise<number> {
  const text = 'select (system_identifier >> 32)::float8 * 1000 as ms from pg_control_system()';
  const [row] = await rowsOf<{ ms: number }>(client, text);
  if (!row) throw new Unmeasured('the server does not say when it was made');
  return row.ms;
}

export interface BackupRestoresOptions extends BackupsOptions {
  readonly tenants: () => readonly string[];
}

const NAME = 'backup-restores';

/** What PostgreSQL says of a copy on which it cannot come up; other reasons not to start say nothing of the backup. */
const NO_BACKUP =
  /WAL ends before|could not locate|required checkpoint|invalid (?:page|data|checksum|contents|record)|is missing|No such file|not a valid|PANIC/;

/** Corrupted data, corrupted index, no such table: what cannot be read there is not there. */
const UNREADABLE = new Set(['XX001', 'XX002', '42P01']);

/** What one restore showed. */
interface Restored {
  readonly backup: string;
  readonly at: number;
  readonly equal: ReadonlyMap<string, Measured>;
  /** Who has rows in it; undefined when that could not be told. */
  readonly tenants: readonly string[] | undefined;
}

/**
 * Restores the newest backup of each server into a scratch server of its own, which listens on no network and is removed
 * afterwards. Rows that the source has had unchanged since before the backup began have to be there, each byte; and whose rows
 * are there says whose backups are in that region. Each backup is restored once, and again after a day. Not compared are rows that changed or went since, and more than 20,000 rows
 * of a table.
 */
export function backupRestores({ stores, tenants, clock }: BackupRestoresOptions): Collector {
  const known = new Map<string, Restored>();
  return {
    name: NAME,
    facts: ['backup.restore.equal', 'residency.backups'],
    everyMs: 10 * 60_000,
    timeoutMs: 15 * 60_000,
    async collect(signal) {
      const all = stores();
      const backups = await Promise.all(all.map(({ folder }) => newestBackup(folder)));
      // A stack that starts has no backup yet: nothing to look at, and looked for again soon.
      if (all.length === 0 || backups.some((each) => !each)) return [];
      for (const [folder, here] of Map.groupBy(all, (each) => each.folder)) {
        const backup = backups[all.findIndex((each) => each.folder === folder)]!;
        const before = known.get(folder);
        const holds = before?.backup === backup.name && isKnown(before) && clock.now() - before.at < AGAIN_MS;
        if (!holds) known.set(folder, await restored(here, backup, tenants(), clock, signal));
      }
      const equal = backedServers(all).map((server) => {
        const { equal, at } = known.get(server.folder)!;
        return factOf('backup.restore.equal', server, equalOf(server.stores, equal), at);
      });
      return [...equal, ...residencyOf(all, known, tenants())];
    },
  };
}

/** One store that is not as its source was decides, and is named. */
function equalOf(stores: readonly BackedStore[], equal: Restored['equal']): Measured {
  const each = stores.map(({ subject }) => equal.get(subject) ?? unknown('it was not looked at'));
  const worse = stores.filter((_, i) => each[i]?.kind === 'value' && each[i].value === false);
  const detail = worse.map(({ subject }) => subject).join('; ');
  if (worse.length > 0) return { kind: 'value', value: false, detail };
  return each.find(({ kind }) => kind === 'unknown') ?? value(true);
}

function isKnown({ equal, tenants }: Restored): boolean {
  return tenants !== undefined && [...equal.values()].every(({ kind }) => kind === 'value');
}

/** In which regions there are backups with rows of each tenant. */
function residencyOf(all: readonly BackedStore[], known: ReadonlyMap<string, Restored>, names: readonly string[]) {
  const places = [...new Map(all.map(({ folder, backupRegion }) => [folder, backupRegion]))];
  const restores = places.map(([folder, region]) => ({ region, ...known.get(folder)! }));
  const isBlind = restores.some(({ tenants }) => tenants === undefined);
  const at = Math.min(...restores.map((each) => each.at));
  return names.map((name): Fact => {
    const regions = new Set(restores.flatMap(({ tenants, region }) => (tenants?.includes(name) ? [region] : [])));
    const measured = isBlind ? unknown('a backup could not be looked into') : value([...regions].toSorted());
    return factOf('residency.backups', { subject: name, tenants: [name] }, measured, at);
  });
}

function factOf(name: Fact['name'], place: Pick<Fact, 'subject' | 'tenants'>, measured: Measured, at: number): Fact {
  const { subject, tenants } = place;
  return { name, subject, tenants, measured, measuredAt: at, collector: NAME, evidence: null };
}

async function restored(
  stores: readonly BackedStore[],
  backup: Backup,
  names: readonly string[],
  clock: Clock,
  signal: AbortSignal,
): Promise<Restored> {
  const deadline = clock.deadline(RESTORE_MS, signal);
  let scratch: ThrowawayPostgres | undefined;
  try {
    scratch = await startThrowawayPostgres({ user: stores[0]!.admin.user, database: 'postgres' }, {}, backup.data);
    const equal = new Map<string, Measured>();
    const owners = new Set<string>();
    for (const store of stores) {
      const copy = copyOf(store, scratch.connection);
      equal.set(store.subject, await compared(store, copy, backup, deadline));
      for (const name of await tenantsIn(copy, names, deadline)) owners.add(name);
    }
    return { backup: backup.name, at: clock.now(), equal, tenants: [...owners] };
  } catch (error) {
    const measured = !scratch && NO_BACKUP.test(String(error)) ? value(false) : unknown(reasonOf(error));
    const equal = new Map(stores.map(({ subject }) => [subject, measured]));
    return { backup: backup.name, at: clock.now(), equal, tenants: undefined };
  } finally {
    await scratch?.close();
  }
}

/** The same store in the scratch server, which asks for no password on its own socket. */
function copyOf(store: BackedStore, connection: DatabaseConnection): PostgresPlace {
  const { host, port, user } = connection as { host: string; port: number; user: string };
  return { ...store, host, port, admin: { user, password: new Redacted('') } };
}

/** Of each row that no transaction since the backup has touched: a digest. Wraparound is handled by `age`. */
const OLD_ROWS = (table: string) => `
  select md5(t::text) as digest from ${table} t
  where age(t.xmin) > pg_snapshot_xmax(pg_current_snapshot())::text::bigint - $1::bigint
  order by t.ctid limit ${ROWS_MAX}`;

async function compared(
  source: BackedStore,
  copy: PostgresPlace,
  { snapshotXmin }: Backup,
  signal: AbortSignal,
): Promise<Measured> {
  let [old, all, missing] = [0, 0, 0];
  const tables = await inSession(source, source.admin, signal, (client) => readTenantTables(client, source));
  for (const { table } of tables) {
    const digests = await inSession(source, source.admin, signal, async (client) => {
      all += (await rowsOf(client, `select from ${table} limit 1`)).length;
      return (await rowsOf<{ digest: string }>(client, OLD_ROWS(table), [String(snapshotXmin)])).map(
        (row) => row.digest,
      );
    });
    old += digests.length;
    missing += await inSession(copy, copy.admin, signal, async (client) => {
      const text = `select count(*)::int as missing from unnest($1::text[]) as digest
        where not exists (select from (select md5(t::text) as held from ${table} t) as rows where held = digest)`;
      const [row] = await rowsOf<{ missing: number }>(client, text, [digests]).catch((error: unknown) => {
        if (UNREADABLE.has((error as { code?: string }).code ?? '')) return [{ missing: digests.length }];
        throw error;
      });
      return row?.missing ?? 0;
    });
  }
  if (missing > 0) return value(false);
  if (old === 0 && all > 0) return unknown('every row is younger than the backup: nothing could be compared');
  return value(true);
}
