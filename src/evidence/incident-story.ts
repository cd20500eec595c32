import type { JsonObject } from '../base/json.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import type { IncidentRecord, RefusalRecord, RepairRecord } from './dossier.ts';
import type { OwnWords } from './own-words.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The guard that asks the gate. */
const GATE = 'regulation';
/** Before the clauses in a summary (`tellViolations`). */
const VIOLATES = '; violates ';

/** An incident as far as it was told, with everybody whom it touched. */
interface Draft extends Mutable<Omit<IncidentRecord, 'otherTenants' | 'repairs' | 'entries' | 'violates'>> {
  readonly tenants: Set<string>;
  readonly violates: Set<string>;
  readonly repairs: Map<string, Mutable<RepairRecord>>;
  readonly entries: string[];
}

interface Refused extends RefusalRecord {
  readonly namesOwn: boolean;
  readonly namesOther: boolean;
}

/**
 * Reads what the ledger tells of incidents, plans and repairs, for one tenant under one framework. Entries that name other
 * tenants are read and not given away: they are counted.
 */
export class IncidentStory {
  readonly #tenant: string;
  readonly #framework: string;
  readonly #words: OwnWords;
  readonly #incidents = new Map<string, Draft>();
  readonly #plans = new Map<string, readonly string[]>();
  readonly #refused: Refused[] = [];

  constructor(tenant: string, framework: string, words: OwnWords) {
    this.#tenant = tenant;
    this.#framework = framework;
    this.#words = words;
  }

  /** An entry whose type begins with `incident.`, `plan.` or `repair.`. */
  take(event: LedgerEvent): void {
    const { type, subject, data } = event;
    if (type === 'incident.opened') this.#incidents.set(subject, opened(event));
    // A refusal stands on its incident, like what is told of that itself.
    const isItsOwn = type.startsWith('incident.') || type === 'repair.refused';
    const draft = this.#incidents.get(isItsOwn ? subject : String(data['incident']));
    if (!draft) return;
    this.#note(draft, event);
    if (type.startsWith('incident.')) this.#takeIncident(draft, event);
    else if (type === 'plan.made') this.#takePlan(draft, event);
    else this.#takeRepair(draft, event);
  }

