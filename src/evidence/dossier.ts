/**
 * What a report says, as plain data: one tenant under one framework over one period. Every rendering of it (the page, the
 * PDF, OSCAL) is a pure function of this, so that a verifier can make them again and compare.
 *
 * It holds what concerns the tenant and nothing of others: where an incident or a repair touched other tenants too, only
 * their number is given. Times are ISO 8601 in UTC. What was violated and healed within a second is in it like all else.
 */
export interface Dossier {
  /** Of this form; a verifier refuses one that it does not know. */
  readonly version: 3;
  readonly tenant: { readonly name: string; readonly displayName: string | null };
  readonly framework: { readonly name: string; readonly title: string; readonly source: string | null };
  readonly from: string;
  readonly to: string;
  readonly madeAt: string;
  /** Who runs the platform, as the Policy says; null when nobody said it. */
  readonly operator: string | null;
  /** `kintsugi 0.1.0`. */
  readonly madeBy: string;
  /** Name of the ledger that the receipts are of: the origin of its checkpoints. */
  readonly ledger: string;
  /** In the order of the framework. */
  readonly controls: readonly ControlRecord[];
  /** Every violation that stood in the period, oldest first; those that lasted a moment too. */
  readonly violations: readonly ViolationRecord[];
  /** Oldest first. */
  readonly incidents: readonly IncidentRecord[];
  /** What the gate did not permit for this tenant, oldest first. */
  readonly refusals: readonly RefusalRecord[];
  /** Losses that had to be assessed, oldest first. */
  readonly losses: readonly LossRecord[];
  /** Oldest first. */
  readonly drills: readonly DrillRecord[];
  /** Deviations of this tenant from controls of the framework, those that have run out too. */
  readonly exceptions: readonly ExceptionRecord[];
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
  /** Ids of controls of the framework that its own evidence violates for the tenant. */
  readonly violates: readonly string[];
  readonly repairs: readonly RepairRecord[];
  readonly entries: readonly string[];
  /** Entries about it that name other tenants too: their receipts are not given away. */
  readonly entriesWithheld: number;
}

export interface RepairRecord {
  readonly id: string;
  readonly moves: readonly string[];
  readonly startedAt: string;
  /** When its first move was made, and when a signal of its own showed that it had helped; null where neither came. */
  readonly appliedAt: string | null;
  readonly verifiedAt: string | null;
  readonly endedAt: string | null;
  readonly outcome: string | null;
  readonly approvedBy: readonly string[];
}

/** One violation of one control, by the times of its measurements. It began at some time between `goodAt` and `badAt`. */
export interface ViolationRecord {
  readonly control: string;
  /** As far as it stood in the period: from when it was on record, and until when; null: still at the end. */
  readonly from: string;
  readonly to: string | null;
  /** The last measurement before that was good; null where nobody measured it good before. */
  readonly goodAt: string | null;
  /** The first measurement that was not. */
  readonly badAt: string;
  readonly foundAt: string;
  /** When the repair that healed it made its first move. */
  readonly containedAt: string | null;
  /** The first measurement that was good again. */
  readonly healedAt: string | null;
  /** When the repair was verified by a signal of its own. */
  readonly verifiedAt: string | null;
  readonly incident: string | null;
  /** The repair that answered it, with its moves; null where none did, and then why, where that is on record. */
  readonly repair: string | null;
  readonly moves: readonly string[];
  readonly refusal: string | null;
}

/** A repair that was planned, or about to be made, and that the law of this tenant did not permit. */
export interface RefusalRecord {
  readonly at: string;
  readonly incident: string;
  /** Clause and reason, as the gate gave them. */
  readonly reason: string;
  /** Null when it names other tenants too. */
  readonly entry: string | null;
}

/** A loss and what people said to it: facts and times, and nothing that anybody wrote. */
export interface LossRecord {
  readonly id: string;
  /** Of what: `confidentiality`, `integrity` or `availability`. */
  readonly loss: string;
  readonly what: string;
  readonly detectedAt: string;
  readonly incident: string | null;
  /** Null while nobody has said so. */
  readonly awareAt: string | null;
  /** Since when every sign of it is well; null while one stands. */
  readonly endedAt: string | null;
  readonly closedAt: string | null;
  /** The drill that it came of. */
  readonly drill: string | null;
  readonly notices: readonly NoticeRecord[];
  readonly entries: readonly string[];
}

/** A notice that a control asks for. */
export interface NoticeRecord {
  readonly control: string;
  /** `notify` or `no-notice`; null: nobody has decided. */
  readonly choice: string | null;
  readonly decidedAt: string | null;
  readonly sentAt: string | null;
  /** When its deadline passed without either. */
  readonly missedAt: string | null;
}

export interface DrillRecord {
  readonly id: string;
  readonly scenario: string;
  readonly participants: readonly string[];
  readonly startedAt: string;
  readonly outcome: string;
  readonly detectedAfterMs: number | null;
  /** The recovery time that was shown; null where it was not measured. */
  readonly recoveredAfterMs: number | null;
  /** The span of data that was lost; null where it was not measured. */
  readonly dataLostMs: number | null;
  /** Null when it names other tenants too. */
  readonly entry: string | null;
}

export interface ExceptionRecord extends DeviationRecord {
  readonly control: string;
  /** How often a result turned bad under it, and since when that is counted. */
  readonly matches: number;
  readonly matchesSince: string;
}
