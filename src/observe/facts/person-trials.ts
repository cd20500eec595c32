import type { Clock } from '../../base/clock.ts';
import type { FactName } from '../../resources/fact-kinds.ts';
import type { Collector } from '../collector.ts';
import type { Fact, FactValue, Measured } from '../fact.ts';
import type { TrialInstance } from './canary-calls.ts';
import { reasonOf, unknown } from './place-collector.ts';

/** An instance at which a right of people is tried with a canary person, and whose data its workload has. */
export interface PersonInstance extends TrialInstance {
  readonly workload: string;
  readonly tenants: readonly string[];
}

export interface PersonTrialsOptions<I extends PersonInstance> {
  readonly name: string;
  readonly fact: FactName;
  /** What is tried, in a sentence that goes on with "could not be tried". */
  readonly what: string;
  readonly instances: () => readonly I[];
  readonly trialMs: number;
  readonly clock: Clock;
  /** The whole trial at all instances of one workload in one region. Rejects when it cannot be made. Cleans up behind itself. */
  readonly run: (here: readonly I[], signal: AbortSignal) => Promise<Measured>;
  readonly isFault: (value: FactValue) => boolean;
}

/**
 * A collector that makes one trial at each workload and region, one after the other, and tells it of each tenant that it serves. A
 * fault that was seen counts, whatever could not be tried elsewhere.
 */
export function personTrials<I extends PersonInstance>(options: PersonTrialsOptions<I>): Collector {
  const { name, fact, what, instances, trialMs, clock, run, isFault } = options;
  const rankOf = (measured: Measured) => {
    if (measured.kind === 'unknown') return 1;
    return isFault(measured.value) ? 2 : 0;
  };
  return {
    name,
    facts: [fact],
    everyMs: 1_800_000,
    timeoutMs: 600_000,
    async collect(signal, keep = () => null) {
      const places = [...Map.groupBy(instances(), ({ workload, region }) => `${workload}/${region}`)];
      const measured = new Map<string, Measured>();
      for (const [place, here] of places) {
        signal.throwIfAborted();
        const blind = (error: unknown) => unknown(`${what} could not be tried at ${place}: ${reasonOf(error)}`);
        measured.set(place, await run(here, clock.deadline(trialMs, signal)).catch(blind));
      }
      const tenants = new Set(places.flatMap(([, here]) => here.flatMap((each) => each.tenants)));
      return [...tenants].map((tenant): Fact => {
        const own = places.filter(([, here]) => here.some((each) => each.tenants.includes(tenant)));
        const found = own.map(([place]) => measured.get(place)!).toSorted((a, b) => rankOf(b) - rankOf(a));
        const worst = found[0] ?? unknown('nothing was tried');
        const evidence = keep({
          collector: name,
          subject: tenant,
          places: own.map(([place]) => place),
          measured: worst,
        });
        const about = { subject: tenant, tenants: [tenant], measuredAt: clock.now(), collector: name, evidence };
        return { name: fact, ...about, measured: worst };
      });
    },
  };
}
