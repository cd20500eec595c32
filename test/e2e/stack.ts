import { once } from 'node:events';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { systemClock as clock } from '../../src/base/clock.ts';
import { systemRandom as random } from '../../src/base/random.ts';
import { type SocketClient, socketClient } from '../../src/base/socket-http.ts';
import { type StateDirectory, stateDirectory } from '../../src/base/state-directory.ts';
import type { IncidentAnswer, IncidentSummary, InstanceStatus, Status, WorkloadStatus } from '../../src/cli/answers.ts';
import { readKeeperRecord } from '../../src/drivers/process/keeper-record.ts';
import { findMarked, isAlive, type ProcessIdentity } from '../../src/drivers/process/process-identity.ts';
import { type ProcessDriver, processDriver } from '../../src/drivers/process/process-driver.ts';
import type { LedgerEvent } from '../../src/ledger/entry.ts';
import { readEntries } from '../../src/ledger/verify.ts';
import { clusterFolder } from '../../src/store/cluster.ts';
import { kintsugi, type Program, type Result, ROOT, start, until } from './program.ts';

export const CLINIC = join(ROOT, 'examples', 'clinic', 'stack.yaml');

/** Below the ports that the keeper gives to instances, and away from those that people use for stacks of their own. */
const PORT_MIN = 10_000;
const PORT_COUNT = 6_000;

/** Ports that nobody listens on, on any address of this machine. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const port = PORT_MIN + Math.floor(random.next() * PORT_COUNT);
    if (!found.includes(port) && (await isFree(port))) found.push(port);
  }
  return found;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ host: '0.0.0.0', port, exclusive: true });
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** A whole stack of real processes on a state directory and ports of its own. `close` leaves nothing of it. */
export class Stack {
  readonly state: StateDirectory;
  readonly gateway: string;
  readonly control: SocketClient;
  readonly keeper: ProcessDriver;
  readonly #manifest: string;
  readonly #ports: readonly string[];
  readonly #programs: Program[] = [];
  #up: Program | undefined;

