import { instanceOf, type FleetView, workloadOf } from '../diagnose/fleet-view.ts';
import type { Sample } from '../observe/sample.ts';
import type { UserSignal } from '../observe/user-signal.ts';
import { type Felt, type Harm, harmOf } from './harm.ts';
import { keepsOut } from './move-traits.ts';
import type { Plan } from './plan.ts';

/**
 * What tenants felt over this span before a repair is what they would have gone on feeling without it. Short, because a
 * repair follows its fault within seconds: a longer span would count the time before the fault, and blame the repair.
 */
const BEFORE_MS = 1_500;

interface Measured {
  readonly plan: Plan;
  readonly startedAt: number;
  readonly before: Readonly<Record<string, Felt>>;
  readonly during: Record<string, Felt>;
  /** Slots that it touches and that were served when it began. */
  readonly served: readonly Slot[];
}

interface Slot {
  readonly instance: string;
  readonly workload: string;
  readonly region: string;
  readonly ordinal: number;
}

/** Measures what each repair costs the tenants, from its beginning to its end, against how things went just before. */
export class HarmMeter {
  readonly #userSignal: UserSignal;
  readonly #open = new Map<string, Measured>();

  constructor(userSignal: UserSignal) {
    this.#userSignal = userSignal;
  }

  /** A repair begins, or is taken over: then what it cost before is not known and does not count. */
  begin(repair: string, plan: Plan, fleet: FleetView): void {
    if (this.#open.has(repair)) return;
    const touched = plan.steps.flatMap(({ touch }) => touch.instances);
    const served = [...new Set(touched)].flatMap((instance): Slot[] => {
      const view = instanceOf(fleet, instance);
      if (!view?.ready) return [];
      return [{ instance, workload: view.workload, region: view.region, ordinal: view.ordinal }];
    });
    const before = this.#userSignal.byTenantSince(fleet.at - BEFORE_MS);
    this.#open.set(repair, { plan, startedAt: fleet.at, before, during: {}, served });
  }

  take(sample: Sample): void {
    if (sample.kind !== 'requests') return;
    for (const { during } of this.#open.values()) {
      const felt = during[sample.tenant] ?? { requests: 0, failed: 0 };
      const lost = sample.failed + sample.limited + sample.refused;
      during[sample.tenant] = { requests: felt.requests + sample.ok + lost, failed: felt.failed + lost };
    }
  }

  /** What the repair cost; undefined for one whose beginning this process did not see. */
  end(repair: string, fleet: FleetView): Harm | undefined {
    const measured = this.#open.get(repair);
    if (!measured) return undefined;
    this.#open.delete(repair);
    const { plan, startedAt, before, during, served } = measured;
    const keptOut = plan.steps.flatMap(({ move, touch }) => (keepsOut(move) ? touch.tenants : []));
    const instancesLost = served.filter((slot) => !isServed(slot, fleet)).map(({ instance }) => instance);
    return harmOf({ startedAt, endedAt: fleet.at, before, during, keptOut, instancesLost });
  }
}

function isServed({ workload, region, ordinal }: Slot, fleet: FleetView): boolean {
  const instances = workloadOf(fleet, workload)?.instances ?? [];
  return instances.some((each) => each.ready && each.region === region && each.ordinal === ordinal);
}
