import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { Collector } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { CANARY_OWNER, CanaryCalls, type TrialInstance } from './canary-calls.ts';
import { reasonOf, unknown, Unmeasured, value } from './place-collector.ts';

/** An instance that is tried, with the slot that it has: `records/eu/0` stays when its instance goes. */
export interface IsolationInstance extends TrialInstance {
  readonly slot: string;
}

export interface ApiIsolationOptions {
  readonly instances: () => readonly IsolationInstance[];
  readonly tenants: () => readonly { readonly name: string; readonly regions: readonly string[] }[];
  readonly clock: Clock;
  readonly random: Random;
}

const NAME = 'api-isolation';
const INSTANCE_MS = 8_000;
const STRANGER = 'kintsugi-canary-stranger';
/** Of every round: what a cache kept of an earlier one leaks too. */
const MARK = 'kintsugi-marker-';

/** What the trial of one instance brought. */
interface Trial {
  readonly slot: string;
  readonly region: string;
  readonly measured: Measured;
}

/**
 * Two canary tenants at every instance, by the header in which the gateway names a tenant: one leaves something, and neither
 * the other nor a request without tenant may find it, whether by its name or in a list. It is taken away again at the end.
 * Proven is that of the declared paths of each instance, its caches included; not of other paths, and not of the gateway.
 */
export function apiIsolation({ instances, tenants, clock, random }: ApiIsolationOptions): Collector {
  return {
    name: NAME,
    facts: ['isolation.api.foreignRows'],
    everyMs: 60_000,
    timeoutMs: 120_000,
    async collect(signal) {
      const trials: Trial[] = [];
      for (const instance of instances()) {
        signal.throwIfAborted();
        trials.push(await tried(instance, random, clock.deadline(INSTANCE_MS, signal)));
      }
      const measuredAt = clock.now();
      return tenants().map(({ name, regions }): Fact => {
        const measured = worst(trials.filter(({ region }) => regions.includes(region)));
        const about = { subject: name, tenants: [name], collector: NAME, evidence: null };
        return { name: 'isolation.api.foreignRows', ...about, measured, measuredAt };
      });
    },
  };
}

/** What leaks at one instance leaks for every tenant that it serves. */
function worst(trials: readonly Trial[]): Measured {
  if (trials.length === 0) return unknown('no workload that serves it declares `isolationTrial`');
  const foundBy = ({ measured }: Trial) => (measured.kind === 'value' ? Number(measured.value) : 0);
  const leaks = trials.reduce((sum, trial) => sum + foundBy(trial), 0);
  const blind = trials.find(({ measured }) => measured.kind === 'unknown');
  if (leaks === 0) return blind ? blind.measured : value(0);
  const where = [...new Set(trials.filter((trial) => foundBy(trial) > 0).map(({ slot }) => slot))].toSorted();
  return { kind: 'value', value: leaks, detail: `at ${where.join(', ')}`, where };
}

async function tried(instance: IsolationInstance, random: Random, signal: AbortSignal): Promise<Trial> {
  const { slot, region } = instance;
  try {
    return {
      slot,
      region,
      measured: value(
        await leaksOf(new CanaryCalls(instance, { marker: `${MARK}${random.token(24)}` }, random, signal)),
      ),
    };
  } catch (error) {
    return { slot, region, measured: unknown(`${instance.id} could not be tried: ${reasonOf(error)}`) };
  }
}

async function leaksOf(calls: CanaryCalls): Promise<number> {
  const { read } = calls.recipe;
  try {
    await calls.write();
    // Read by its owner first: that is what a cache would keep.
    const own = await countOf(read, (path) => finds(calls, CANARY_OWNER, path));
    if (own === 0) throw new Unmeasured('not even its owner found the canary');
    const foreign = await countOf(read, (path) => finds(calls, STRANGER, path));
    return foreign + (await countOf(read, (path) => finds(calls, undefined, path)));
  } finally {
    await calls.remove();
  }
}

async function countOf(paths: readonly string[], holds: (path: string) => Promise<boolean>): Promise<number> {
  let count = 0;
  for (const path of paths) if (await holds(path)) count += 1;
  return count;
}

/** Whether an answer to this tenant holds what only a canary writes. */
async function finds(calls: CanaryCalls, tenant: string | undefined, path: string): Promise<boolean> {
  return (await calls.read(tenant, path)).text.includes(MARK);
}
