import type { MoveName } from '../resources/playbook.ts';

/** One control that a fact breaks, and for whom; not a loss with clocks, which is a breach. A type and no interface: it travels as the evidence of a symptom. */
export type ViolatedControl = {
  readonly framework: string;
  readonly control: string;
  /** As the regulation counts: `Art. 32(1)(b)`. */
  readonly clause: string;
  readonly title: string;
  /** Names of tenants, the first `VIOLATED_TENANTS_MAX` of them. */
  readonly tenants: readonly string[];
  /** How many tenants there are in all. */
  readonly tenantsTotal: number;
  /** What the control says against it: moves that a machine may make, and all of it in words. */
  readonly moves: readonly MoveName[];
  readonly advice: readonly string[];
};

/** So many are named; a fact may bear on ten thousand. */
export const VIOLATED_TENANTS_MAX = 50;
