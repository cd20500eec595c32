import { writeDurably } from '../base/durable-file.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import { systemRandom } from '../base/random.ts';
import { type Cluster, initializeCluster, openCluster, writeAccessRules } from './cluster.ts';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import { bareEnvironment, runAs, type UnixUser, unprivilegedUser } from './unix-user.ts';

export interface EmbeddedPostgresOptions {
  /** Holds the cluster, or the name of the place that does (see `openCluster`). Made when it is not there. */
  readonly dataDir: string;
  /** Listen on TCP too, for workloads; needs `passwordEnv`. Left out: Unix socket only. */
  readonly port?: number;
  /** Address to listen on with `port`; 127.0.0.1 unless told. */
  readonly host?: string;
  /** Where to write down how to connect by Unix socket, as a `DatabaseConnection` in JSON. */
  readonly connectionFile?: string;
  /** Superuser of the cluster. */
  readonly user: string;
  /** Created with the cluster; `postgres` unless told. */
  readonly database?: string;
  /**
   * Environment variable with the superuser's password for TCP. It is set when the cluster is created and not changed
   * afterwards. The server does not get to see the variable.
   */
  readonly passwordEnv?: string;
  /** Where root keeps clusters and binaries that the server's user could not reach otherwise. */
  readonly sharedFolder?: string;
}

/** Names the socket file when there is no TCP port. */
const SOCKET_PORT = 5432;

/** How long children of a killed server may take to notice it; a long query has to come to its end first. */
const LEFTOVERS_TIMEOUT_MS = 60_000;
const LEFTOVERS_INTERVAL_MS = 50;

/**
 * Turns this process into a PostgreSQL server: same pid, so that who signals or kills the one signals or kills the other.
 * SIGINT shuts down fast, SIGTERM waits for clients, SIGQUIT and SIGKILL leave the rest to crash recovery. The cluster is
 * created when there is none. After a kill it waits until the processes of the former server have gone.
 * Never resolves; rejects with `postgres.missing` or `postgres.start-failed` and leaves the cluster as it was.
 */
export async function runEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<never> {
  const sharedFolder = options.sharedFolder ?? '/var/lib/kintsugi';
  const user = unprivilegedUser();
  const account = accountOf(options);
  process.umask(0o077);
  const binaries = await findPostgresBinaries(user, sharedFolder);
  const cluster = await inStep('prepare the cluster', () =>
    openCluster(options.dataDir, user, sharedFolder, systemRandom),
  );
  await inStep('create the cluster', () => initializeCluster(cluster, binaries, user, account));
  await inStep('write the access rules', () => writeAccessRules(cluster, user));
  const args = serverArguments(cluster, options);
  await waitForLeftovers(binaries, user, args, systemClock);
  if (options.connectionFile !== undefined) {
    const connection = { host: cluster.socketFolder, port: options.port ?? SOCKET_PORT, ...userAndDatabase(account) };
    writeDurably(options.connectionFile, `${JSON.stringify(connection)}\n`);
  }
  return becomeServer(cluster, binaries, user, args);
}

function userAndDatabase({ user, database }: { user: string; database: string }): { user: string; database: string } {
  return { user, database };
}

function accountOf(options: EmbeddedPostgresOptions): { user: string; database: string; password?: string } {
  const account = { user: options.user, database: options.database ?? 'postgres' };
  if (options.passwordEnv === undefined) {
    if (options.port === undefined) return account;
    throw new KinError('postgres.start-failed', 'a TCP port needs a password: name its environment variable');
  }
  const password = process.env[options.passwordEnv];
  if (!password)
    throw new KinError('postgres.start-failed', `the environment variable ${options.passwordEnv} is empty`);
  return { ...account, password };
}

async function inStep<T>(name: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof KinError) throw cause;
    throw new KinError('postgres.start-failed', `cannot ${name}`, { cause });
  }
}

/** All settings are arguments: there is no second place to look, and a new version of Kintsugi changes them at once. */
function serverArguments(cluster: Cluster, options: EmbeddedPostgresOptions): string[] {
  const settings: Record<string, string | number> = {
    listen_addresses: options.port === undefined ? '' : (options.host ?? '127.0.0.1'),
    port: options.port ?? SOCKET_PORT,
    unix_socket_directories: cluster.socketFolder,
    unix_socket_permissions: '0700',
    hba_file: cluster.hba,
    // What was acknowledged must outlast a power cut.
    fsync: 'on',
    synchronous_commit: 'on',
    // A small machine that has other things to do.
    shared_buffers: '64MB',
    max_connections: 60,
    max_wal_size: '256MB',
    io_method: 'sync',
    huge_pages: 'off',
    // To stderr, which the keeper captures; in the language that is compared below.
    logging_collector: 'off',
    log_line_prefix: '%m [%p] ',
    lc_messages: 'C',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  return ['-D', cluster.data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/**
 * Asks the server for a value that it can compute only after it has taken the data directory: this fails while processes
 * of a former server still hold it (the lock file or the shared memory block), and for every other reason for which the
 * start would fail.
 */
async function waitForLeftovers(
  binaries: PostgresBinaries,
  user: UnixUser | undefined,
  args: readonly string[],
  clock: Clock,
): Promise<void> {
  const deadlineMs = clock.monotonicMs() + LEFTOVERS_TIMEOUT_MS;
  for (;;) {
    const trial = await inStep('run postgres', () =>
      runAs(user, binaries.postgres, [...args, '-C', 'shared_memory_size']),
    );
    if (trial.status === 0) return;
    const inUse = /is still in use|lock file ".*" already exists/.test(trial.output);
    if (!inUse || clock.monotonicMs() > deadlineMs) {
      throw new KinError('postgres.start-failed', `postgres: ${trial.output.trim().split('\n').slice(-5).join('; ')}`);
    }
    await clock.sleep(LEFTOVERS_INTERVAL_MS);
  }
}

function becomeServer(
  cluster: Cluster,
  binaries: PostgresBinaries,
  user: UnixUser | undefined,
  args: readonly string[],
): never {
  if (!process.execve) throw new KinError('postgres.start-failed', 'this Node.js cannot replace its process (execve)');
  try {
    if (user) {
      process.setgroups?.([user.gid]);
      process.setgid?.(user.gid);
      process.setuid?.(user.uid);
    }
    process.chdir(cluster.folder);
    return process.execve(binaries.postgres, [binaries.postgres, ...args], bareEnvironment());
  } catch (cause) {
    throw new KinError('postgres.start-failed', `cannot become ${binaries.postgres}`, { cause });
  }
}
