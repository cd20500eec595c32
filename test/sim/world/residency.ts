import type { ViolationSample } from '../../../src/observe/sample.ts';
import { violatedControl } from '../readings.ts';
import type { Scenario } from '../../scenarios/scenario.ts';

const EVERY_MS = 1_000;

/**
 * Where tenants with a route of their own are served, as gateways count it, held each second against the regions that they
 * permit under a strict profile. Who is served nowhere is not told of: that is no data.
 */
export class Residency {
  readonly #scenario: Scenario;
  readonly #served = new Map<string, Set<string>>();
  #toldAt = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  /** A request of the tenant was answered in the region. */
  served(tenant: string, region: string): void {
    if (this.#scenario.fleet.tenants[tenant]?.routedBy === undefined) return;
    const regions = this.#served.get(tenant) ?? new Set<string>();
    this.#served.set(tenant, regions.add(region));
  }

  /** What is told now: nothing until a second has passed. */
  tell(now: number): readonly ViolationSample[] {
    if (now - this.#toldAt < EVERY_MS) return [];
    this.#toldAt = now;
    const told = [...this.#served].flatMap(([tenant, regions]) => this.#tellOf(tenant, [...regions], now));
    this.#served.clear();
    return told;
  }

  #tellOf(tenant: string, regions: readonly string[], at: number): readonly ViolationSample[] {
    const { fleet, profiles } = this.#scenario;
    const words = fleet.tenants[tenant];
    const strict = words?.profiles.find((name) => (profiles[name]?.residency ?? 'strict') === 'strict');
    if (!words || strict === undefined) return [];
    const isBad = regions.some((region) => !words.regions.includes(region));
    const remedies = { moves: ['revert', 'reroute', 'quarantine'] as const, advice: ['bring it back'] };
    const control = { framework: strict, control: 'residency', clause: 'residency', title: 'Stays where it may be' };
    const violated = isBad ? [violatedControl([tenant], { ...control, ...remedies })] : [];
    const reason = `residency.instances of tenant ${tenant} is ${regions.toSorted().join(', ')}`;
    const what = { fact: 'residency.instances', subject: tenant, vantage: 'gateways' } as const;
    return [{ kind: 'violation', at, ...what, violated, reason }];
  }
}
