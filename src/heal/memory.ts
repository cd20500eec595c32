import type { JsonObject } from '../base/json.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import type { RepairStore } from './executor.ts';
import type { Harm } from './harm.ts';
import type { Learned } from './learned-order.ts';
import type { Plan } from './plan.ts';
import type { Budgets, PastRepair, Situation } from './situation.ts';
import type { TrackRecord } from './trust.ts';

/** An incident as it is kept. `body` is what was seen and suspected, and grows while it is open. */
export interface Incident {
  readonly id: string;
  readonly key: string;
  readonly state: 'open' | 'closed';
  readonly outcome: string | null;
  readonly openedAt: string;
  readonly closedAt: string | null;
  readonly body: IncidentBody;
}

export interface IncidentBody {
  readonly diagnosis: Diagnosis;
  /** When the first evidence was seen. */
  readonly detectedAt: string;
  /** The last refusal, which stands on the incident for people to see. */
  readonly refusal: JsonObject | null;
  /** The incident that this one belongs to: one cause, several that are decided on for themselves. Left out: it stands alone. */
  readonly belongsTo?: string;
  /** What had been kept out because of it and is let in again, oldest first; left out: nothing was. */
  readonly released?: readonly Release[];
}

/** The end of a limit that held something for an incident. */
export interface Release {
  readonly limit: string;
  readonly kind: string;
  readonly tenant: string | null;
  readonly workload: string | null;
  /** Not requests, but new rows in this store. */
  readonly store: string | null;
  readonly at: string;
  readonly why: string;
}

/** A repair that has not ended, with its plan. */
export interface OpenRepair {
  readonly id: string;
  readonly plan: Plan;
}

/**
 * All that healing remembers, whoever leads. Whoever implements it owes:
 * - **One leader.** Every write is made under the epoch of the lease and is refused, with no effect, once another leads:
 *   `lease.lost` when this replica knows it, `lease.stale` when the memory does.
 * - **All or nothing.** A call that rejects has changed nothing, but the caller may not have heard of one that has:
 *   what it wrote is found by reading.
 * - **One repair per target, one open incident per key**, also when two replicas ask at once.
 * - **Budgets last.** A token that was taken stays taken when the process dies; tokens refill with time alone.
 * - **On the record.** What is written here reaches the ledger with it or not at all.
 */
export interface Memory extends RepairStore {
  readOpenIncidents(): Promise<readonly Incident[]>;
  /** Opens an incident, which may belong to another, or answers with the one that is open under the same key. */
  openIncident(diagnosis: Diagnosis, detectedAt: number, belongsTo?: string): Promise<Incident>;
  /**
   * More was seen, and the same trouble is explained better: the incident goes on under the key of this diagnosis, and what
   * came of it under the old one no longer stands.
   */
  rediagnoseIncident(incident: Incident, diagnosis: Diagnosis): Promise<Incident>;
  /** More was measured of the same cause: the incident goes on as it was, with all of the evidence of this diagnosis. */
  widenIncident(incident: Incident, diagnosis: Diagnosis): Promise<Incident>;
  /** Notes why nothing is done about it. */
  refuseIncident(incident: Incident, refusal: JsonObject): Promise<void>;
  /** Closes it if it is open. A call for a person, or a refusal, stays its outcome when it went away by itself. */
  closeIncident(id: string, outcome: string): Promise<void>;
  /** How often incidents of this key came back within the last day, and when the last one was over. */
  readRelapses(key: string): Promise<Situation['relapses']>;

  /**
   * Keeps plan and repair, takes the target and a token of each scope: all or nothing. Resolves with the epoch that it was
   * done under. Rejects with `resource.conflict` when another repair has the target.
   */
  beginRepair(repair: string, plan: Plan, scopes: readonly string[]): Promise<number>;
  readOpenRepairs(): Promise<readonly OpenRepair[]>;
  /** Repairs of the last hour and those that run, newest first. */
  readPastRepairs(): Promise<readonly PastRepair[]>;
  /** Notes what a repair cost, once it has ended. */
  noteHarm(repair: string, harm: Harm): Promise<void>;
  /** What trust in playbooks is made from: harm, drills and pardons of the last year. */
  readTrackRecord(): Promise<TrackRecord>;
  /** How often which move healed which cause, over all repairs that ended. */
  readLearned(): Promise<Learned>;
  /** Tokens per scope, refilled up to now; full for a scope that was never used. */
  readBudgets(scopes: readonly string[]): Promise<Budgets>;
}
