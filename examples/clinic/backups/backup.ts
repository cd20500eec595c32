import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Client } from 'pg';

/** A cluster on this machine, entered as its superuser. */
export interface Source {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** Contents that the server makes anew, or that come after the copy; PostgreSQL 18, 25.3.4. */
const LEFT_OUT =
  /^(?:pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_stat_tmp|pg_subtrans)\/|^postmaster\.|pgsql_tmp|pg_internal\.init/;
const RECORD = 'backup.json';

/**
 * A copy of a running cluster by PostgreSQL's own low-level procedure: start, copy the files, stop, copy the log that makes
 * them consistent. It has its name only when it is whole. Resolves with the name. Rejects and leaves nothing otherwise.
 */
export async function takeBackup(source: Source, folder: string, startedAt: Date): Promise<string> {
  const name = startedAt.toISOString().replaceAll(':', '');
  const beside = join(folder, `${name}.new`);
  const client = new Client({ ...source, database: 'postgres', application_name: 'backup' });
  await client.connect();
  try {
    const { rows } = await client.query<{ data: string; wal: string; xmin: string }>(
      `select current_setting('data_directory') as data, pg_walfile_name(pg_backup_start($1, true)) as wal,
         pg_snapshot_xmin(pg_current_snapshot())::text as xmin`,
      [name],
    );
    const { data, wal, xmin } = rows[0]!;
    await copyTree(data, join(beside, 'data'));
    const stopped = await client.query<{ label: string; map: string; wal: string }>(
      `select labelfile as label, spcmapfile as map, pg_walfile_name(lsn) as wal from pg_backup_stop(false)`,
    );
    const { label, map, wal: lastWal } = stopped.rows[0]!;
    await writeFile(join(beside, 'data', 'backup_label'), label);
    if (map.trim() !== '') throw new Error('the cluster has tablespaces, which are not copied here');
    await copyLog(join(data, 'pg_wal'), join(beside, 'data', 'pg_wal'), wal, lastWal);
    const files = await sizesBelow(join(beside, 'data'));
    const bytes = files.reduce((sum, size) => sum + size, 0);
    const record = { startedAt: startedAt.toISOString(), snapshotXmin: xmin, files: files.length, bytes };
    await writeFile(join(beside, RECORD), `${JSON.stringify(record)}\n`);
    await rename(beside, join(folder, name));
    return name;
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    throw error;
  } finally {
    await client.end();
  }
}

/** Removes what was cut off, and all but the newest `keep`. */
export async function removeOld(folder: string, keep: number): Promise<void> {
  const names = (await readdir(folder)).toSorted();
  const whole = names.filter((name) => !name.endsWith('.new'));
  const old = [...names.filter((name) => name.endsWith('.new')), ...whole.slice(0, Math.max(0, whole.length - keep))];
  for (const name of old) await rm(join(folder, name), { recursive: true, force: true });
}

/** Files come and go while the server runs; the log says what became of them. */
async function copyTree(from: string, to: string, root = from): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const path = join(from, entry.name);
    const name = relative(root, path);
    if (entry.isDirectory()) await copyTree(path, join(to, entry.name), root);
    else if (!LEFT_OUT.test(name)) await copyFile(path, join(to, entry.name)).catch(unlessGone);
  }
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** Without its first segment a copy could not be made consistent: then it is none. */
async function copyLog(from: string, to: string, first: string, last: string): Promise<void> {
  const segments = (await readdir(from)).filter((name) => /^[0-9A-F]{24}$/.test(name) && name >= first && name <= last);
  if (!segments.includes(first)) throw new Error('the log was recycled while the files were copied');
  for (const name of segments) await copyFile(join(from, name), join(to, name));
}

async function sizesBelow(folder: string): Promise<readonly number[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
}
