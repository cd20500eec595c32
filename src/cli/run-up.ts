import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describeError, isFault, KinError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import type { Redacted } from '../base/redacted.ts';
import { regionAddress } from '../base/region-address.ts';
import { type SocketClient, socketClient } from '../base/socket-http.ts';
import { openStateDirectory, type StateDirectory } from '../base/state-directory.ts';
import type { Keeper, KeeperOptions } from '../drivers/process/keeper.ts';
import type { SystemProcess } from '../drivers/process/system-process.ts';
import { isLedgerInDatabase, STORAGE_VARIABLE } from '../ledger/ledger-storage.ts';
import { type LoadedResource, readManifests } from '../resources/manifest.ts';
import type { Workload } from '../resources/workload.ts';
import { measureArtefact } from '../store/artefact.ts';
import type { Applied } from '../store/resource-store.ts';
import type { Status } from './answers.ts';
import type { CliContext, UpOptions } from './context.ts';
import { answers, refusePortInUse } from './free-port.ts';
import { createLiveStatus, type LiveStatus } from './live-status.ts';
import { createPrintTime } from './moment.ts';
import { renderNextSteps, type Surroundings } from './next-steps.ts';
import { createPaint } from './paint.ts';

/** What `up` needs besides its options: how this program is started again, and the keeper. */
export interface UpParts {
  /** Path of the entry that runs a role. */
  readonly main: string;
  readonly root: string;
  readonly startKeeper: (options: KeeperOptions) => Promise<Keeper>;
  /** Makes the secrets that several processes share, before they start. */
  readonly prepare: (state: StateDirectory) => Redacted<string>;
}

const STATUS_MS = 500;
const READY_MS = 120_000;
const APPLY_TRIES = 10;
const APPLY_AGAIN_MS = 500;

/**
 * Runs a stack in the foreground: becomes the keeper, waits for control, applies the manifests, shows what happens, and
 * stops everything in order on the first SIGINT or SIGTERM. Invalid manifests and ports in use are told before anything
 * is started. Resolves with the exit code.
 */
export async function runUp(context: CliContext, options: UpOptions, parts: UpParts): Promise<number> {
  const startedMs = context.clock.monotonicMs();
  isLedgerInDatabase(process.env);
  const { resources } = await readManifests([options.stack]);
  const regions = new Set(
    resources.flatMap(({ resource }) => (resource.kind === 'Workload' ? Object.keys(resource.spec.instances) : [])),
  );
  const state = openStateDirectory(options.state);
  const outlived = await refuseBeforeStart(options, state, resources, [...regions]);
  parts.prepare(state);
  const { clock, random } = context;
  const log = createLog('keeper', context.env['KINTSUGI_LOG_LEVEL'] ?? 'silent');
  const system = systemProcesses(options, parts, state, [...regions]);
  const keeper = await parts.startKeeper({ state, clock, random, log, system });
  const live = openLiveStatus(context, options);
  const stop = stopOnSignal(keeper, live);
  const control = socketClient(state.socket('control'), 'control.unreachable');
  const watching = watch(context, control, keeper, live, stop.signal);
  live.line(`keeper ${process.pid} on ${state.root}`);
  if (outlived) live.line(`adopted what goes on: ${runningInstances(keeper)}`);
  let client: Client | undefined;
  let code = 0;
  try {
    await bringUp({ context, options, control, live, resources, startedMs, signal: stop.signal });
    if (options.with !== undefined) client = startClient(options.with, options, state, live, parts.root);
  } catch (error) {
    code = await giveUp(error, outlived, keeper, live, stop.signal);
  }
  await keeper.done;
  client?.kill('SIGTERM');
  await watching;
  await control.close();
  live.line('stopped');
  live.end();
  return code;
}

function runningInstances(keeper: Keeper): string {
  const running = keeper.children().filter(({ role, state }) => role === 'instance' && state === 'running');
  return running.map(({ id }) => id).join(', ');
}

