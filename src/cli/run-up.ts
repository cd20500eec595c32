import { describeError, KinError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import type { Redacted } from '../base/redacted.ts';
import { regionAddress } from '../base/region-address.ts';
import { socketClient } from '../base/socket-http.ts';
import { openStateDirectory, type StateDirectory } from '../base/state-directory.ts';
import type { Keeper, KeeperOptions } from '../drivers/process/keeper.ts';
import { isLedgerInDatabase } from '../ledger/ledger-storage.ts';
import { type LoadedResource, readManifests } from '../resources/manifest.ts';
import { measureArtefact } from '../store/artefact.ts';
import { bringUp } from './bring-up.ts';
import { type Companion, startCompanion } from './companion.ts';
import type { CliContext, UpOptions } from './context.ts';
import { answers, refusePortInUse } from './free-port.ts';
import { createLiveStatus, type LiveStatus } from './live-status.ts';
import { createPrintTime } from './moment.ts';
import { createPaint } from './paint.ts';
import { watchStack } from './stack-watch.ts';
import { type ProgramEntry, systemProcesses } from './system-processes.ts';

/** What `up` needs besides its options: how this program is started again, and the keeper. */
export interface UpParts extends ProgramEntry {
  readonly startKeeper: (options: KeeperOptions) => Promise<Keeper>;
  /** Makes the secrets that several processes share, before they start. */
  readonly prepare: (state: StateDirectory) => Redacted<string>;
}

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
  const watching = watchStack(context, control, keeper, live, stop.signal);
  live.line(`keeper ${process.pid} on ${state.root}`);
  if (outlived) live.line(`adopted what goes on: ${runningInstances(keeper)}`);
  let companion: Companion | undefined;
  let code = 0;
  try {
    await bringUp({ context, options, control, live, resources, startedMs, signal: stop.signal });
    if (options.with !== undefined) companion = startCompanion(options.with, options, state, live, parts.root);
  } catch (error) {
    code = await giveUp(error, outlived, keeper, live, stop.signal);
  }
  await keeper.done;
  companion?.kill('SIGTERM');
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
