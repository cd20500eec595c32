import { type Clock, fromIso, toIso } from '../../src/base/clock.ts';
import { KinError } from '../../src/base/errors.ts';
import type { JsonObject } from '../../src/base/json.ts';
import type { Diagnosis } from '../../src/diagnose/diagnosis.ts';
import { bucketOf } from '../../src/heal/budgets.ts';
import type { Harm } from '../../src/heal/harm.ts';
import type { JournalEntry } from '../../src/heal/journal.ts';
import type { Learned } from '../../src/heal/learned-order.ts';
import type { Incident, Memory } from '../../src/heal/memory.ts';
import { pastRepair } from '../../src/heal/past-repair.ts';
import type { Outcome, Plan } from '../../src/heal/plan.ts';
import type { TrackRecord } from '../../src/heal/trust.ts';
import { learnedFrom } from '../../src/heal/trust-store.ts';
import type { Replica } from './calamity.ts';

interface KeptRepair {
  readonly id: string;
  readonly plan: Plan;
  readonly startedAt: number;
  endedAt: number | null;
  outcome: Outcome | null;
  readonly journal: JournalEntry[];
  harm: Harm | null;
}

/** What reaches the ledger with a write. */
export interface Recorded {
  readonly at: number;
  readonly type: string;
  readonly subject: string;
  readonly data: JsonObject;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/**
 * Healing's memory without a database, with the same promises: `epoch` is the fence, and a replica that an older epoch
 * made writes nothing. Every write goes through `Replica.act`, so that a replica can end before or after any of them.
 */
export class MemoryInMemory {
  readonly recorded: Recorded[] = [];
  /** When the drill of a playbook passed last. */
  readonly drilled = new Map<string, number>();
  /** The highest epoch that ever led. */
  epoch = 0;
  /** While it is away every call rejects with `postgres.unreachable`. */
  isAway = false;
  readonly #clock: Clock;
  readonly #incidents = new Map<string, Incident>();
  readonly #repairs = new Map<string, KeptRepair>();
  readonly #budgets = new Map<string, { readonly tokens: number; readonly at: number }>();
  #ids = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get incidents(): readonly Incident[] {
    return [...this.#incidents.values()];
  }

