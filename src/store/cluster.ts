import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, statSync } from 'node:fs';
import { chmod, chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { syncFolder, writeDurably } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { canEnter, openSharedFolder, runAs, type UnixUser } from './unix-user.ts';

/** Where one PostgreSQL cluster keeps its things. All of it belongs to the user that the server runs under, 0700. */
export interface Cluster {
  readonly folder: string;
  /** PGDATA. */
  readonly data: string;
  readonly hba: string;
  /** Folder of the Unix socket. */
  readonly socketFolder: string;
}

/** In a data directory whose cluster lies elsewhere: the path of that place. */
const LOCATION = 'LOCATION';

/** Of `<folder>/.s.PGSQL.<port>`: what Linux (108) and macOS (104) both take, with its final zero byte. */
const SOCKET_PATH_BYTES_MAX = 103;

/** The folder that holds the cluster of `dataDir`: itself, or the place that its LOCATION names. */
export function clusterFolder(dataDir: string): string {
  const marker = join(dataDir, LOCATION);
  return existsSync(marker) ? readFileSync(marker, 'utf8').trim() : resolve(dataDir);
}

/**
 * Finds or makes the folder of a cluster. It is `dataDir` itself when `user` can reach that, otherwise a folder below
 * `sharedFolder` that `dataDir` remembers. Rejects with `postgres.start-failed`, also when the remembered one is gone:
 * starting anew would hide that the data were lost.
 */
export async function openCluster(
  dataDir: string,
  user: UnixUser | undefined,
  sharedFolder: string,
  random: Random,
): Promise<Cluster> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const known = clusterFolder(dataDir);
  if (known !== resolve(dataDir)) {
    if (existsSync(known)) return layout(known, user);
    throw new KinError('postgres.start-failed', `the cluster ${known} named in ${join(dataDir, LOCATION)} is gone`);
  }
  if (!user) return layout(known, user);
  if (await canEnter(user, dirname(known))) {
    await own(known, user);
    return layout(known, user);
  }
  const folder = join(sharedFolder, newId('ins', random).replace('ins_', 'cluster-'));
  await openSharedFolder(sharedFolder, user);
  await mkdir(folder, { mode: 0o700 });
  await own(folder, user);
  writeDurably(join(dataDir, LOCATION), `${folder}\n`);
  return layout(folder, user);
}

async function own(folder: string, user: UnixUser | undefined): Promise<void> {
  if (user) await chown(folder, user.uid, user.gid);
  await chmod(folder, 0o700);
}

async function layout(folder: string, user: UnixUser | undefined): Promise<Cluster> {
  const socketFolder = socketFolderOf(folder);
  await mkdir(socketFolder, { recursive: true, mode: 0o700 });
  refuseForeign(socketFolder, user);
  await own(socketFolder, user);
  return { folder, data: join(folder, 'data'), hba: join(folder, 'pg_hba.conf'), socketFolder };
}

/** Below the cluster, unless that path is too long or has characters that the setting would have to quote. */
function socketFolderOf(folder: string): string {
  const own = join(folder, 'run');
  const fits = Buffer.byteLength(join(own, '.s.PGSQL.65535')) <= SOCKET_PATH_BYTES_MAX;
  if (fits && /^[\w./-]+$/.test(own)) return own;
  return `/tmp/kintsugi-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`;
}

/** /tmp is everybody's: a folder that somebody else has put there under our name would be theirs to listen in. */
function refuseForeign(folder: string, user: UnixUser | undefined): void {
  const found = lstatSync(folder);
  const owners = [process.getuid?.(), user?.uid];
  if (found.isDirectory() && owners.includes(found.uid)) return;
  throw new KinError('postgres.start-failed', `${folder} belongs to somebody else`, { details: { path: folder } });
}

export interface ClusterAccount {
  /** The superuser of the cluster. */
  readonly user: string;
  readonly database: string;
  /** For TCP; the Unix socket asks for none. */
  readonly password?: string;
}

/**
 * Creates the cluster and its database unless that was done before. It is made beside its place and renamed, so that a
 * crash leaves none rather than half of one. Rejects with `postgres.start-failed`.
 */
export async function initializeCluster(
  cluster: Cluster,
  binaries: PostgresBinaries,
  user: UnixUser | undefined,
  account: ClusterAccount,
): Promise<void> {
  if (statSync(join(cluster.data, 'PG_VERSION'), { throwIfNoEntry: false })) return;
  const beside = `${cluster.data}.new`;
  const passwordFile = join(cluster.folder, 'password.tmp');
  await rm(beside, { recursive: true, force: true });
  try {
    const password = account.password === undefined ? [] : [`--pwfile=${passwordFile}`];
    if (account.password !== undefined) await writeSecret(passwordFile, account.password, user);
    const args = [`--pgdata=${beside}`, `--username=${account.user}`, '--encoding=UTF8', '--locale=C'];
    await step('initdb', user, binaries.initdb, [...args, '--auth=trust', '--data-checksums', ...password]);
  } finally {
    await rm(passwordFile, { force: true });
  }
  if (account.database !== 'postgres') await createDatabase(beside, binaries, user, account.database);
  await rename(beside, cluster.data);
  syncFolder(cluster.folder);
}

async function writeSecret(path: string, secret: string, user: UnixUser | undefined): Promise<void> {
  await rm(path, { force: true });
  await writeFile(path, secret, { mode: 0o600, flag: 'wx' });
  if (user) await chown(path, user.uid, user.gid);
}

/** In single-user mode: nobody can connect yet. */
async function createDatabase(
  data: string,
  binaries: PostgresBinaries,
  user: UnixUser | undefined,
  name: string,
): Promise<void> {
  const statement = `create database "${name.replaceAll('"', '""')}"\n`;
  await step('create database', user, binaries.postgres, ['--single', '-D', data, 'postgres'], statement);
}

async function step(
  name: string,
  user: UnixUser | undefined,
  command: string,
  args: string[],
  input?: string,
): Promise<void> {
  const result = await runAs(user, command, args, input).catch((cause: unknown) => {
    throw new KinError('postgres.start-failed', `${name} could not be run`, { cause });
  });
  if (result.status === 0 && !/^.*(ERROR|FATAL|PANIC): /m.test(result.output)) return;
  const lines = result.output.trim().split('\n').slice(-5).join('; ');
  throw new KinError('postgres.start-failed', `${name} failed: ${lines}`);
}

/**
 * Who may connect how, written at each start. The Unix socket is `trust`: its folder can be entered only by the user of
 * the server and by root, who own the data anyway; `peer` would turn root away, because the server does not run as root.
 */
export async function writeAccessRules(cluster: Cluster, user: UnixUser | undefined): Promise<void> {
  const rules = ['local all all trust', 'host all all all scram-sha-256'];
  await writeFile(cluster.hba, `${rules.join('\n')}\n`, { mode: 0o600 });
  if (user) await chown(cluster.hba, user.uid, user.gid);
}
