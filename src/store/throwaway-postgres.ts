import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { systemClock } from '../base/clock.ts';
import { type DatabaseConnection, waitForDatabase } from './database.ts';
import type { EmbeddedPostgresOptions } from './embedded-postgres.ts';
import { unprivilegedUser } from './unix-user.ts';

/** A real server of its own for one test file, in a folder that goes with it. */
export interface ThrowawayPostgres {
  readonly folder: string;
  readonly connection: DatabaseConnection;
  /** The server process now; `start` gives it another. */
  readonly process: ChildProcess;
  /** Sends the signal and resolves with the exit code (null after a kill) once the process has gone. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
  /** Starts a server on the same data and resolves when it answers. Does not wait for the one before it. */
  start(): Promise<void>;
  /** Ends the server and removes its folder. */
  close(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;

const ENTRY = `
const { runEmbeddedPostgres } = await import(process.argv[1]);
await runEmbeddedPostgres(JSON.parse(process.argv[2]));`;

/** Runs `runEmbeddedPostgres` as the keeper does: as the whole of a process. Its output is discarded unless `stdio` says. */
export function spawnPostgres(options: EmbeddedPostgresOptions, env: NodeJS.ProcessEnv = {}): ChildProcess {
  const entry = new URL('./embedded-postgres.ts', import.meta.url).href;
  const args = ['--input-type=module', '--eval', ENTRY, entry, JSON.stringify(options)];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
}

/**
 * Starts a server on an empty cluster, or on a copy of `data`, a base backup. Rejects when it does not answer within 30 s,
 * and leaves nothing.
 */
export async function startThrowawayPostgres(
  options: Partial<EmbeddedPostgresOptions> = {},
  env: NodeJS.ProcessEnv = {},
  data?: string,
): Promise<ThrowawayPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'kintsugi-postgres-'));
  // The server's user, when this process is root, has to pass through.
  await chmod(folder, 0o711);
  if (data !== undefined) await copyCluster(data, join(folder, 'postgres'));
  const server = new Throwaway(folder, options, env);
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** For the user that the server will run as. */
async function copyCluster(data: string, folder: string): Promise<void> {
  const to = join(folder, 'data');
  await cp(data, to, { recursive: true });
  const user = unprivilegedUser();
  const entries = await readdir(to, { recursive: true, withFileTypes: true });
  for (const path of [folder, to, ...entries.map((entry) => join(entry.parentPath, entry.name))]) {
    if (user) await chown(path, user.uid, user.gid);
  }
  await chmod(to, 0o700);
}

class Throwaway implements ThrowawayPostgres {
  readonly folder: string;
  readonly #options: EmbeddedPostgresOptions & { connectionFile: string };
  readonly #env: NodeJS.ProcessEnv;
  readonly #processes: ChildProcess[] = [];
  #connection: DatabaseConnection | undefined;

  constructor(folder: string, options: Partial<EmbeddedPostgresOptions>, env: NodeJS.ProcessEnv) {
    this.folder = folder;
    this.#env = env;
    this.#options = {
      dataDir: join(folder, 'postgres'),
      connectionFile: join(folder, 'connection.json'),
      sharedFolder: join(folder, 'shared'),
      user: 'kintsugi',
      database: 'kintsugi',
      ...options,
    };
  }

  get connection(): DatabaseConnection {
    assert(this.#connection, 'the server has answered');
    return this.#connection;
  }

  get process(): ChildProcess {
    const current = this.#processes.at(-1);
    assert(current, 'the server was started');
    return current;
  }

  async start(): Promise<void> {
    const server = spawnPostgres(this.#options, this.#env);
    this.#processes.push(server);
    const output: string[] = [];
    server.stderr?.on('data', (chunk) => output.push(String(chunk)));
    server.stdout?.resume();
    const ended = once(server, 'exit').then(() => {
      throw new Error(`the server ended: ${output.join('')}`);
    });
    // Also ends long after the race is over.
    ended.catch(() => undefined);
    await Promise.race([this.#answers(server.pid), ended]);
  }

  /** Until the socket is that of the process that was just started, whatever stood there before. */
  async #answers(pid: number | undefined): Promise<void> {
    const signal = systemClock.deadline(START_TIMEOUT_MS);
    for (;;) {
      const text = await readFile(this.#options.connectionFile, 'utf8').catch(() => undefined);
      if (text !== undefined) {
        const connection = JSON.parse(text) as Extract<DatabaseConnection, { host: string }>;
        const lock = await readFile(join(connection.host, `.s.PGSQL.${connection.port}.lock`), 'utf8').catch(() => '');
        if (Number.parseInt(lock, 10) === pid) {
          await (await waitForDatabase(connection, { clock: systemClock, signal })).close();
          this.#connection = connection;
          return;
        }
      }
      await systemClock.sleep(20, signal);
    }
  }

  async stop(signal: NodeJS.Signals): Promise<number | null> {
    return end(this.process, signal);
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((server) => end(server, 'SIGINT')));
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function end(server: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (server.exitCode === null && server.signalCode === null) {
    const exit = once(server, 'exit');
    server.kill(signal);
    await exit;
  }
  return server.exitCode;
}