  private constructor(manifest: string, ports: readonly number[]) {
    this.state = stateDirectory(mkdtempSync(join(tmpdir(), 'kin-e-')));
    const [port, api, internal] = ports;
    this.gateway = `http://127.0.0.1:${port}`;
    this.control = socketClient(this.state.socket('control'), 'control.unreachable');
    this.keeper = processDriver(this.state.socket('keeper'), clock);
    this.#manifest = manifest;
    this.#ports = ['--port', `${port}`, '--api-port', `${api}`, '--internal-port', `${internal}`];
    process.once('exit', this.#killEverything);
  }

  /** Chooses folder and ports; starts nothing. */
  static async create(manifest = CLINIC): Promise<Stack> {
    return new Stack(manifest, await freePorts(3));
  }

  /** Starts the stack, or a new keeper for what is left of it. Resolves when everything is ready. */
  async up(): Promise<void> {
    const up = this.begin();
    const ready = until('the stack is ready', () => isOver(up) || up.out().includes(' ready after '));
    await ready.catch((cause: unknown) => {
      throw new Error(`kintsugi up is not ready:\n${up.out()}${up.err()}`, { cause });
    });
    if (isOver(up)) throw new Error(`kintsugi up ended:\n${up.out()}${up.err()}`);
  }

  /** As `up`, without waiting. */
  begin(): Program {
    this.#up = start('bin/kintsugi.js', ['up', this.#manifest, '--state', this.state.root, ...this.#ports]);
    this.#programs.push(this.#up);
    return this.#up;
  }

  /** Runs `kintsugi` on this state to its end. */
  cli(...args: readonly string[]): Promise<Result> {
    return kintsugi('--state', this.state.root, ...args);
  }

  /** Runs a client of the stack that `close` ends if nobody else did. */
  client(script: string, args: readonly string[]): Program {
    const program = start(script, args);
    this.#programs.push(program);
    return program;
  }

  status(): Promise<Status> {
    return this.control.call<Status>('GET', '/v1/status', undefined, clock.deadline(5_000));
  }

  async workload(name: string): Promise<WorkloadStatus> {
    const found = (await this.status()).workloads.find((each) => each.name === name);
    if (!found) throw new Error(`there is no workload ${name}`);
    return found;
  }

  /** Some ready occupant in the region, the same one as long as nothing changes. Waits until there is one. */
  instance(workload: string, region = 'eu'): Promise<InstanceStatus & { readonly pid: number }> {
    return until(`an instance of ${workload} in ${region} is ready`, async () => {
      const { instances } = await this.workload(workload);
      for (const { pid, ...found } of instances)
        if (found.role === 'occupant' && found.ready && found.region === region && pid !== null)
          return { ...found, pid };
      return undefined;
    });
  }

  async incidents(): Promise<readonly IncidentSummary[]> {
    return (await this.control.call<{ incidents: IncidentSummary[] }>('GET', '/v1/incidents?limit=100')).incidents;
  }

  /** The newest incident about this subject, such as an instance. */
  async incidentOf(subject: string): Promise<IncidentSummary | undefined> {
    return (await this.incidents()).find((each) => each.subject.split(' ').includes(subject));
  }

  incident(id: string): Promise<IncidentAnswer> {
    return this.control.call<IncidentAnswer>('GET', `/v1/incidents/${id}`);
  }

  /** Resolves with the incident when it is closed. */
  closed(subject: string): Promise<IncidentSummary> {
    return until(`the incident of ${subject} is closed`, async () => {
      const incident = await this.incidentOf(subject);
      return incident?.state === 'closed' ? incident : undefined;
    });
  }

  /** What the ledger holds now, read from its files. */
  async entries(): Promise<readonly LedgerEvent[]> {
    const events: LedgerEvent[] = [];
    for await (const { event } of readEntries(this.state.ledger)) events.push(event);
    return events;
  }

  /** Kills the keeper and nothing else. */
  async kill9Keeper(): Promise<void> {
    const up = this.#up;
    const pid = Number(/ keeper (\d+) on /.exec(up?.out() ?? '')?.[1]);
    if (!up || !pid) throw new Error('no keeper was started');
    process.kill(pid, 'SIGKILL');
    await up.ended;
  }

  /** As if the machine had lost its power: everything dies at once. */
  async kill9All(): Promise<void> {
    await this.kill9Keeper();
    this.#killChildren();
    await until('all are gone', () => this.#living().length === 0);
  }

  /** Stops everything in order, as Ctrl-C does. Resolves with the exit code of `kintsugi up`. */
  async stop(): Promise<number | null> {
    this.#up?.child.kill('SIGINT');
    return (await this.#up?.ended) ?? null;
  }

  /** Ends every process, whoever started it, and removes every file. */
  async close(): Promise<void> {
    const files = [this.state.root, ...this.#clusters()];
    for (const { child } of this.#programs) child.kill('SIGTERM');
    await Promise.race([Promise.all(this.#programs.map(({ ended }) => ended)), clock.sleep(30_000)]);
    this.#killEverything();
    await until('all processes are gone', () => this.#living().length === 0);
    process.off('exit', this.#killEverything);
    await Promise.all([this.control.close(), this.keeper.close()]);
    for (const file of files) rmSync(file, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  /** Where PostgreSQL keeps its data outside of the state directory, when this test runs as root. */
  #clusters(): readonly string[] {
    const markers = globSync(['postgres/LOCATION', 'data/*/*/LOCATION'], { cwd: this.state.root });
    const folders = markers.map((marker) => clusterFolder(join(this.state.root, marker, '..')));
    return folders.filter((folder) => basename(folder).startsWith('cluster-'));
  }

  #living(): readonly ProcessIdentity[] {
    const { children } = existsSync(this.state.keeperFile) ? readKeeperRecord(this.state.keeperFile) : { children: [] };
    const recorded = children.flatMap(({ status: { pid }, startTime }) =>
      pid === null || startTime === null ? [] : [{ pid, startTime }],
    );
    const marked = findMarked(this.state.root).map(({ identity }) => identity);
    return [...recorded, ...marked].filter(isAlive);
  }

  /** Children are sessions of their own: each goes with what it started. */
  #killChildren(): void {
    for (const { pid } of this.#living()) {
      kill(-pid);
      kill(pid);
    }
  }

  readonly #killEverything = (): void => {
    const keeper = Number(/ keeper (\d+) on /.exec(this.#up?.out() ?? '')?.[1]);
    if (this.#up && keeper && !isOver(this.#up)) kill(keeper);
    for (const program of this.#programs) if (!isOver(program)) program.child.kill('SIGKILL');
    this.#killChildren();
  };
}

function isOver({ child }: Program): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

/** Ids and pids of all living processes that carry the marks of this state's keeper, doubles too. */
export function markedPids(state: StateDirectory): readonly { readonly id: string; readonly pid: number }[] {
  const found = globSync('[0-9]*', { cwd: '/proc' }).flatMap((pid) => {
    const environment = readProc(pid, 'environ').split('\0');
    if (!environment.includes(`KINTSUGI_KEEPER=${state.root}`)) return [];
    const id = environment.find((each) => each.startsWith('KINTSUGI_INSTANCE='))?.split('=')[1] ?? '';
    const [, parent] = readProc(pid, 'stat')
      .replace(/^.*\) /s, '')
      .split(' ');
    return [{ id, pid: Number(pid), parent: Number(parent) }];
  });
  // What a child starts inherits its marks.
  return found
    .filter(({ id, parent }) => !found.some((each) => each.id === id && each.pid === parent))
    .map(({ id, pid }) => ({ id, pid }));
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(join('/proc', pid, file), 'utf8');
  } catch {
    return '';
  }
}
