import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import { counted, type Look, placeCollector, unknown } from './place-collector.ts';

/** A component that people keep on their list: `records/eu`, a workload in a region. */
export interface ListedComponent {
  readonly component: string;
  /** It need not run: a place to fail over to. */
  readonly standby: boolean;
}

/** A process that runs. */
export interface RunningComponent {
  readonly workload: string;
  readonly region: string;
}

export interface ComponentInventoryOptions {
  /** Undefined when nobody keeps a list. */
  readonly listed: () => readonly ListedComponent[] | undefined;
  /** Processes of workloads, as the keeper has them, and not as they are declared. */
  readonly running: () => readonly RunningComponent[];
  readonly clock: Clock;
}

/**
 * Whether the list of components is that of what runs: workloads by region. Nothing is proven of what Kintsugi did not start, and
 * of Kintsugi's own processes, which are those of its version.
 */
export function componentInventory({ listed, running, clock }: ComponentInventoryOptions): Collector {
  return placeCollector({
    name: 'component-inventory',
    facts: ['record.inventory.difference'],
    everyMs: 60_000,
    timeoutMs: 10_000,
    placeMs: 5_000,
    places: () => [{ subject: 'components', tenants: 'all' as const }],
    clock,
    look: async () => compared(listed(), running()),
  });
}

function compared(listed: readonly ListedComponent[] | undefined, running: readonly RunningComponent[]): Look {
  const seen = new Set(running.map(({ workload, region }) => `${workload}/${region}`));
  if (!listed) {
    const unsaid = unknown('nobody keeps a list of components: see `inventory` of the Policy');
    return { readings: { 'record.inventory.difference': unsaid }, transcript: null };
  }
  const names = new Set(listed.map(({ component }) => component));
  const unlisted = [...seen].filter((each) => !names.has(each)).map((each) => `${each} runs and is not listed`);
  const absent = listed.filter(({ component, standby }) => !standby && !seen.has(component));
  const found = [...unlisted, ...absent.map(({ component }) => `${component} is listed and does not run`)];
  return { readings: { 'record.inventory.difference': counted(found) }, transcript: { listed, seen: [...seen] } };
}
