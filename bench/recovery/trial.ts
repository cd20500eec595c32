import { setTimeout as sleep } from 'node:timers/promises';
import { type Contestant, INSTANCES } from './contestant.ts';
import type { Fault, Victim } from './fault.ts';
import { WATCH_LEAST_MS } from './figures.ts';
import { readPid } from './health.ts';

const BEAT_MS = 100;
/** For what the fault before left behind. */
const PAUSE_MS = 500;
const SETTLE_LIMIT_MS = 15_000;

/** One fault against one contestant. Moments are of `performance.now()`, spans start at the fault. */
export interface Trial {
  readonly faultMs: number;
  readonly endMs: number;
  /** Until three instances got requests and answered, none of them the broken one; null when not in the time watched. */
  readonly restoredMs: number | null;
  /** Until the contestant closed its incident as healed; undefined for one that has no incidents. */
  readonly verifiedMs: number | null | undefined;
}

/** Waits until all is well (a bounded time), breaks instance `ordinal`, watches, and lifts the fault. */
export async function runTrial(
  contestant: Contestant,
  fault: Fault,
  ordinal: number,
  signal: AbortSignal,
): Promise<Trial> {
  await settle(contestant, signal);
  await sleep(PAUSE_MS, undefined, { signal });
  const victim = await chooseVictim(contestant, ordinal);
  const healedBefore = (await contestant.incidents?.())?.healed ?? 0;
  const faultMs = performance.now();
  await fault.inject(victim);
  try {
    const seen = await watch(contestant, victim, { healedBefore, faultMs, limitMs: fault.watchMsMax }, signal);
    return { faultMs, endMs: performance.now(), ...seen };
  } finally {
    await fault.lift(victim);
  }
}

async function chooseVictim(contestant: Contestant, ordinal: number): Promise<Victim> {
  const instances = await contestant.instances();
  const { url } = instances[ordinal % instances.length]!;
  const pid = await readPid(url);
  if (pid === undefined) throw new Error(`${url} does not answer, so it cannot be broken`);
  return { url, pid };
}

async function watch(
  contestant: Contestant,
  victim: Victim,
  begin: { readonly healedBefore: number; readonly faultMs: number; readonly limitMs: number },
  signal: AbortSignal,
): Promise<Pick<Trial, 'restoredMs' | 'verifiedMs'>> {
  const { healedBefore, faultMs, limitMs } = begin;
  let restoredMs: number | null = null;
  let verifiedMs: Trial['verifiedMs'] = contestant.incidents ? null : undefined;
  let spentMs = 0;
  while (spentMs < limitMs) {
    if (restoredMs === null && (await isWhole(contestant, victim.pid))) restoredMs = performance.now() - faultMs;
    if (verifiedMs === null && restoredMs !== null && (await isHealed(contestant, healedBefore))) {
      verifiedMs = performance.now() - faultMs;
    }
    spentMs = performance.now() - faultMs;
    if (spentMs >= WATCH_LEAST_MS && restoredMs !== null && verifiedMs !== null) break;
    await sleep(BEAT_MS, undefined, { signal });
  }
  return { restoredMs, verifiedMs };
}

/** Whether enough instances get requests and answer for themselves. A balancer that cannot be asked is not whole. */
async function isWhole(contestant: Contestant, except?: number): Promise<boolean> {
  const instances = await contestant.instances().catch(() => []);
  const serving = instances.filter(({ inRotation }) => inRotation);
  if (serving.length < INSTANCES) return false;
  const pids = await Promise.all(serving.map(({ url }) => readPid(url)));
  return pids.every((pid) => pid !== undefined && pid !== except);
}

async function isHealed(contestant: Contestant, healedBefore: number): Promise<boolean> {
  const count = await contestant.incidents?.().catch(() => undefined);
  return count !== undefined && count.open === 0 && count.healed > healedBefore;
}

async function settle(contestant: Contestant, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + SETTLE_LIMIT_MS;
  while (performance.now() < deadline) {
    if ((await isWhole(contestant)) && (await isQuiet(contestant))) return;
    await sleep(BEAT_MS, undefined, { signal });
  }
}

async function isQuiet(contestant: Contestant): Promise<boolean> {
  const count = await contestant.incidents?.().catch(() => ({ open: 1 }));
  return count === undefined || count.open === 0;
}
