import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isFault, KinError } from '../base/errors.ts';
import type { SocketClient } from '../base/socket-http.ts';
import type { LoadedResource } from '../resources/manifest.ts';
import type { Workload } from '../resources/workload.ts';
import type { Applied } from '../store/resource-store.ts';
import type { Status } from './answers.ts';
import type { CliContext, UpOptions } from './context.ts';
import type { LiveStatus } from './live-status.ts';
import { renderNextSteps, type Surroundings } from './next-steps.ts';

const READY_MS = 120_000;
const APPLY_TRIES = 10;
const APPLY_AGAIN_MS = 500;

/**
 * Waits for control, applies the manifests, waits until all of it is ready, and says what to try next. Throws
 * `control.unreachable` or `instance.not-ready` after two minutes.
 */
export async function bringUp(up: {
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

/** What lies beside the stack's manifest: other releases and configurations to try. */
function surroundingsOf(options: UpOptions): Surroundings {
  const folder = statSync(options.stack).isDirectory() ? options.stack : dirname(options.stack);
  const stateOption = options.state === resolve('.kintsugi') ? '' : `--state ${options.state}`;
  const inClone = existsSync(join('bin', 'kintsugi.js'));
  return { folder, files: readdirSync(folder), command: inClone ? 'bin/kintsugi.js' : 'kintsugi', stateOption };
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
