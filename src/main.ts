/**
 * The only place where things are wired together: which process runs what, with which implementations. `kintsugi up` is
 * the keeper; it starts this file again as `process <role>` for each of Kintsugi's own processes.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { DRIVERS, createCollectors, createDetectors, createParts, MOVES, PROBES } from './builtin.ts';
import { startControl } from './api/start-control.ts';
import { startApi } from './api/server.ts';
import { systemClock as clock } from './base/clock.ts';
import { digestOfPath } from './base/digest.ts';
import { readJsonFile } from './base/durable-file.ts';
import { describeError, KinError } from './base/errors.ts';
import { VERSION } from './base/product.ts';
import { createLog } from './base/log.ts';
import { systemRandom as random } from './base/random.ts';
import type { Redacted } from './base/redacted.ts';
import { regionAddress } from './base/region-address.ts';
import { type StateDirectory, stateDirectory } from './base/state-directory.ts';
import type { CliContext, RoleOptions } from './cli/context.ts';
import { runCli } from './cli/program.ts';
import { runUp } from './cli/run-up.ts';
import type { OwnKeeping, OwnPorts } from './drivers/collector-places.ts';
import { Secrets } from './drivers/instance-environment.ts';
import { startKeeper } from './drivers/process/keeper.ts';
import { processDriver } from './drivers/process/process-driver.ts';
import { startGateway } from './gateway/server.ts';
import { ledgerClient } from './ledger/client.ts';
import { isLedgerInDatabase } from './ledger/ledger-storage.ts';
import { startLedger } from './ledger/server.ts';
import { type DatabaseConnection, waitForDatabase } from './store/database.ts';
import { runEmbeddedPostgres } from './store/embedded-postgres.ts';
import { migrate } from './store/migrate.ts';
import { localKeyProvider } from './vault/local-key-provider.ts';
import { LETTER_BOX_FILE } from './vault/vault.ts';

const MAIN = fileURLToPath(import.meta.url);
const ROOT = dirname(dirname(MAIN));

/** What a role is started with, in its environment: nothing of it is secret, and secrets are read from the state. */
interface RoleSettings {
  readonly state: StateDirectory;
  readonly port: number;
  readonly apiPort: number;
  readonly internalPort: number;
  readonly gateways: number;
  readonly regions: readonly string[];
}

function settings(env: NodeJS.ProcessEnv): RoleSettings {
  const number = (name: string) => Number(env[name] ?? 0);
  return {
    state: stateDirectory(env['KINTSUGI_STATE'] ?? '.kintsugi'),
    port: number('KINTSUGI_PORT'),
    apiPort: number('KINTSUGI_API_PORT'),
    internalPort: number('KINTSUGI_INTERNAL_PORT'),
    gateways: number('KINTSUGI_GATEWAYS'),
    regions: (env['KINTSUGI_REGIONS'] ?? '').split(',').filter(Boolean),
  };
}

/** Runs `close` on the first signal to end, once, and then leaves. */
function endWith(close: () => Promise<void>): void {
  let ending = false;
  const end = async () => {
    if (ending) return;
    ending = true;
    await close().catch((error: unknown) => process.stderr.write(`${describeError(error)}\n`));
    process.exit(0);
  };
  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => void end());
}

/** One's own server when DATABASE_URL is set, the embedded one otherwise. Waits until it was started once. */
async function databaseConnection(state: StateDirectory, signal: AbortSignal): Promise<DatabaseConnection> {
  const url = process.env['DATABASE_URL'];
  if (url) return { connectionString: url };
  const file = join(state.root, 'postgres.json');
  while (!existsSync(file)) await clock.sleep(50, signal);
  return readJsonFile(file) as DatabaseConnection;
}

/** A leader that stands still in a transaction holds the next one off for so long, and not longer. */
const IDLE_IN_TRANSACTION_MS = 2_000;

