import type { Actors } from './actors.ts';
import type { FeltBook } from './felt.ts';
import type { Invariants } from './invariants.ts';
import type { Mitigations } from './mitigations.ts';
import type { Observers } from './observers.ts';
import type { Habitat, Population } from './population.ts';
import type { Residency } from './residency.ts';

/** What requests run through. */
export interface TrafficWorld extends Habitat {
  readonly population: Population;
  readonly actors: Actors;
  readonly mitigations: Mitigations;
  readonly felt: FeltBook;
  readonly observers: Observers;
  readonly residency: Residency;
  readonly invariants: Invariants;
  readonly rhythm: { readonly isLarge: boolean };
  /** Assets whose effect on requests the scenario tells itself. */
  readonly spokenFor: ReadonlySet<string>;
  /** How many times its usual a tenant sends to a workload now. */
  loadTimes(tenant: string, workload: string): number;
}
