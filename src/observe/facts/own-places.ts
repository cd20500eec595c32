import { statfs } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import type { Measured } from '../fact.ts';
import { type Look, type Place, placeCollector, unknown, value } from './place-collector.ts';

/** Where the machine stands that Kintsugi runs on, as people said it. */
export interface MachinePlace {
  readonly region: string;
  /** Third parties that run it; undefined when nobody said whether there are any. */
  readonly processors?: readonly string[] | undefined;
}

export interface OwnPlacesOptions {
  readonly tenants: () => readonly string[];
  readonly place: () => MachinePlace | undefined;
  /** Folders with the ledger, its payloads, logs and what gateways have not handed over yet. */
  readonly logs: readonly string[];
  /** Folders with keys of personal data. */
  readonly keys: readonly string[];
  /** What of the record lies in a database that is not on this machine; undefined when nothing does. */
  readonly elsewhere: string | undefined;
  readonly clock: Clock;
}

/** File systems whose files are on another machine, by the number that the kernel has for them (`statfs`, 2). */
const REMOTE: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x65735546, 'FUSE'],
  [0x00c36400, 'Ceph'],
  [0x01021997, '9P'],
  [0x5346414f, 'AFS'],
]);

/**
 * In which region the record and the keys of each tenant lie, and which third parties run what holds them: the place of this machine as
 * the Policy says it, when everything lies on disks of this machine. Sealed payloads count as copies: encryption does
 * not cure a transfer. Nothing is proven of the place itself, and of copies that people made.
 */
export function ownPlaces(options: OwnPlacesOptions): Collector {
  const { tenants, place, clock } = options;
  return placeCollector({
    name: 'own-places',
    facts: ['residency.logs', 'residency.keys', 'residency.processors'],
    everyMs: 600_000,
    timeoutMs: 60_000,
    placeMs: 10_000,
    places: () => tenants().map((subject): Place => ({ subject, tenants: [subject] })),
    clock,
    look: async () => lookAt(place(), options),
  });
}

async function lookAt(place: MachinePlace | undefined, { logs, keys, elsewhere }: OwnPlacesOptions): Promise<Look> {
  if (!place) {
    const unsaid = unknown('nobody said where this machine stands: see `place` of the Policy');
    return {
      readings: { 'residency.logs': unsaid, 'residency.keys': unsaid, 'residency.processors': unsaid },
      transcript: null,
    };
  }
  const remoteLogs = elsewhere ?? (await remoteOf(logs));
  const remoteKeys = await remoteOf(keys);
  const region = (remote: string | undefined): Measured =>
    remote === undefined ? value([place.region]) : unknown(remote);
  const runs = (): Measured => {
    const remote = remoteLogs ?? remoteKeys;
    if (remote !== undefined) return unknown(remote);
    return place.processors ? value(place.processors) : unknown('nobody said whether a third party runs this machine');
  };
  const readings = {
    'residency.logs': region(remoteLogs),
    'residency.keys': region(remoteKeys),
    'residency.processors': runs(),
  };
  return { readings, transcript: { place, remoteLogs: remoteLogs ?? null, remoteKeys: remoteKeys ?? null } };
}

/** Why it is not known where one of these folders is. What is not there yet holds nothing. */
async function remoteOf(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const type = (await statfs(folder).catch(ifThere))?.type;
    const name = type === undefined ? undefined : REMOTE.get(type);
    if (name !== undefined) return `${folder} is on a file system of another machine (${name})`;
  }
  return undefined;
}

function ifThere(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
