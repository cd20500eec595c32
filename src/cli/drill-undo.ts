import { existsSync, rmSync, statSync, utimesSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { request } from 'undici';
import type { Clock } from '../base/clock.ts';
import { readJsonFile, writeDurably } from '../base/durable-file.ts';
import type { SignalCommand } from '../drivers/process/protocol.ts';
import type { Resource } from '../resources/resource.ts';
import { Secrets } from '../drivers/instance-environment.ts';
import type { DrillWorld } from './drill-world.ts';
import type { Invocation } from './invocation.ts';

/** Where SQL of a drill is run. The password stays in the state directory. */
export interface DatabaseDoor {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly secret: string;
}

/**
 * How a fault is taken back, as plain data: it is on disk before the fault is done, so that a drill that was killed is
 * taken back by the next one. Each of them may be done twice, and does nothing where the fault is gone already.
 */
export type Undo =
  | { readonly kind: 'sql'; readonly door: DatabaseDoor; readonly statements: readonly string[] }
  /** Ends what an instance of the example was told to do. */
  | {
      readonly kind: 'order';
      readonly instance: string;
      readonly scheme: 'http' | 'https';
      readonly host: string;
      readonly port: number;
    }
  /** Makes a text unreadable in every log of an instance, in place. */
  | { readonly kind: 'mask'; readonly folder: string; readonly instance: string; readonly text: string }
  /** To whichever instance of the workload serves in the region then. */
  | {
      readonly kind: 'request';
      readonly workload: string;
      readonly region: string;
      readonly method: string;
      readonly path: string;
      readonly headers: Readonly<Record<string, string>>;
    }
  /** Files as they were, in base64; not those whose folder is gone. */
  | { readonly kind: 'files'; readonly files: Readonly<Record<string, string>> }
  /** What was declared before, unless the workload runs its version from before again. */
  | {
      readonly kind: 'apply';
      readonly workload: string;
      readonly version: number;
      readonly baseFolder: string;
      readonly resources: readonly Resource[];
      readonly by: string;
    }
  | { readonly kind: 'signal'; readonly id: string; readonly signal: SignalCommand['signal'] }
  | { readonly kind: 'all'; readonly undos: readonly Undo[] };

const SQL_MS = 10_000;
const LOCK_MS = 3_000;
const REQUEST_MS = 5_000;

/** Runs the statements one after the other, as an administrator of the database. */
export async function runSql(
  { state, context }: Invocation,
  { host, port, database, user, secret }: DatabaseDoor,
  statements: readonly string[],
): Promise<readonly Record<string, unknown>[]> {
  const password = new Secrets(state.secrets, context.random).read(secret).reveal();
  const session = { host, port, database, user, password, application_name: 'kintsugi-drill' };
  const client = new Client({
    ...session,
    connectionTimeoutMillis: LOCK_MS,
    query_timeout: SQL_MS,
    lock_timeout: LOCK_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows } = await client.query<Record<string, unknown>>(statement));
    return rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Rejects when the fault may still be there. */
export async function takeBack(invocation: Invocation, world: DrillWorld, undo: Undo): Promise<void> {
  switch (undo.kind) {
    case 'sql':
      await runSql(invocation, undo.door, undo.statements);
      return;
    case 'order':
      return takeBackOrder(world, undo);
    case 'mask':
      return maskLogs(undo);
    case 'request':
      return takeBackRequest(world, undo, invocation.context.clock.deadline(REQUEST_MS));
    case 'files':
      for (const [path, bytes] of Object.entries(undo.files)) {
        if (existsSync(dirname(path))) writeDurably(path, Buffer.from(bytes, 'base64'));
      }
      return;
    case 'apply':
      return takeBackApply(invocation, world, undo);
    case 'signal':
      await world.signal(undo.id, undo.signal);
      return;
    case 'all':
      for (const each of undo.undos) await takeBack(invocation, world, each);
  }
}

async function takeBackApply(
  invocation: Invocation,
  world: DrillWorld,
  { workload, version, baseFolder, resources, by }: Extract<Undo, { kind: 'apply' }>,
): Promise<void> {
  const now = (await world.status())?.workloads.find(({ name }) => name === workload);
  if (!now) throw new Error(`control does not tell what ${workload} runs`);
  if (now.targetVersion === version) return;
  await invocation.ask('POST', '/v1/apply', { documents: resources.map((resource) => ({ resource, baseFolder })), by });
}

async function takeBackRequest(
  world: DrillWorld,
  { workload, region, method, path, headers }: Extract<Undo, { kind: 'request' }>,
  signal: AbortSignal,
): Promise<void> {
  const instances = (await world.status())?.workloads.find(({ name }) => name === workload)?.instances;
  const instance = instances?.find((each) => each.ready && each.region === region);
  if (!instance) throw new Error(`no instance of ${workload} serves in ${region}`);
  const url = `http://${instance.host}:${instance.port}${path}`;
  const answer = await request(url, { method: method as 'DELETE', headers, signal });
  await answer.body.dump();
  if (answer.statusCode >= 300 && answer.statusCode !== 404) throw new Error(`${url} answered ${answer.statusCode}`);
}

/** An instance that is gone has taken its fault with it. */
async function takeBackOrder(
  world: DrillWorld,
  { instance, scheme, host, port }: Extract<Undo, { kind: 'order' }>,
): Promise<void> {
  const children = await world.children();
  if (children && !children.some(({ id, state }) => id === instance && state === 'running')) return;
  await world.order({ id: instance, scheme, host, port }, 'off', 0);
}

/** Same length, same place: who appends to the file meanwhile does not notice. */
async function maskLogs({ folder, instance, text }: Extract<Undo, { kind: 'mask' }>): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(instance));
  for (const name of names) {
    const file = await open(join(folder, name), 'r+');
    try {
      const content = (await file.readFile()).toString('latin1');
      for (let at = content.indexOf(text); at >= 0; at = content.indexOf(text, at + text.length)) {
        await file.write('x'.repeat(text.length), at, 'latin1');
      }
    } finally {
      await file.close();
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process runs all the same.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

interface Note {
  readonly fault: string;
  readonly undo: Undo;
  /** Whose it is: a drill that lives takes it back itself. */
  readonly pid?: number;
}

/** Numbers of processes come again: a drill that lives touches its note besides. */
const TOUCH_MS = 2_000;
const STALE_MS = 10_000;

/** What is to be taken back, on disk while the fault stands. */
export class DrillNote {
  readonly #path: string;

  constructor({ state }: Invocation) {
    this.#path = join(dirname(state.addressesFile), 'drill.json');
  }

  write(fault: string, undo: Undo): void {
    const note: Note = { fault, undo, pid: process.pid };
    writeDurably(this.#path, JSON.stringify(note));
  }

  /** Shows that its drill lives; the returned function ends that. */
  keep(clock: Clock): () => void {
    return clock.every(TOUCH_MS, () => {
      const seconds = clock.now() / 1_000;
      if (existsSync(this.#path)) utimesSync(this.#path, seconds, seconds);
    });
  }

  /** Whether the drill whose note is there is still at it. */
  isKept({ pid }: Note, clock: Clock): boolean {
    const touchedAt = statSync(this.#path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return pid !== undefined && isRunning(pid) && clock.now() - touchedAt < STALE_MS;
  }

  /** Of a drill that ended before it could take back what it did. */
  read(): Note | undefined {
    return readJsonFile(this.#path) as Note | undefined;
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }
}
