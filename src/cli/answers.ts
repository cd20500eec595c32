import type { Release } from '../heal/memory.ts';
import type { Duty } from '../resources/move-rule-words.ts';
import type { JsonObject } from '../base/json.ts';
import type { Ranking } from '../diagnose/diagnosis.ts';
import type { JournalEvent } from '../heal/journal.ts';
import type { Account } from '../detect/account.ts';
import type { Plan } from '../heal/plan.ts';

/** What control answers, as the command line reads it. Times are ISO 8601 unless they end in `Ms`. */
export interface Status {
  readonly version?: string;
  readonly leading: boolean;
  readonly epoch: number | null;
  /** False when state could not be read: what is shown is what was last known. */
  readonly fresh: boolean;
  readonly stops: readonly StandingStop[];
  readonly workloads: readonly WorkloadStatus[];
  readonly tenants: readonly TenantStatus[];
  readonly incidents: readonly IncidentSummary[];
  readonly repairs: readonly OpenRepair[];
  readonly system: readonly SystemStatus[];
  /** Open duties; not told by an earlier control. */
  readonly duties?: readonly DutyAnswer[];
  /** Clocks of losses that run, the one that is due first at the top; not told by an earlier control. */
  readonly breachClocks?: readonly RunningClock[];
  readonly addresses: { readonly api?: string | null; readonly gateway?: string | null };
}

/** A clock that the law, or our policy, lets run for a loss. */
export interface RunningClock {
  readonly breach: string;
  /** `gdpr-art33.1`, or `assess`: people here say what it is. */
  readonly clock: string;
  /** Whose data were lost. */
  readonly tenants: readonly string[];
  readonly state: 'running' | 'due-soon' | 'overdue';
  /** Negative when it is overdue. */
  readonly leftMs: number;
  readonly dueAt: string;
}

export interface StandingStop {
  readonly id: string;
  readonly scope: string;
  readonly reason: string;
  readonly by: string;
  readonly expiresAt: string | null;
}

export interface WorkloadStatus {
  readonly name: string;
  readonly phase: string;
  readonly targetVersion: number;
  readonly lastKnownGood: number | null;
  readonly heldBy: string | null;
  readonly instances: readonly InstanceStatus[];
}

export interface InstanceStatus {
  readonly id: string;
  readonly region: string;
  readonly ordinal: number;
  readonly version: number;
  readonly role: 'occupant' | 'incoming';
  readonly running: boolean;
  readonly ready: boolean;
  readonly pid: number | null;
  readonly host: string;
  readonly port: number;
  readonly startedAt: string | number | null;
  /** False when its declared limits are not enforced, because the system grants no cgroup. */
  readonly limitsEnforced?: boolean;
}

/** Of the last 5 seconds. */
export interface TenantStatus {
  readonly name: string;
  readonly requestsPerSecond: number;
  readonly failedShare: number;
  readonly limited: number;
  readonly refused: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly mitigations: readonly string[];
}

export interface SystemStatus {
  readonly id: string;
  readonly pid: number | null;
  readonly state: string;
  readonly restarts: number;
  readonly startedAt: string | null;
}

export interface OpenRepair {
  readonly id: string;
  readonly incident: string;
  readonly target: string;
  readonly plan: string;
  readonly needsApproval: boolean;
  readonly hash: string;
  readonly startedAt: string | number;
}

export interface IncidentSummary {
  readonly id: string;
  readonly state: 'open' | 'closed';
  readonly outcome: string | null;
  readonly cause: string;
  /** `instance records-eu-0-abc` */
  readonly subject: string;
  readonly workload: string | null;
  readonly summary: string;
  /** Controls that are violated by it; left out by an earlier Kintsugi. */
  readonly violates?: readonly ViolatedClause[];
  readonly openedAt: string;
  readonly detectedAt: string;
  readonly closedAt: string | null;
  readonly refusal: { readonly guards: readonly GuardRefusal[]; readonly proposal?: readonly Proposed[] } | null;
  /** The incident that it belongs to: one cause, several that are healed for themselves. Left out when it stands alone. */
  readonly belongsTo?: string;
}

export interface ViolatedClause {
  readonly framework: string;
  readonly control: string;
  readonly clause: string;
  readonly title: string;
  readonly tenants: readonly string[];
  readonly tenantsTotal: number;
  readonly advice: readonly string[];
}

/** A step that would be made if the playbook had leave to. */
export interface Proposed {
  readonly move: string;
  readonly rung: number;
  readonly effect: string;
  readonly undo: string;
}

export interface GuardRefusal {
  readonly guard: string;
  readonly reason: string;
  readonly remedy: string;
}

export interface Evidence {
  readonly name: string;
  readonly reason: string;
  readonly vantages: readonly string[];
  readonly since: string | number;
  readonly evidence?: JsonObject;
}

export interface StoryRepair {
  readonly id: string;
  readonly target: string;
  readonly outcome: string | null;
  readonly reason: string | null;
  readonly startedAt: string | number;
  readonly endedAt: string | number | null;
  readonly hash: string;
  readonly approvedBy: string | null;
  readonly plan: Plan;
  readonly journal: readonly StoryEntry[];
}

export interface StoryEntry {
  readonly seq: number;
  readonly at: string | number;
  readonly event: JournalEvent;
  readonly moveIndex: number;
  readonly data: JsonObject;
}

export interface IncidentAnswer {
  readonly incident: IncidentSummary & {
    readonly evidence: readonly Evidence[];
    /** How many symptoms of each name it explains; not told by an earlier control. */
    readonly symptoms?: Readonly<Record<string, number>>;
    /** What was kept out because of it and is let in again; not told by an earlier control. */
    readonly released?: readonly Release[];
  };
  readonly repairs: readonly StoryRepair[];
  /** What the law laid on its moves; not told by an earlier control. */
  readonly duties?: readonly DutyAnswer[];
}

export interface DutyAnswer {
  readonly id: string;
  readonly incident: string;
  readonly move: string;
  readonly duty: Duty;
  readonly clause: string;
  readonly tenants: readonly string[];
  readonly owedAt: string;
  readonly metAt: string | null;
  readonly metBy: string | null;
  readonly result: string | null;
}

/** Why something is as it is; all but the series only of an incident. */
export interface ExplainAnswer {
  readonly incident?: IncidentSummary;
  readonly evidence?: readonly ExplainedEvidence[];
  readonly suspects?: readonly ExplainedSuspect[];
  readonly ranking?: Ranking | null;
  readonly series: readonly Account[];
}

export interface ExplainedEvidence {
  readonly name: string;
  readonly subject: string;
  readonly reason: string;
  readonly vantages: readonly string[];
  readonly since: string;
  readonly facts: JsonObject;
}

export interface ExplainedSuspect {
  readonly cause: string;
  readonly subject: string;
  readonly score: number;
  readonly why: string;
}

export interface RepairSummary {
  readonly id: string;
  readonly incident: string;
  readonly target: string;
  readonly outcome: string | null;
  readonly reason: string | null;
  readonly startedAt: string | number;
  readonly endedAt: string | number | null;
  readonly moves: readonly string[];
  readonly needsApproval: boolean;
  readonly plan: string;
  readonly hash: string;
}

export interface PlanAnswer {
  readonly plan: Plan;
  readonly hash: string;
  readonly repair: string;
  readonly outcome: string | null;
  readonly approvedBy: readonly string[];
  /** How many people still have to agree. */
  readonly missing: number;
  /** What it would call; nothing was called. */
  readonly rehearsal: readonly { readonly moveIndex: number; readonly call: string; readonly order: JsonObject }[];
}
