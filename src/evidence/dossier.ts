import { fromIso } from '../base/clock.ts';

/**
 * What a report says, as plain data: one tenant under one framework over one period. Every rendering of it (the page, the
 * PDF, OSCAL) is a pure function of this, so that a verifier can make them again and compare.
 *
 * It holds what concerns the tenant and nothing of others: where an incident or a repair touched other tenants too, only
 * their number is given. Times are ISO 8601 in UTC. What was violated and healed within a second is in it like all else.
 */
export interface Dossier {
  /** Of this form; a verifier refuses one that it does not know. */
  readonly version: 1;
  readonly tenant: { readonly name: string; readonly displayName: string | null };
  readonly framework: { readonly name: string; readonly title: string; readonly source: string | null };
  readonly from: string;
  readonly to: string;
  readonly madeAt: string;
  /** `kintsugi 0.1.0`. */
  readonly madeBy: string;
  /** Name of the ledger that the receipts are of: the origin of its checkpoints. */
  readonly ledger: string;
  /** In the order of the framework. */
  readonly controls: readonly ControlRecord[];
  /** Oldest first. */
  readonly incidents: readonly IncidentRecord[];
  /** Oldest first. */
  readonly drills: readonly DrillRecord[];
}

/** OSCAL knows the first two; what could not be determined is never a pass. */
export type ControlStatus = 'satisfied' | 'not-satisfied' | 'unknown';

export interface ControlRecord {
  readonly id: string;
  readonly clause: string;
  readonly link: string | null;
  readonly title: string;
  readonly paraphrase: string;
  readonly level: 'required' | 'addressable';
  readonly parameters: readonly ParameterRecord[];
  /** At the end of the period. */
  readonly status: ControlStatus;
  /** Without a gap from the beginning of the period to its end. */
  readonly spans: readonly Span[];
  readonly observations: readonly ObservationRecord[];
  /** A deviation that somebody answers for; for an addressable control it is the documented alternative. */
  readonly deviation: DeviationRecord | null;
  /** Who decides what no measurement can, and what serves as proof there. */
  readonly decidedBy: string | null;
  readonly proof: string | null;
  /** Ids of the ledger's entries about its turns. */
  readonly entries: readonly string[];
}

export interface ParameterRecord {
  readonly name: string;
  readonly value: string;
  readonly unit: string;
  /** `in-force`, `proposed`, `contract` or `policy-default`. */
  readonly status: string;
  readonly source: string;
}

export interface Span {
  readonly status: ControlStatus;
  readonly from: string;
  readonly to: string;
}

/** What was measured, or why it was not. */
export interface ObservationRecord {
  readonly fact: string;
  /** `store postgresql/records/eu`; null where no collector has measured. */
  readonly subject: string | null;
  readonly status: ControlStatus;
  readonly text: string;
  readonly measuredAt: string | null;
  readonly expiresAt: string | null;
  readonly collector: string | null;
  /** `sha256:...` of the transcript in the bundle. */
  readonly transcript: string | null;
}

export interface DeviationRecord {
  readonly name: string;
  readonly owner: string;
  readonly reason: string;
  readonly compensatingControl: string;
  readonly expiresAt: string;
}

export interface IncidentRecord {
  readonly id: string;
  readonly cause: string;
  readonly subject: string;
  readonly summary: string;
  /** When the first sign of it was seen, and when it was recognised as an incident. */
  readonly detectedAt: string;
  readonly openedAt: string;
  /** Null while it is open. */
  readonly closedAt: string | null;
  readonly outcome: string | null;
  /** Why nothing was done, when that is so. */
  readonly refusal: string | null;
  /** How many other tenants it touched. */
  readonly otherTenants: number;
  /** Ids of controls that were measured as violated while it was open. */
  readonly controls: readonly string[];
  readonly repairs: readonly RepairRecord[];
  readonly entries: readonly string[];
}

export interface RepairRecord {
  readonly id: string;
  readonly moves: readonly string[];
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly outcome: string | null;
  readonly approvedBy: readonly string[];
}

export interface DrillRecord {
  readonly id: string;
  readonly scenario: string;
  readonly startedAt: string;
  readonly outcome: string;
  readonly detectedAfterMs: number | null;
  readonly healedAfterMs: number | null;
}

export interface Tally {
  readonly satisfied: number;
  readonly notSatisfied: number;
  readonly unknown: number;
  /** Of the last two: addressable controls for which a documented alternative stands. */
  readonly addressed: number;
}

/** How many controls stand how at the end of the period. */
export function tallyOf({ controls }: Dossier): Tally {
  const count = (status: ControlStatus) => controls.filter((each) => each.status === status).length;
  return {
    satisfied: count('satisfied'),
    notSatisfied: count('not-satisfied'),
    unknown: count('unknown'),
    addressed: controls.filter(isAddressed).length,
  };
}

/** Whether a documented alternative stands in for what is not met as it is written (45 CFR 164.306(d)(3)). */
export function isAddressed({ status, level, deviation }: ControlRecord): boolean {
  return status !== 'satisfied' && level === 'addressable' && deviation !== null;
}

/** Milliseconds of the period for which a control was known not to be satisfied. */
export function violatedMs({ spans }: ControlRecord): number {
  return spans
    .filter(({ status }) => status === 'not-satisfied')
    .reduce((sum, { from, to }) => sum + fromIso(to) - fromIso(from), 0);
}