async function control({ state, port, apiPort, internalPort, gateways, regions }: RoleSettings): Promise<void> {
  const log = createLog('control');
  const stopping = new AbortController();
  const connection = await databaseConnection(state, stopping.signal);
  const waiting = {
    clock,
    signal: stopping.signal,
    applicationName: 'kintsugi-control',
    idleInTransactionTimeoutMs: IDLE_IN_TRANSACTION_MS,
  };
  const database = await waitForDatabase(connection, waiting);
  await migrate(connection);
  const ledger = ledgerClient(state.socket('ledger'));
  const tls = gatewayTls();
  const scheme = tls ? 'https' : 'http';
  const own = { api: apiPort, scheme, internal: internalPort, regions } as const;
  const ownPorts: OwnPorts = { gateway: port, ...own, ...(tls && { tls: { ...tls, workers: gateways } }) };
  const running = startControl({
    state,
    database,
    driver: DRIVERS['process']!(state.socket('keeper'), clock),
    ledger,
    probes: PROBES,
    moves: MOVES,
    createDetectors,
    createParts: (situation) => createParts(situation, ownPorts),
    createCollectors: (situation) => createCollectors(situation, ownPorts, ownKeeping(state), ledger),
    version: VERSION,
    detectionShape: await digestOfPath(join(import.meta.dirname, 'detect')),
    holder: `control ${process.pid}`,
    internalPort,
    databasePort: portHere(process.env['DATABASE_URL']),
    pageWebhook: process.env['KINTSUGI_PAGE_WEBHOOK'],
    clock,
    random,
    log,
  });
  const addresses = {
    gateway: `http://127.0.0.1:${port}`,
    api: `http://127.0.0.1:${apiPort}`,
    gateways: String(gateways),
  };
  const api = await startApi(running, {
    port: apiPort,
    socketPath: state.socket('control'),
    token: apiToken(state),
    addresses,
  });
  endWith(async () => {
    stopping.abort();
    await api.close();
    await running.close();
    await database.close();
  });
}

/** How the processes of this stack are kept: what is started besides them, and what of them lies elsewhere. */
function ownKeeping(state: StateDirectory): OwnKeeping {
  const url = process.env['DATABASE_URL'];
  const isElsewhere = isLedgerInDatabase(process.env) && url !== undefined && portHere(url) === undefined;
  return {
    command: [process.execPath, MAIN],
    keys: keyFolder(state),
    elsewhere: isElsewhere ? 'the ledger lies in a database that is not known to be on this machine' : undefined,
  };
}

/** Of the keys that wrap those of personal data. */
function keyFolder({ vault }: StateDirectory): string {
  return process.env['KINTSUGI_KEK_DIR'] ?? join(vault, 'kek');
}

/** The port of a database on this machine. */
function portHere(url: string | undefined): number | undefined {
  const parsed = url ? URL.parse(url) : null;
  const isHere = parsed && /^(?:localhost|127\.[0-9.]+|\[::1\])$/.test(parsed.hostname);
  return isHere ? Number(parsed.port || 5432) : undefined;
}

/** Made by the first control process; who can read the state directory may use the API. */
function apiToken(state: StateDirectory): Redacted<string> {
  return new Secrets(state.root, random).read('token');
}

/** Where gateways have their certificate and key; undefined where they speak plain text. */
function gatewayTls(): { readonly certFile: string; readonly keyFile: string } | undefined {
  const { KINTSUGI_TLS_CERT: certFile, KINTSUGI_TLS_KEY: keyFile } = process.env;
  return certFile && keyFile ? { certFile: resolve(certFile), keyFile: resolve(keyFile) } : undefined;
}