  get repairs(): readonly Readonly<KeptRepair>[] {
    return [...this.#repairs.values()];
  }

  tokens(scope: string): number {
    const bucket = bucketOf(scope);
    const kept = this.#budgets.get(scope);
    if (!kept) return bucket.capacity;
    const refilled = ((this.#clock.now() - kept.at) / 1_000) * bucket.refillPerSecond;
    return Math.min(bucket.capacity, kept.tokens + refilled);
  }

  /** The memory as one replica has it. */
  of(replica: Replica): Memory {
    const read = async <T>(run: () => T): Promise<T> => {
      this.#assertThere();
      return run();
    };
    const write = async <T>(run: () => T): Promise<T> => {
      this.#assertThere();
      return replica.act(() => {
        if (replica.epoch < this.epoch) throw new KinError('lease.stale', 'another replica leads');
        return run();
      });
    };
    return {
      append: (repair, _plan, entry) => write(() => this.#append(this.#repair(repair), entry)),
      read: (repair) => read(() => [...(this.#repairs.get(repair)?.journal ?? [])]),
      end: (repair, plan, outcome, reason) => write(() => this.#end(repair, plan, outcome, reason)),
      readOpenIncidents: () => read(() => this.incidents.filter((each) => each.state === 'open')),
      openIncident: (diagnosis, detectedAt, belongsTo) =>
        write(() => this.#openIncident(diagnosis, detectedAt, belongsTo)),
      rediagnoseIncident: (incident, diagnosis) => write(() => this.#rediagnose(incident, diagnosis)),
      widenIncident: (incident, diagnosis) => write(() => this.#widen(incident, diagnosis)),
      refuseIncident: (incident, refusal) => write(() => this.#refuse(incident, refusal)),
      closeIncident: (id, outcome) => write(() => this.#close(id, outcome)),
      readRelapses: (key) => read(() => this.#relapses(key)),
      beginRepair: (repair, plan, scopes) => write(() => this.#begin(repair, plan, scopes, replica.epoch)),
      readOpenRepairs: () => read(() => this.repairs.filter((each) => each.endedAt === null)),
      readPastRepairs: () => read(() => this.#past()),
      noteHarm: (repair, harm) => write(() => this.#noteHarm(repair, harm)),
      readTrackRecord: () => read(() => this.#trackRecord()),
      readLearned: () => read(() => this.#learned()),
      readBudgets: (scopes) => read(() => Object.fromEntries(scopes.map((scope) => [scope, this.tokens(scope)]))),
    };
  }

  #assertThere(): void {
    if (this.isAway) throw new KinError('postgres.unreachable', 'the database is away');
  }

  #record(type: string, subject: string, data: JsonObject): void {
    this.recorded.push({ at: this.#clock.now(), type, subject, data });
  }

  #repair(id: string): KeptRepair {
    const repair = this.#repairs.get(id);
    if (!repair) throw new KinError('resource.unknown', `there is no repair ${id}`);
    return repair;
  }

  #append(repair: KeptRepair, entry: Omit<JournalEntry, 'seq' | 'at'>): JournalEntry {
    const written = { ...entry, seq: repair.journal.length + 1, at: toIso(this.#clock.now()) };
    repair.journal.push(written);
    this.#record(`repair.${entry.event}`, repair.id, { step: entry.moveIndex, ...entry.data });
    return written;
  }

  #begin(id: string, plan: Plan, scopes: readonly string[], epoch: number): number {
    const busy = this.repairs.find((each) => each.endedAt === null && each.plan.target === plan.target);
    if (busy) throw new KinError('resource.conflict', `another repair has ${plan.target}`);
    const at = this.#clock.now();
    for (const scope of scopes) this.#budgets.set(scope, { tokens: this.tokens(scope) - 1, at });
    const repair = { id, plan, startedAt: at, endedAt: null, outcome: null, journal: [], harm: null };
    this.#repairs.set(id, repair);
    this.#record('plan.made', plan.id, { incident: plan.incident, target: plan.target });
    this.#append(repair, { moveIndex: 0, event: 'opened', data: { plan: plan.id } });
    return epoch;
  }

  #end(id: string, plan: Plan, outcome: Outcome, reason: string): void {
    const repair = this.#repair(id);
    this.#append(repair, { moveIndex: 0, event: 'ended', data: { outcome, reason } });
    repair.outcome = outcome;
    repair.endedAt = this.#clock.now();
    const incident = this.#incidents.get(plan.incident);
    if (outcome === 'healed') this.#close(plan.incident, outcome);
    else if (incident) this.#incidents.set(incident.id, { ...incident, outcome });
  }

  #openIncident(diagnosis: Diagnosis, detectedAt: number, belongsTo?: string): Incident {
    const belongs = belongsTo === undefined ? {} : { belongsTo };
    const open = this.incidents.find((each) => each.state === 'open' && each.key === diagnosis.key);
    if (open) return open;
    const incident: Incident = {
      id: `inc_${++this.#ids}`,
      key: diagnosis.key,
      state: 'open',
      outcome: null,
      openedAt: toIso(this.#clock.now()),
      closedAt: null,
      body: { diagnosis, detectedAt: toIso(detectedAt), refusal: null, ...belongs },
    };
    this.#incidents.set(incident.id, incident);
    this.#record('incident.opened', incident.id, { cause: diagnosis.cause, summary: diagnosis.summary });
    return incident;
  }

  #rediagnose(incident: Incident, diagnosis: Diagnosis): Incident {
    const body = { ...incident.body, diagnosis, refusal: null };
    const next: Incident = { ...incident, key: diagnosis.key, outcome: null, body };
    this.#incidents.set(incident.id, next);
    this.#record('incident.rediagnosed', incident.id, { cause: diagnosis.cause, summary: diagnosis.summary });
    return next;
  }

  #widen(incident: Incident, diagnosis: Diagnosis): Incident {
    const kept = this.#incidents.get(incident.id) ?? incident;
    const next: Incident = { ...kept, body: { ...kept.body, diagnosis } };
    this.#incidents.set(incident.id, next);
    this.#record('incident.widened', incident.id, { summary: diagnosis.summary });
    return next;
  }

  #refuse(incident: Incident, refusal: JsonObject): void {
    const kept = this.#incidents.get(incident.id);
    if (kept) this.#incidents.set(kept.id, { ...kept, body: { ...incident.body, refusal } });
    this.#record('repair.refused', incident.id, refusal);
  }

  #close(id: string, outcome: string): void {
    const incident = this.#incidents.get(id);
    if (incident?.state !== 'open') return;
    const told = outcome === 'healed' ? outcome : (incident.outcome ?? outcome);
    this.#incidents.set(id, { ...incident, state: 'closed', outcome: told, closedAt: toIso(this.#clock.now()) });
    this.#record('incident.closed', id, { outcome });
  }

  #noteHarm(id: string, harm: Harm): void {
    this.#repair(id).harm = harm;
    this.#record('repair.measured', id, { ...harm });
  }

  #trackRecord(): TrackRecord {
    const harms = this.repairs.flatMap(({ plan, endedAt, harm }) =>
      endedAt !== null && harm && harm.failed > 0
        ? [{ playbook: plan.playbook, at: endedAt, failed: harm.failed }]
        : [],
    );
    const drills = [...this.drilled].map(([playbook, at]) => ({ playbook, at, passed: true }));
    return { harms, drills, pardons: [] };
  }

  #learned(): Learned {
    const climbed = new Set<string>(['verified', 'verify-failed', 'apply-failed']);
    const rungs = this.repairs.flatMap(({ plan, journal, harm }) =>
      journal
        .filter(({ event }) => climbed.has(event))
        .map(({ event, moveIndex }) => ({ plan, moveIndex, isGood: event === 'verified', failed: harm?.failed ?? 0 })),
    );
    return learnedFrom(rungs);
  }

  #relapses(key: string) {
    const over = this.incidents.flatMap((each) => {
      if (each.key !== key || each.closedAt === null) return [];
      const at = fromIso(each.closedAt);
      return at > this.#clock.now() - DAY_MS ? [at] : [];
    });
    return { count: over.length, lastOverAt: over.length === 0 ? null : Math.max(...over) };
  }

  #past() {
    const since = this.#clock.now() - HOUR_MS;
    return this.repairs
      .filter((each) => each.endedAt === null || each.startedAt > since)
      .map((each) => pastRepair(each.plan, each))
      .sort((a, b) => b.startedAt - a.startedAt);
  }
}
