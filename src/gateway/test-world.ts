import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import { systemClock } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { Redacted } from '../base/redacted.ts';
import { listenOnSocket } from '../base/socket-http.ts';
import type { Ledger, NewEvent } from '../ledger/entry.ts';
import { type Gateway, type GatewayOptions, startGateway } from './server.ts';
import type { Snapshot } from './snapshot.ts';
import type { TelemetryReport } from './telemetry.ts';

export const SERVICE_TOKEN = 'a-token-of-services';
export const CANARY_TOKEN = 'a-token-of-probes';

type TenantEntry = Snapshot['tenants'][number];
type RouteEntry = Snapshot['routes'][number];
type InstanceEntry = Snapshot['instances'][number];
type MitigationEntry = Snapshot['mitigations'][number];

export function tenantEntry(name: string, over: Partial<TenantEntry> = {}): TenantEntry {
  return {
    name,
    regions: ['de'],
    hosts: [`${name}.test`],
    pathPrefixes: [],
    headers: [],
    apiKeySha256: [],
    emergencyKeySha256: [],
    apiKeyNames: [],
    requireKey: false,
    limits: { requestsPerSecond: 10_000, burst: 10_000, concurrency: 1_000 },
    audit: 'best-effort',
    routeClasses: [],
    throttle: null,
    ...over,
  };
}

export function routeEntry(workload: string, over: Partial<RouteEntry> = {}): RouteEntry {
  const safeMethods = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];
  return { workload, pathPrefix: '/', timeoutMs: 5_000, tryTimeoutMs: 1_000, safeMethods, ...over };
}

