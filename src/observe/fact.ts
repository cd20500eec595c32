import type { FactName } from '../resources/fact-kinds.ts';

export type FactValue = number | boolean | string | readonly string[];

/**
 * What a collector measured of one subject, or why it could not. Plain data that survives JSON.
 *
 * A collector owes: a fact for every subject that it is to look at, `unknown` with the reason where it could not measure;
 * the kinds and units of `FACT_KINDS`; no personal data and no secret in `reason` or `subject`.
 */
export interface Fact {
  readonly name: FactName;
  /** Without its kind, which the name gives: `postgresql/records/eu`, `clinic-de`, `gateway/8080`. */
  readonly subject: string;
  /** Tenants that it bears on; `all` for what serves everybody. */
  readonly tenants: readonly string[] | 'all';
  readonly measured: Measured;
  /** On the clock of the loop. The value counts until `freshMs` of its kind have passed. */
  readonly measuredAt: number;
  /** `postgresql`, `gateways`: who measured it. */
  readonly collector: string;
  /** `sha256:...` of the transcript of the measurement; null when there is none to keep. */
  readonly evidence: string | null;
}

/**
 * There is no third: a value that is missing is never a value. `reason` is one sentence for people. `detail` says of a value
 * what was found where, so that nobody has to look for it: names and numbers, no personal data and no secret. `where` names
 * the places for whoever has to act there: slots (`records/eu/0`) or stores (`postgresql/records/us`).
 */
export type Measured =
  | { readonly kind: 'value'; readonly value: FactValue; readonly detail?: string; readonly where?: readonly string[] }
  | { readonly kind: 'unknown'; readonly reason: string };

/** What identifies a fact: a later one of the same key takes its place. */
export function factKey({ name, subject }: Pick<Fact, 'name' | 'subject'>): string {
  return `${name} ${subject}`;
}