/** Waits for control, applies the manifests, waits until all of it is ready, and says what to try next. */
async function bringUp(up: {
  readonly context: CliContext;
  readonly options: UpOptions;
  readonly control: SocketClient;
  readonly live: LiveStatus;
  readonly resources: readonly LoadedResource[];
  readonly startedMs: number;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { context, options, control, live, resources, startedMs, signal } = up;
  await untilControl(context, control, signal);
  const applied = await applyUnderLead(context, control, resources, signal);
  for (const { key, change, version } of applied.filter((each) => each.change !== 'unchanged')) {
    live.line(`${change} ${key}${version === undefined ? '' : ` version ${version}`}`);
  }
  const workloads = resources.flatMap(({ resource }) => (resource.kind === 'Workload' ? [resource] : []));
  const status = await untilReady(context, control, workloads, signal);
  const seconds = ((context.clock.monotonicMs() - startedMs) / 1000).toFixed(1);
  live.line(`ready after ${seconds} s; the API is on ${status.addresses.api}`);
  for (const line of renderNextSteps(status, surroundingsOf(options)).split('\n')) if (line) live.line(line);
}

/**
 * What can be told before anything is started: artefacts that are missing, ports that are taken. Resolves with whether
 * the fleet of an earlier keeper still runs here.
 */
async function refuseBeforeStart(
  options: UpOptions,
  state: StateDirectory,
  resources: readonly LoadedResource[],
  regions: readonly string[],
): Promise<boolean> {
  for (const { resource, folder } of resources)
    if (resource.kind === 'Workload') await measureArtefact(resource, folder);
  await refusePortInUse(options.port, state.socket('gateway-0'));
  for (const region of regions) {
    await refusePortInUse(options.internalPort, state.socket('gateway-0'), regionAddress(region));
  }
  await refusePortInUse(options.apiPort, state.socket('control'));
  return answers(state.socket('control'));
}

/**
 * What a person has to correct first ends a stack that was just started. What may still come right keeps it, for the
 * healer to go on; and so does a fleet that ran before and serves.
 */
async function giveUp(
  error: unknown,
  outlived: boolean,
  keeper: Keeper,
  live: LiveStatus,
  signal: AbortSignal,
): Promise<number> {
  if (signal.aborted) return 0;
  live.line(`not ready: ${describeError(error)}`);
  if (!(error instanceof KinError) || error.entry.retry !== 'never') return 0;
  live.line(error.entry.remedy);
  if (outlived) return error.entry.exit;
  await keeper.down();
  return error.entry.exit;
}

function openLiveStatus(context: CliContext, options: UpOptions): LiveStatus {
  const isTty = context.isTty && !options.json;
  const print = createPrintTime(context.timeZone);
  return createLiveStatus({
    stdout: options.json ? context.stderr : context.stdout,
    isTty,
    columns: () => context.stdout.columns ?? 100,
    paint: createPaint(isTty, context.env),
    stamp: () => print(context.clock.now()),
  });
}

/** What lies beside the stack's manifest: other releases and configurations to try. */
function surroundingsOf(options: UpOptions): Surroundings {
  const folder = statSync(options.stack).isDirectory() ? options.stack : dirname(options.stack);
  const stateOption = options.state === resolve('.kintsugi') ? '' : `--state ${options.state}`;
  const inClone = existsSync(join('bin', 'kintsugi.js'));
  return { folder, files: readdirSync(folder), command: inClone ? 'bin/kintsugi.js' : 'kintsugi', stateOption };
}

function systemProcesses(
  options: UpOptions,
  parts: UpParts,
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
  for (const name of [
    'DATABASE_URL',
    STORAGE_VARIABLE,
    'KINTSUGI_LOG_LEVEL',
    'KINTSUGI_PAGE_WEBHOOK',
    'KINTSUGI_TLS_CERT',
    'KINTSUGI_KEK_DIR',
    'KINTSUGI_TLS_KEY',
    'NODE_COMPILE_CACHE',
    'NODE_DISABLE_COMPILE_CACHE',
  ]) {
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
    command: ['node', parts.main, 'process', ...args],
    env,
    cwd: parts.root,
    stopSignal,
    killAfterMs: 15_000,
  });
  const gateways = Array.from({ length: options.gateways }, (_, i) => role(`gateway-${i}`, 3, ['gateway', String(i)]));
  const postgres = env['DATABASE_URL'] === undefined ? [role('postgres', 0, ['postgres'], 'SIGINT')] : [];
  return [...postgres, role('ledger', 1, ['ledger']), role('control', 2, ['control']), ...gateways];
}

/** The first signal stops in order; a second one does not make it faster, so that nothing is cut short. */
function stopOnSignal(keeper: Keeper, live: LiveStatus): { readonly signal: AbortSignal } {
  const stopping = new AbortController();
  const stop = () => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    live.line('stopping everything in order');
    void keeper.down();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  void keeper.done.then(() => stopping.abort());
  return { signal: stopping.signal };
}

async function untilControl(context: CliContext, control: SocketClient, signal: AbortSignal): Promise<void> {
  const deadline = context.clock.deadline(READY_MS, signal);
  for (;;) {
    const status = await control.call<Status>('GET', '/v1/status').catch(() => undefined);
    if (status?.leading) return;
    await context.clock.sleep(50, deadline).catch(() => {
      throw new KinError('control.unreachable', `control did not lead within ${READY_MS / 1000} s`);
    });
  }
}

