import type { Random } from '../base/random.ts';
import type { Fleet } from './fleet.ts';
import type { Instance } from './instance.ts';

/** For whom an instance is sought. */
export interface Wanted {
  readonly tenant: string;
  readonly workload: string;
  /** The only regions that may be used, the preferred first. */
  readonly regions: readonly string[];
  /** Instances that this request has tried. */
  readonly tried: ReadonlySet<Instance>;
}

/** Below this share of instances that are not ejected, ejection is ignored: the few would fall next. */
const PANIC_SHARE = 0.5;

/**
 * The less loaded of two random instances in the first permitted region that has a good one; a doubtful one rather than
 * none; one that was tried before only when there is no other. Never one of another region; undefined when there is none.
 */
export function pickInstance(fleet: Fleet, wanted: Wanted, random: Random, nowMs: number): Instance | undefined {
  for (const region of wanted.regions) {
    const ready = fleet.ready(wanted.workload, region);
    const good = goodOf(fleet, ready, wanted, nowMs);
    if (good.length > 0) return lessLoaded(good, random, nowMs);
  }
  const ready = wanted.regions.map((region) => fleet.ready(wanted.workload, region));
  const untried = ready.map((list) => list.filter((instance) => !wanted.tried.has(instance)));
  const left = [...untried, ...ready].find((list) => list.length > 0);
  return left && lessLoaded(left, random, nowMs);
}

function goodOf(fleet: Fleet, ready: readonly Instance[], wanted: Wanted, nowMs: number): readonly Instance[] {
  const isGood = (instance: Instance) =>
    !wanted.tried.has(instance) &&
    !instance.ejection.isEjectedFor(wanted.tenant, nowMs) &&
    !isStalled(fleet, instance, nowMs);
  const good = ready.filter(isGood);
  if (good.length === 0 || good.length === ready.length) return good;
  const whole = ready.filter((instance) => !instance.ejection.isEjected(nowMs));
  return whole.length < ready.length * PANIC_SHARE ? ready.filter((instance) => !wanted.tried.has(instance)) : good;
}

/** Silent while its siblings answer. If all are silent the cause lies elsewhere, and none is avoided. */
function isStalled(fleet: Fleet, instance: Instance, nowMs: number): boolean {
  const sinceMs = instance.silentSinceMs(nowMs);
  return sinceMs !== undefined && fleet.othersAnswered(instance, sinceMs);
}

function lessLoaded(list: readonly Instance[], random: Random, nowMs: number): Instance {
  const first = Math.floor(random.next() * list.length);
  const one = list[first] as Instance;
  if (list.length === 1) return one;
  const step = 1 + Math.floor(random.next() * (list.length - 1));
  const other = list[(first + step) % list.length] as Instance;
  return other.load(nowMs) < one.load(nowMs) ? other : one;
}
