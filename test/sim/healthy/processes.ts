import type { InstanceView } from '../../../src/diagnose/fleet-view.ts';
import type { InstanceRef } from '../../../src/observe/sample.ts';
import type { Noise } from '../world/noise.ts';

/** One process that is well: how fast it is by nature, when it stands still, how its memory goes up and down. */
export interface Process extends InstanceRef {
  readonly ordinal: number;
  readonly startedAt: number;
  /** When it passes its first probe. */
  readonly readyAt: number;
  /** By nature: hosts, neighbours and caches differ. */
  readonly slowness: number;
  readonly baseMib: number;
  readonly toothMib: number;
  readonly toothMs: number;
  readonly cacheMib: number;
  /** Collections that stop everything: each from when, for how long. */
  pause: { from: number; until: number };
  /** Requests a second over the last while. */
  perSecond: number;
}

const START_MS = 1_500;
const WARM_MS = 5_000;
const COLD_TIMES = 4;
const CACHE_FILLS_MS = 600_000;
const PAUSE_EVERY_MS = 45_000;
const LOAD_MIB_PER_REQUEST = 1.5;

export function startProcess(
  noise: Noise,
  place: Pick<Process, 'workload' | 'version' | 'ordinal' | 'slowness'>,
  at: number,
  ageMs = 0,
): Process {
  const { workload, version, ordinal } = place;
  return {
    ...place,
    instance: `${workload}-${ordinal}-v${version}-${noise.token(4)}`,
    region: 'eu',
    startedAt: at - ageMs,
    readyAt: at - ageMs + START_MS,
    baseMib: 90 + 60 * noise.uniform(),
    toothMib: 20 + 70 * noise.uniform(),
    toothMs: 15_000 + 45_000 * noise.uniform(),
    cacheMib: 80 * noise.uniform(),
    pause: { from: 0, until: 0 },
    perSecond: 0,
  };
}

/** What garbage collection, caches that fill and requests in progress make of it, in MiB. */
export function memoryOf(process: Process, at: number, noise: Noise): number {
  const aliveMs = at - process.startedAt;
  const tooth = ((aliveMs / process.toothMs) % 1) * process.toothMib;
  const cache = process.cacheMib * (1 - Math.exp(-aliveMs / CACHE_FILLS_MS));
  const warm = process.baseMib * (1 - 0.4 * Math.exp(-aliveMs / 8_000));
  return warm + tooth + cache + LOAD_MIB_PER_REQUEST * process.perSecond + noise.gauss();
}

/** How long a request takes that comes now, in milliseconds: log-normal, with a long tail, cold starts and pauses. */
export function latencyOf(process: Process, at: number, medianMs: number, capacity: number, noise: Noise): number {
  if (at > process.pause.until) {
    const from = at + PAUSE_EVERY_MS * (0.3 + noise.uniform());
    process.pause = { from, until: from + 50 + 250 * noise.uniform() };
  }
  const waits = at >= process.pause.from && at < process.pause.until ? process.pause.until - at : 0;
  const cold = 1 + COLD_TIMES * Math.exp(-(at - process.readyAt) / WARM_MS);
  const busy = 1 / (1 - Math.min(0.8, process.perSecond / capacity));
  const tail = noise.chance(0.008) ? Math.min(40, 3 * (1 - noise.uniform()) ** -0.7) : 1;
  return waits + medianMs * process.slowness * cold * busy * tail * Math.exp(0.5 * noise.gauss());
}

export function viewOf(process: Process, role: InstanceView['role'], at: number): InstanceView {
  const { instance: id, workload, version, region, ordinal, startedAt, readyAt } = process;
  const state = { running: true, ready: at >= readyAt, seenAt: at, startedAt, role };
  return { id, workload, version, region, ordinal, host: `host-${(ordinal % 3) + 1}`, ...state };
}