  /** Those that were open between the two times, ISO 8601. */
  incidents(from: string, to: string): readonly IncidentRecord[] {
    return [...this.#incidents.values()]
      .filter(({ openedAt, closedAt }) => openedAt <= to && (closedAt === null || closedAt >= from))
      .filter((draft) => this.#words.concern(draft))
      .map((draft) => this.#recordOf(draft));
  }

  /** What the law of the tenant did not permit between the two times. */
  refusals(from: string, to: string): readonly RefusalRecord[] {
    return this.#refused
      .filter(({ at }) => at >= from && at <= to)
      .filter(({ incident, namesOwn, namesOther }) => {
        const draft = this.#incidents.get(incident);
        return namesOwn || (!namesOther && draft !== undefined && this.#words.concern(draft));
      })
      .map(({ at, incident, reason, entry }) => ({ at, incident, reason: this.#words.without(reason), entry }));
  }

  #note(draft: Draft, { id, subject, data }: LedgerEvent): void {
    if (this.#words.namesOther(`${subject} ${JSON.stringify(data)}`)) draft.entriesWithheld += 1;
    else draft.entries.push(id);
  }

  #takeIncident(draft: Draft, { at, type, data }: LedgerEvent): void {
    const text = (name: string) => String(data[name] ?? '');
    for (const { framework, control, tenants } of clausesOf(data)) {
      for (const each of tenants) draft.tenants.add(each);
      if (framework === this.#framework && tenants.includes(this.#tenant)) draft.violates.add(control);
    }
    if (type === 'incident.widened') draft.summary = text('summary');
    if (type === 'incident.rediagnosed') {
      draft.cause = text('cause');
      draft.subject = text('subject');
      draft.summary = text('summary');
    }
    if (type === 'incident.closed') {
      draft.closedAt = at;
      draft.outcome = text('outcome');
    }
  }

  #takePlan(draft: Draft, { subject, data }: LedgerEvent): void {
    const steps = data['steps'] as readonly JsonObject[];
    for (const { tenants } of steps) for (const each of tenants as readonly string[]) draft.tenants.add(each);
    this.#plans.set(
      subject,
      steps.map(({ move }) => String(move)),
    );
  }

  #takeRepair(draft: Draft, event: LedgerEvent): void {
    const { at, type, subject, data } = event;
    if (type === 'repair.refused') {
      const guards = Array.isArray(data['guards']) ? (data['guards'] as readonly JsonObject[]) : [];
      draft.refusal = guards.map(({ guard, reason }) => `${String(guard)}: ${String(reason)}`).join('; ') || 'refused';
      for (const each of guards) if (each['guard'] === GATE) this.#refuse(draft, event, each);
    }
    if (type === 'repair.denied' && data['guard'] === GATE) this.#refuse(draft, event, data);
    if (type === 'repair.opened') {
      const times = { startedAt: at, appliedAt: null, verifiedAt: null, endedAt: null };
      const moves = this.#plans.get(String(data['plan'])) ?? [];
      draft.repairs.set(subject, { id: subject, moves, ...times, outcome: null, approvedBy: [] });
    }
    const repair = draft.repairs.get(subject);
    if (!repair) return;
    if (type === 'repair.approved') repair.approvedBy = [...repair.approvedBy, String(data['by'])];
    if (type === 'repair.applied') repair.appliedAt ??= at;
    if (type === 'repair.verified') repair.verifiedAt = at;
    if (type === 'repair.ended') {
      repair.endedAt = at;
      repair.outcome = String(data['outcome']);
      draft.outcome ??= repair.outcome;
    }
  }

  /** For whom it was a no stands beside the reason; entries of an earlier Kintsugi have it in the reason alone. */
  #refuse({ id: incident, entries }: Draft, { id, at }: LedgerEvent, said: JsonObject): void {
    const reason = String(said['reason']);
    const named = Array.isArray(said['tenants']) ? said['tenants'].map(String) : undefined;
    const entry = entries.at(-1) === id ? id : null;
    const namesOwn = named?.includes(this.#tenant) ?? this.#words.namesOwn(reason);
    const namesOther = named?.some((each) => each !== this.#tenant) ?? this.#words.namesOther(reason);
    this.#refused.push({ at, incident, reason, entry, namesOwn, namesOther });
  }

  /** Which law others live under, and what of it is violated for them, is their business. */
  #withoutOthersClauses(summary: string): string {
    const at = summary.indexOf(VIOLATES);
    if (at < 0) return summary;
    const clauses = summary
      .slice(at + VIOLATES.length)
      .split('; ')
      .filter((clause) => this.#words.namesOwn(clause));
    return `${summary.slice(0, at)}${clauses.length === 0 ? '' : VIOLATES}${clauses.join('; ')}`;
  }

  #recordOf({ tenants, violates, repairs, ...draft }: Draft): IncidentRecord {
    const own = (text: string) => this.#words.without(text);
    return {
      ...draft,
      subject: own(draft.subject),
      summary: own(this.#withoutOthersClauses(draft.summary)),
      refusal: draft.refusal === null ? null : own(draft.refusal),
      otherTenants: [...tenants].filter((each) => each !== this.#tenant).length,
      violates: [...violates],
      repairs: [...repairs.values()],
    };
  }
}

function opened({ at, subject, data }: LedgerEvent): Draft {
  const text = (name: string) => String(data[name] ?? '');
  return {
    id: subject,
    openedAt: at,
    cause: text('cause'),
    subject: text('subject'),
    summary: text('summary'),
    detectedAt: typeof data['detectedAt'] === 'string' ? data['detectedAt'] : at,
    closedAt: null,
    outcome: null,
    refusal: null,
    tenants: new Set(),
    violates: new Set(),
    repairs: new Map(),
    entries: [],
    entriesWithheld: 0,
  };
}

/** What an incident violates, and for whom. */
function clausesOf({ violates }: JsonObject) {
  const clauses = Array.isArray(violates) ? (violates as readonly JsonObject[]) : [];
  return clauses.map(({ framework, control, tenants }) => ({
    framework: String(framework),
    control: String(control),
    tenants: Array.isArray(tenants) ? tenants.map(String) : [],
  }));
}
