import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const clinic = dirname(import.meta.dirname);
const embedded = join(clinic, '..', '..', 'src', 'store', 'embedded-postgres.ts');
const DATABASE_PROGRAM = `
  const { runEmbeddedPostgres } = await import(process.argv[1]);
  const [dataDir, sharedFolder, port] = process.argv.slice(2);
  await runEmbeddedPostgres({ dataDir, sharedFolder, port: Number(port), user: 'postgres', passwordEnv: 'POSTGRES_PASSWORD' });
`;

/** A process with what it wrote, and how it ended. */
export interface Program {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exited: Promise<number | null>;
}

/** One running service and how to talk to it. */
export interface Service extends Program {
  readonly port: number;
  readonly url: string;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits for a state that no event announces. Throws when it has not come within 20 s. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await sleep(25);
  }
}

export async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status;
}

/** A PostgreSQL server of its own and any number of the clinic's services on it, as real processes. */
export class ClinicBench {
  readonly #folder: string;
  readonly #programs: Program[] = [];
  readonly databasePort: number;
  #database: Program;

  private constructor(folder: string, databasePort: number) {
    this.#folder = folder;
    this.databasePort = databasePort;
    this.#database = this.startDatabase();
  }

  static async open(): Promise<ClinicBench> {
    const folder = await mkdtemp(join(tmpdir(), 'clinic-'));
    await chmod(folder, 0o711); // The server gives up root, and has to get to its data.
    return new ClinicBench(folder, await freePort());
  }

  startDatabase(): Program {
    const args = [embedded, join(this.#folder, 'data'), join(this.#folder, 'shared'), String(this.databasePort)];
    const env = { ...process.env, POSTGRES_PASSWORD: 'superuser-of-the-test' };
    this.#database = this.run(['--input-type=module', '-e', DATABASE_PROGRAM, ...args], env);
    return this.#database;
  }

  async stopDatabase(): Promise<void> {
    this.#database.child.kill('SIGINT');
    await this.#database.exited;
  }

  /** Starts an entry such as `services/records/main.ts`; resolves once it listens. `ready` waits for readiness too. */
  async startService(entry: string, env: Record<string, string> = {}, ready = true): Promise<Service> {
    const port = await freePort();
    const program = this.run([join(clinic, entry)], {
      PATH: process.env['PATH'],
      HOST: '127.0.0.1',
      PORT: String(port),
      DB_HOST: '127.0.0.1',
      DB_PORT: String(this.databasePort),
      DB_OWNER_PASSWORD: 'superuser-of-the-test',
      DB_APP_PASSWORD: "o'app of the test",
      ...env,
    });
    const url = `http://127.0.0.1:${port}`;
    const probe = async () => (await statusOf(`${url}/health/${ready ? 'ready' : 'live'}`)) === 200;
    await until(`${entry} answers\n${program.output()}`, probe).catch((error: Error) => {
      throw new Error(`${error.message}\n${program.output()}`);
    });
    return { ...program, port, url };
  }

  run(args: string[], env: NodeJS.ProcessEnv): Program {
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: string[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    const exited = once(child, 'close').then(([code]) => code as number | null);
    const program = { child, output: () => chunks.join(''), exited };
    this.#programs.push(program);
    return program;
  }

  async close(): Promise<void> {
    for (const { child, exited } of this.#programs.filter((program) => program !== this.#database)) {
      child.kill('SIGKILL');
      await exited;
    }
    await this.stopDatabase();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
