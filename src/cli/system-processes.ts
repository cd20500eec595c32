import type { StateDirectory } from '../base/state-directory.ts';
import type { SystemProcess } from '../drivers/process/system-process.ts';
import { STORAGE_VARIABLE } from '../ledger/ledger-storage.ts';
import type { UpOptions } from './context.ts';

/** How this program is started again in the role of one of its processes. */
export interface ProgramEntry {
  /** Path of the entry that runs a role. */
  readonly main: string;
  readonly root: string;
}

/** What the processes of a stack take over from the environment of `up`. */
const INHERITED = [
  'DATABASE_URL',
  STORAGE_VARIABLE,
  'KINTSUGI_LOG_LEVEL',
  'KINTSUGI_PAGE_WEBHOOK',
  'KINTSUGI_TLS_CERT',
  'KINTSUGI_TLS_KEY',
  'KINTSUGI_KEK_DIR',
  'NODE_COMPILE_CACHE',
  'NODE_DISABLE_COMPILE_CACHE',
];

/** Kintsugi's own processes on this machine, in the order in which they start. PostgreSQL is one when nobody brought one. */
export function systemProcesses(
  options: UpOptions,
  { main, root }: ProgramEntry,
  state: StateDirectory,
  regions: readonly string[],
): SystemProcess[] {
  const env: Record<string, string> = {
    KINTSUGI_STATE: state.root,
    KINTSUGI_PORT: String(options.port),
    KINTSUGI_API_PORT: String(options.apiPort),
    KINTSUGI_INTERNAL_PORT: String(options.internalPort),
    KINTSUGI_GATEWAYS: String(options.gateways),
    KINTSUGI_REGIONS: regions.join(','),
  };
  for (const name of INHERITED) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  const role = (
    id: string,
    order: number,
    args: readonly string[],
    stopSignal: SystemProcess['stopSignal'] = 'SIGTERM',
  ) => ({
    id,
    order,
    command: ['node', main, 'process', ...args],
    env,
    cwd: root,
    stopSignal,
    killAfterMs: 15_000,
  });
  // A gateway that hangs keeps the connections that its siblings would answer; while control hangs nobody heals.
  const gateways = Array.from({ length: options.gateways }, (_, i) => ({
    ...role(`gateway-${i}`, 3, ['gateway', String(i)]),
    livenessSocket: state.socket(`gateway-${i}`),
  }));
  const control = { ...role('control', 2, ['control']), livenessSocket: state.socket('control') };
  const postgres = env['DATABASE_URL'] === undefined ? [role('postgres', 0, ['postgres'], 'SIGINT')] : [];
  // While it hangs nothing is recorded, and tenants who have to be recorded are refused.
  const ledger = { ...role('ledger', 1, ['ledger']), livenessSocket: state.socket('ledger') };
  return [...postgres, ledger, control, ...gateways];
}