/** On a busy machine the lead may be lost for a moment. Applying is idempotent, so it is asked of whoever leads next. */
async function applyUnderLead(
  context: CliContext,
  control: SocketClient,
  resources: readonly LoadedResource[],
  signal: AbortSignal,
): Promise<readonly Applied[]> {
  for (let left = APPLY_TRIES; ; left -= 1) {
    try {
      return await apply(context, control, resources);
    } catch (error) {
      const isPassing = isFault(error, 'lease.lost') || isFault(error, 'lease.stale');
      if (!isPassing || left <= 1) throw error;
      await context.clock.sleep(APPLY_AGAIN_MS, signal);
    }
  }
}

async function apply(
  context: CliContext,
  control: SocketClient,
  resources: readonly LoadedResource[],
): Promise<readonly Applied[]> {
  const documents = resources.map(({ resource, folder }) => ({ resource, baseFolder: folder }));
  const by = context.env['USER'] ?? 'up';
  return (await control.call<{ applied: Applied[] }>('POST', '/v1/apply', { documents, by })).applied;
}

async function untilReady(
  context: CliContext,
  control: SocketClient,
  workloads: readonly Workload[],
  signal: AbortSignal,
): Promise<Status> {
  const deadline = context.clock.deadline(READY_MS, signal);
  for (;;) {
    const status = await control.call<Status>('GET', '/v1/status').catch(() => undefined);
    if (status && workloads.every((workload) => isServed(workload, status))) return status;
    await context.clock.sleep(100, deadline).catch(() => {
      throw new KinError('instance.not-ready', `not everything was ready within ${READY_MS / 1000} s`);
    });
  }
}

/** Whether as many instances as declared serve in each region. Those that come last have no slot at first. */
function isServed({ metadata, spec }: Workload, { workloads }: Status): boolean {
  const instances = workloads.find(({ name }) => name === metadata.name)?.instances ?? [];
  const serving = instances.filter(({ role, ready }) => role === 'occupant' && ready);
  return Object.entries(spec.instances).every(
    ([region, count]) => serving.filter((each) => each.region === region).length >= count,
  );
}

/** Shows the status, and a line for each thing that happened, until the keeper ends. */
async function watch(
  context: CliContext,
  control: SocketClient,
  keeper: Keeper,
  live: LiveStatus,
  signal: AbortSignal,
): Promise<void> {
  keeper.onEvent(({ type, child }) => {
    if (type === 'adopted') live.line(`adopted ${child.id} (pid ${child.pid})`);
    else if (type === 'exited' && child.exit && !child.exit.expected) {
      live.line(`${child.id} ended (${child.exit.signal ?? `code ${child.exit.code ?? 'unknown'}`})`);
    }
  });
  const told = new Map<string, string>();
  while (!signal.aborted) {
    const status = await control.call<Status>('GET', '/v1/status').catch(() => undefined);
    if (status) {
      live.update(status);
      await tellIncidents(control, told, live).catch(() => undefined);
    }
    await context.clock.sleep(STATUS_MS, signal).catch(() => undefined);
  }
}

interface Told {
  readonly id: string;
  readonly state: string;
  readonly outcome: string | null;
  readonly summary: string;
  readonly refusal: { readonly guards: readonly { readonly guard: string; readonly reason: string }[] } | null;
}

async function tellIncidents(control: SocketClient, told: Map<string, string>, live: LiveStatus): Promise<void> {
  const { incidents } = await control.call<{ incidents: Told[] }>('GET', '/v1/incidents?limit=20');
  const first = told.size === 0;
  for (const { id, state, outcome, summary, refusal } of incidents.toReversed()) {
    const guards = refusal?.guards.map(({ guard, reason }) => `${guard}: ${reason}`).join('; ');
    const now = state === 'closed' ? `${outcome}` : guards ? `refused (${guards})` : 'opened';
    if (told.get(id) === now) continue;
    told.set(id, now);
    // What happened before this `up` is in `kintsugi incidents`.
    if (first && state === 'closed') continue;
    live.line(`incident ${id} ${now}: ${summary}`);
  }
  told.set('', '');
}

interface Client {
  kill(signal: NodeJS.Signals): void;
}

/** Runs the client command in a shell of its own, with the gateway's address, and shows what it prints. */
function startClient(
  command: string,
  options: UpOptions,
  state: StateDirectory,
  live: LiveStatus,
  root: string,
): Client {
  const env = {
    ...process.env,
    KINTSUGI_GATEWAY: `http://127.0.0.1:${options.port}`,
    KINTSUGI_STATE: state.root,
    PATH: `${root}/node_modules/.bin:${process.env['PATH'] ?? ''}`,
  };
  const child = spawn(command, { shell: true, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      for (const line of text.split('\n')) if (line.trim()) live.line(line);
    });
  }
  return {
    kill: (signal: NodeJS.Signals) => {
      if (child.pid === undefined || child.exitCode !== null) return;
      try {
        // The shell and what it runs: they are a group of their own.
        process.kill(-child.pid, signal);
      } catch {
        // Gone already.
      }
    },
  };
}
