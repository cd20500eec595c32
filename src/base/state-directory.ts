import { chmodSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeFolderDurably, writeDurably } from './durable-file.ts';
import { KinError } from './errors.ts';

/** Raised when the layout changes so that an older Kintsugi could do harm with it. */
const LAYOUT_VERSION = 1;

/** Longest path of a Unix socket that Linux and macOS both accept, with its final zero byte (104 on macOS). */
const SOCKET_PATH_BYTES_MAX = 103;

/**
 * Everything that one Kintsugi keeps on this machine, in one folder that only its owner can enter (0700); secrets in it
 * are 0600. The names below are the whole layout.
 */
export interface StateDirectory {
  readonly root: string;
  /** Unix sockets of the processes: `socket('control')`. */
  socket(process: 'keeper' | 'control' | 'ledger' | `gateway-${number}`): string;
  /** The keeper's record of what it started. */
  readonly keeperFile: string;
  /** Logs: `<name>.log` (timestamped, rotated) and `<name>.raw` (what the process writes). */
  readonly logs: string;
  /** Routing for the gateways, written by control, read by gateways; also what they boot from. */
  readonly snapshotFile: string;
  /** Configuration of tenants for workloads that read it; written by control. */
  readonly tenantConfigFile: string;
  /** Limits that workloads keep to besides their own; written by control. */
  readonly limitsFile: string;
  /** What has ended of the programs that playbooks run. */
  readonly programs: string;
  /** Known vulnerabilities that were imported, a file each. */
  readonly advisories: string;
  /** Journals of access records that the ledger has not acknowledged, one file a gateway. */
  readonly gatewayJournals: string;
  readonly ledger: string;
  /** Transcripts of measurements, each named by its digest. */
  readonly transcripts: string;
  /** Canary accounts and sessions that are waited for (0600). */
  readonly sessionTrials: string;
  /** Where the logs of database servers stood, by which it is told what they lost. */
  readonly dataLosses: string;
  /** Keys of personal data; to be backed up apart from everything else, if at all. */
  readonly vault: string;
  readonly postgres: string;
  /** Bearer token of the HTTP API (0600). */
  readonly tokenFile: string;
  /** Addresses that were bound (API, gateways) once they are known. */
  readonly addressesFile: string;
  /** Data directories of workloads that keep data: `data/<workload>/<slot>`. */
  readonly data: string;
  /** Secrets that were generated for workloads (0600). */
  readonly secrets: string;
}

/** Names the parts of a state directory without touching the disk. */
export function stateDirectory(path: string): StateDirectory {
  const root = resolve(path);
  return {
    root,
    socket: (process) => join(root, 'run', `${process}.sock`),
    keeperFile: join(root, 'keeper.json'),
    logs: join(root, 'logs'),
    snapshotFile: join(root, 'gateway', 'snapshot.json'),
    tenantConfigFile: join(root, 'tenant-config.json'),
    limitsFile: join(root, 'limits.json'),
    programs: join(root, 'programs'),
    advisories: join(root, 'advisories'),
    gatewayJournals: join(root, 'gateway'),
    ledger: join(root, 'ledger'),
    transcripts: join(root, 'transcripts'),
    sessionTrials: join(root, 'session-trials.json'),
    dataLosses: join(root, 'data-losses.json'),
    vault: join(root, 'vault'),
    postgres: join(root, 'postgres'),
    tokenFile: join(root, 'token'),
    addressesFile: join(root, 'addresses.json'),
    data: join(root, 'data'),
    secrets: join(root, 'secrets'),
  };
}

/**
 * Creates what is missing and checks what is there. Throws `state.newer` for a layout of a later version (and changes
 * nothing), `socket.path-too-long`, or `state.unwritable`.
 */
export function openStateDirectory(path: string): StateDirectory {
  const state = stateDirectory(path);
  if (Buffer.byteLength(state.socket('gateway-99')) > SOCKET_PATH_BYTES_MAX) {
    throw new KinError('socket.path-too-long', `cannot put sockets below ${state.root}`, {
      details: { path: state.root },
    });
  }
  const versionFile = join(state.root, 'version');
  refuseNewer(versionFile);
  try {
    const folders = ['', 'run', 'logs', 'gateway', 'ledger', 'vault', 'data', 'secrets'];
    for (const folder of folders) {
      const full = join(state.root, folder);
      makeFolderDurably(full);
      chmodSync(full, 0o700);
    }
  } catch (cause) {
    throw new KinError('state.unwritable', `cannot prepare ${state.root}`, { cause, details: { path: state.root } });
  }
  if (!exists(versionFile)) writeDurably(versionFile, `${LAYOUT_VERSION}\n`);
  return state;
}

function refuseNewer(versionFile: string): void {
  if (!exists(versionFile)) return;
  const found = Number.parseInt(readFileSync(versionFile, 'utf8'), 10);
  if (Number.isInteger(found) && found <= LAYOUT_VERSION) return;
  throw new KinError('state.newer', `layout ${found} of ${versionFile} is not known to this version`, {
    details: { path: versionFile, known: LAYOUT_VERSION },
  });
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