async function gateway(given: RoleSettings, ordinal: number): Promise<void> {
  const { state, port, internalPort, gateways, regions } = given;
  const tls = gatewayTls();
  const running = await startGateway({
    ordinal,
    workers: gateways,
    host: '127.0.0.1',
    port,
    internal: regions.map((region) => ({ region, host: regionAddress(region) })),
    internalPort,
    serviceToken: new Secrets(state.secrets, random).read('service-token'),
    canaryToken: new Secrets(state.root, random).read('canary-token'),
    ...(tls && { tls }),
    snapshotFile: state.snapshotFile,
    journalFolder: state.gatewayJournals,
    letterBoxFile: join(state.vault, LETTER_BOX_FILE),
    adminSocket: state.socket(`gateway-${ordinal}`),
    controlSocket: state.socket('control'),
    ledger: ledgerClient(state.socket('ledger')),
    clock,
    random,
    log: createLog(`gateway-${ordinal}`),
  });
  endWith(() => running.close());
}

async function ledger({ state }: RoleSettings): Promise<void> {
  const isInDatabase = isLedgerInDatabase(process.env);
  const connection = isInDatabase ? await databaseConnection(state, new AbortController().signal) : undefined;
  const running = await startLedger({
    dir: state.ledger,
    vault: {
      dir: state.vault,
      provider: await localKeyProvider(keyFolder(state)),
    },
    storage: connection && { kind: 'postgresql', connection },
    socketPath: state.socket('ledger'),
    recordsTurns: true,
    clock,
    log: createLog('ledger'),
  });
  endWith(() => running.close());
}

async function runRole(role: string, options: RoleOptions): Promise<void> {
  const given = settings(process.env);
  switch (role) {
    case 'control':
      return control(given);
    case 'gateway':
      return gateway(given, Number(options.args[0]));
    case 'ledger':
      return ledger(given);
    case 'postgres':
      return runEmbeddedPostgres({
        dataDir: given.state.postgres,
        user: 'kintsugi',
        database: 'kintsugi',
        connectionFile: join(given.state.root, 'postgres.json'),
      });
    case 'postgres-server':
      return postgresServer(options);
    default:
      throw new KinError('usage.invalid', `there is no role ${role}`);
  }
}

/** `kintsugi postgres`: a PostgreSQL server as a workload, with password logins over TCP. */
async function postgresServer(options: RoleOptions): Promise<void> {
  const dataDir = options.data ?? process.env['KINTSUGI_DATA_DIR'];
  const port = options.port ?? Number(process.env['PORT'] ?? 0);
  if (!dataDir || !port) throw new KinError('usage.invalid', 'kintsugi postgres needs a data directory and a port');
  await runEmbeddedPostgres({
    dataDir,
    host: options.host ?? process.env['HOST'] ?? '127.0.0.1',
    port,
    user: 'postgres',
    passwordEnv: 'POSTGRES_PASSWORD',
  });
}

const context: CliContext = {
  clock,
  random,
  stdout: {
    write: (text) => process.stdout.write(text),
    drained,
    get columns() {
      return process.stdout.columns;
    },
  },
  stderr: process.stderr,
  env: process.env,
  isTty: isatty(process.stdout.fd),
  stateDefault: '.kintsugi',
  openKeeper: (socketPath) => processDriver(socketPath, clock),
  runUp: (options) => runUp(context, options, { main: MAIN, root: ROOT, startKeeper, prepare: prepareSecrets }),
  runRole,
};

/** Made before the processes that share it start, so that they do not each make their own. */
function prepareSecrets(state: StateDirectory): Redacted<string> {
  apiToken(state);
  new Secrets(state.root, random).read('canary-token');
  return new Secrets(state.secrets, random).read('service-token');
}

function drained(): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write('', (error) => (error ? reject(error) : resolve()));
  });
}

// Whoever reads may go first (`| head`): who writes on hears of it from `drained`, and no process ends of it.
process.stdout.on('error', () => {});
const words = process.argv.slice(2);
const code = await runCli(context, words);
await drained().catch(() => undefined);
// A role that runs goes on by itself; everything else has said what it had to say.
if (code !== 0 || (words[0] !== 'process' && words[0] !== 'postgres')) process.exit(code);