/** Refuses everything for an hour, until it is narrowed. */
export function mitigationEntry(over: Partial<MitigationEntry> = {}): MitigationEntry {
  const until = systemClock.now() + 3_600_000;
  const everything = { tenant: null, workload: null, route: null, fingerprint: null, keySha256: null };
  const times = { until, rampFrom: until };
  return { id: 'mit_1', kind: 'quarantine', ...everything, requestsPerSecond: 0, share: 1, ...times, ...over };
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A ledger in memory that can be away. Appending an id twice stores it once, as the real one does. */
class TestLedger implements Ledger {
  readonly events: NewEvent[] = [];
  isAway = false;
  async append(events: readonly NewEvent[]) {
    if (this.isAway) throw new KinError('ledger.unreachable', 'away');
    const known = new Set(this.events.map((event) => event.id));
    for (const event of events) if (!known.has(event.id)) this.events.push(event);
    return { indices: events.map((event) => this.events.findIndex((other) => other.id === event.id)) };
  }
  ofType(type: string): NewEvent[] {
    return this.events.filter((event) => event.type === type);
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A folder, upstreams, and gateways in it; all is gone after `close`. */
export class TestWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'kin-gw-'));
  readonly ledger = new TestLedger();
  readonly tenants: TenantEntry[] = [];
  readonly routes: RouteEntry[] = [];
  mitigations: Snapshot['mitigations'] = [];
  instances: InstanceEntry[] = [];
  revision = 0;
  epoch = 1;
  readonly #closers: (() => unknown)[] = [];
  #ordinals = 0;

  get snapshotFile(): string {
    return join(this.folder, 'snapshot.json');
  }

  /** The address of a letter box that nobody empties. */
  letterBox(): string {
    const file = join(this.folder, 'letter-box');
    writeFileSync(file, randomBytes(32).toString('base64url'));
    return file;
  }

  onClose(run: () => unknown): void {
    this.#closers.unshift(run);
  }

  /** Writes the snapshot as control does: beside, then renamed. */
  publish(): void {
    this.revision += 1;
    const { revision, epoch, tenants, routes, mitigations, instances } = this;
    const snapshot: Snapshot = {
      format: 1,
      revision,
      epoch,
      writtenAt: '2026-01-01T00:00:00.000Z',
      tenants,
      routes,
      mitigations,
      instances,
    };
    writeFileSync(`${this.snapshotFile}.tmp`, JSON.stringify(snapshot));
    renameSync(`${this.snapshotFile}.tmp`, this.snapshotFile);
  }

  addInstance(port: number, over: Partial<InstanceEntry> = {}): InstanceEntry {
    const id = `ins_${this.instances.length}`;
    const entry: InstanceEntry = {
      id,
      workload: 'web',
      version: 1,
      region: 'de',
      host: '127.0.0.1',
      port,
      state: 'ready',
      ...over,
    };
    this.instances.push(entry);
    return entry;
  }

  /** A server in this process, and its place in the snapshot. */
  async upstream(listener: RequestListener, over: Partial<InstanceEntry> = {}): Promise<Server> {
    const server = createServer(listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.onClose(() => {
      server.closeAllConnections();
      server.close();
    });
    this.addInstance((server.address() as AddressInfo).port, over);
    return server;
  }

  /** A server in a process of its own, that can be killed or stopped. It answers with its port after `delayMs`. */
  async process(delayMs = 0, over: Partial<InstanceEntry> = {}, port = 0): Promise<ChildProcess> {
    const code = `const s=require('node:http').createServer((q,r)=>{q.resume();setTimeout(()=>r.end('p'+process.pid),${delayMs})});
      s.listen(${port},'127.0.0.1',()=>console.log(s.address().port))`;
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.onClose(() => child.kill('SIGKILL'));
    const [line] = await once(child.stdout as NodeJS.ReadableStream, 'data');
    this.addInstance(Number(String(line)), over);
    return child;
  }

  /** Control's ear: the reports that arrive at its socket. */
  async control(): Promise<readonly TelemetryReport[]> {
    const reports: TelemetryReport[] = [];
    const server = createServer(async (request, response) => {
      reports.push((await json(request)) as TelemetryReport);
      response.writeHead(204).end();
    });
    await listenOnSocket(server, join(this.folder, 'control.sock'));
    this.onClose(() => {
      server.closeAllConnections();
      server.close();
    });
    return reports;
  }

  async gateway(over: Partial<GatewayOptions> = {}): Promise<Gateway> {
    const gateway = await startGateway({ ...this.options(), ...over });
    this.onClose(() => gateway.close());
    return gateway;
  }

  options(): GatewayOptions {
    this.#ordinals += 1;
    return {
      ordinal: 0,
      workers: 1,
      host: '127.0.0.1',
      port: 0,
      internal: [],
      internalPort: 0,
      serviceToken: new Redacted(SERVICE_TOKEN),
      canaryToken: new Redacted(CANARY_TOKEN),
      snapshotFile: this.snapshotFile,
      journalFolder: this.folder,
      letterBoxFile: this.letterBox(),
      adminSocket: join(this.folder, `admin-${this.#ordinals}.sock`),
      controlSocket: join(this.folder, 'control.sock'),
      ledger: this.ledger,
      clock: systemClock,
      random: systemRandom,
      log: createLog('gateway', 'silent'),
    };
  }

  async close(): Promise<void> {
    for (const close of this.#closers) await close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface Ask {
  readonly method?: string;
  readonly host?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** One request on a connection of its own. Rejects when the connection breaks. */
export async function ask(
  port: number,
  { method = 'GET', host = 'acme.test', path = '/', headers = {}, body }: Ask = {},
): Promise<Answer> {
  const outgoing = request({ port, host: '127.0.0.1', method, path, headers: { host, ...headers }, agent: false });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
}

/** Waits until something is so; fails after `withinMs`. */
export async function until(isSo: () => boolean | Promise<boolean>, withinMs = 5_000): Promise<void> {
  const endMs = systemClock.monotonicMs() + withinMs;
  while (!(await isSo())) {
    if (systemClock.monotonicMs() > endMs) throw new Error(`not so within ${withinMs} ms: ${isSo.toString()}`);
    await systemClock.sleep(10);
  }
}
