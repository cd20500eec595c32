import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Redacted } from '../base/redacted.ts';
import type { Ledger } from '../ledger/entry.ts';
import { LetterWriter } from '../ledger/letter-writer.ts';
import { AccessRecorder } from './access-recorder.ts';
import { openAdmin } from './admin.ts';
import { type Door, openDoor, type TlsFiles } from './door.ts';
import { Fleet } from './fleet.ts';
import { Carrier } from './carrier.ts';
import { InflightJournal } from './inflight-journal.ts';
import { Mitigations } from './mitigations.ts';
import type { RoutingTable } from './routing-table.ts';
import { SnapshotReader } from './snapshot-reader.ts';
import { TelemetryRecorder } from './telemetry-recorder.ts';
import { TelemetrySender } from './telemetry-sender.ts';
import { TenantLimits } from './tenant-limits.ts';
import { Traffic } from './traffic.ts';

const DRAIN_MS = 10_000;
const FLUSH_MS = 3_000;
const RECORDS_MAX = 10_000;

export interface GatewayOptions {
  /** Of this process among the gateways, from 0; names its journal. */
  readonly ordinal: number;
  /** How many gateways share the limits of tenants. */
  readonly workers: number;
  readonly host: string;
  readonly port: number;
  /** Where workloads of a region call each other, one loopback address a region. */
  readonly internal: readonly { readonly region: string; readonly host: string }[];
  readonly internalPort: number;
  /** What a workload shows at the internal doors, as `x-kintsugi-service-token`. */
  readonly serviceToken: Redacted<string>;
  /** What a probe of Kintsugi's own shows, as `x-kintsugi-canary`: its refusals are marked on record. No workload has it. */
  readonly canaryToken: Redacted<string>;
  readonly tls?: TlsFiles;
  readonly snapshotFile: string;
  readonly journalFolder: string;
  /** Address of the letter box for personal data in the journal. */
  readonly letterBoxFile: string;
  readonly adminSocket: string;
  readonly controlSocket: string;
  /** Access records held while the ledger is away. */
  readonly recordsMax?: number;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Gateway {
  readonly port: number;
  /** Ports of the internal doors by region. */
  readonly internalPorts: Readonly<Record<string, number>>;
  /** Takes no more connections, finishes what is in progress within 10 s, and hands over records within 3 s more. */
  close(): Promise<void>;
}

/**
 * Starts one gateway and resolves when it listens; whether it has a snapshot to serve from is told by /readyz. Rejects
 * with `port.in-use`, or with the file system's error when its journal or socket cannot be opened; nothing is left then.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const parts = await openParts(options);
  let doors: Doors | undefined;
  let closing: Promise<void> | undefined;
  const close = async () => {
    parts.traffic.drain();
    await Promise.all(doors?.all.map((door) => door.drain(DRAIN_MS)) ?? []);
    await closeParts(parts);
    options.log.info({ ordinal: options.ordinal }, 'gateway.drained');
  };
  try {
    doors = await openDoors(options, parts.traffic);
  } catch (error) {
    await closeParts(parts);
    throw error;
  }
  options.log.info({ ordinal: options.ordinal, port: doors.port, revision: parts.revision() }, 'gateway.started');
  return {
    port: doors.port,
    internalPorts: doors.internalPorts,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** Everything behind the doors. */
interface Parts {
  readonly fleet: Fleet;
  readonly records: AccessRecorder;
  readonly journal: InflightJournal;
  readonly snapshots: SnapshotReader;
  readonly traffic: Traffic;
  readonly sender: TelemetrySender;
  readonly admin: Server;
  readonly revision: () => number;
}

async function openParts(options: GatewayOptions): Promise<Parts> {
  const { clock, random, log } = options;
  const fleet = new Fleet();
  const telemetry = new TelemetryRecorder();
  const limits = new TenantLimits(options.workers);
  const mitigations = new Mitigations({ clock, random, workers: options.workers });
  const records = openRecords(options);
  const { journal, lost } = InflightJournal.open(join(options.journalFolder, `inflight-${options.ordinal}.bin`));
  for (const request of lost) telemetry.lost(request);
  const mitigating = () => snapshots.table?.snapshot.mitigations ?? [];
  const secret = options.serviceToken.reveal();
  const carrier = new Carrier({ fleet, telemetry, journal, mitigations, mitigating, secret, clock, random });
  const onChange = (table: RoutingTable) => {
    fleet.apply(table, clock.monotonicMs());
    limits.keepOnly(new Set(table.snapshot.tenants.map((tenant) => tenant.name)));
    mitigations.keepOnly(table.snapshot.mitigations);
    carrier.fleetChanged();
  };
  const snapshots = new SnapshotReader({ file: options.snapshotFile, clock, log, onChange });
  await snapshots.open();
  const table = () => snapshots.table;
  const revision = () => snapshots.table?.snapshot.revision ?? -1;
  const scheme = options.tls ? 'https' : 'http';
  const traffic = new Traffic({ ...options, scheme, table, carrier, fleet, limits, mitigations, telemetry, records });
  const sender = new TelemetrySender({ ...options, recorder: telemetry, fleet, records, revision });
  const admin = await openAdmin(options.adminSocket, {
    isReady: () => snapshots.table !== undefined && !traffic.isDraining,
    totals: () => telemetry.totals(),
    inflight: () => telemetry.inflight,
    ejected: () => [...fleet.all()].filter(({ ejection }) => ejection.isEjected(clock.monotonicMs())).length,
    recordsWaiting: () => records.waiting,
    recordsLost: () => records.lostTotal,
    reportsFailed: () => sender.failures,
    revision,
  });
  return { fleet, records, journal, snapshots, traffic, sender, admin, revision };
}

async function closeParts({ fleet, records, journal, snapshots, traffic, sender, admin }: Parts): Promise<void> {
  traffic.close();
  await Promise.all([records.close(FLUSH_MS), sender.close(), snapshots.close(), fleet.close()]);
  journal.close();
  admin.close();
  admin.closeAllConnections();
}

function openRecords(options: GatewayOptions): AccessRecorder {
  mkdirSync(options.journalFolder, { recursive: true, mode: 0o700 });
  return new AccessRecorder({
    ...options,
    journalFile: join(options.journalFolder, `access-${options.ordinal}.ndjson`),
    letters: new LetterWriter(options.letterBoxFile, options.clock),
    recordsMax: options.recordsMax ?? RECORDS_MAX,
  });
}

interface Doors {
  readonly port: number;
  readonly internalPorts: Readonly<Record<string, number>>;
  readonly all: readonly Door[];
}

/** Opens all doors or none. */
async function openDoors(options: GatewayOptions, traffic: Traffic): Promise<Doors> {
  const { host, port, tls, clock } = options;
  const all: Door[] = [];
  const internalPorts: Record<string, number> = {};
  try {
    const front = await openDoor({
      host,
      port,
      tls,
      clock,
      serve: (request, response) => traffic.servePublic(request, response),
      serveExpecting: (request, response) => traffic.servePublic(request, response, true),
    });
    all.push(front);
    for (const place of options.internal) {
      const door = await openDoor({
        host: place.host,
        port: options.internalPort,
        clock,
        serve: (request, response) => traffic.serveInternal(place.region, request, response),
        serveExpecting: (request, response) => traffic.serveInternal(place.region, request, response, true),
      });
      all.push(door);
      internalPorts[place.region] = door.port;
    }
    return { port: front.port, internalPorts, all };
  } catch (error) {
    await Promise.all(all.map((door) => door.drain(0)));
    throw error;
  }
}
