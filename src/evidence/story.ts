import { fromIso } from '../base/clock.ts';
import type { JsonObject } from '../base/json.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import type { ControlStatus, DrillRecord, IncidentRecord, RepairRecord } from './dossier.ts';
import type { TurnRecord } from './timeline.ts';

/** What the ledger tells of one tenant under one framework over a period. */
export interface Story {
  /** By control: its turns, those before the period too, and the entries of those within it. */
  readonly turns: ReadonlyMap<string, { readonly turns: readonly TurnRecord[]; readonly entries: readonly string[] }>;
  readonly incidents: readonly IncidentRecord[];
  readonly drills: readonly DrillRecord[];
}

export interface StoryScope {
  readonly tenant: string;
  readonly framework: string;
  /** All tenants that are declared: their names are in no report but their own. */
  readonly tenants: readonly string[];
  readonly from: number;
  readonly to: number;
}

/** The entry type by which results that turned are on record: `data.framework`, and `data.turns` of `[control, status, ms]`. */
export const TURNED = 'controls.turned';

interface Draft {
  readonly id: string;
  readonly openedAt: string;
  cause: string;
  subject: string;
  summary: string;
  detectedAt: string;
  closedAt: string | null;
  outcome: string | null;
  refusal: string | null;
  readonly tenants: Set<string>;
  readonly repairs: Map<string, { -readonly [Key in keyof RepairRecord]: RepairRecord[Key] }>;
  readonly entries: string[];
}

/**
 * Reads entries of the ledger in their order and keeps what a report is made of. The record, and not the state of any
 * process, is the source: a report can so be made again years later, and compared.
 */
export class StoryReader {
  readonly #scope: StoryScope;
  readonly #turns = new Map<string, { turns: TurnRecord[]; entries: string[] }>();
  readonly #incidents = new Map<string, Draft>();
  readonly #plans = new Map<string, readonly string[]>();
  readonly #drills: DrillRecord[] = [];

  constructor(scope: StoryScope) {
    this.#scope = scope;
  }

  take(event: LedgerEvent): void {
    if (event.type === TURNED) return this.#takeTurns(event);
    const [noun] = event.type.split('.', 1);
    if (noun === 'incident') return this.#takeIncident(event);
    if (event.type === 'plan.made') return this.#takePlan(event);
    if (noun === 'repair') return this.#takeRepair(event);
    if (event.type === 'drill.ended') this.#takeDrill(event);
  }

  done(): Story {
    const { from, to } = this.#scope;
    const incidents = [...this.#incidents.values()]
      .filter(({ openedAt, closedAt }) => fromIso(openedAt) <= to && (closedAt === null || fromIso(closedAt) >= from))
      .filter((draft) => this.#concerns(draft))
      .map((draft) => this.#recordOf(draft));
    return { turns: this.#turns, incidents, drills: this.#drills };
  }

  #takeTurns({ id, tenant, data }: LedgerEvent): void {
    if (tenant !== this.#scope.tenant || data['framework'] !== this.#scope.framework) return;
    for (const [control, to, at] of data['turns'] as [string, ControlStatus, number][]) {
      const known = this.#turns.get(control) ?? { turns: [], entries: [] };
      known.turns.push({ at, to });
      if (at >= this.#scope.from && at <= this.#scope.to) known.entries.push(id);
      this.#turns.set(control, known);
    }
  }

  #takeIncident({ id, at, type, subject, data }: LedgerEvent): void {
    const text = (name: string) => String(data[name] ?? '');
    if (type === 'incident.opened') {
      this.#incidents.set(subject, {
        id: subject,
        openedAt: at,
        cause: text('cause'),
        subject: text('subject'),
        summary: text('summary'),
        detectedAt: typeof data['detectedAt'] === 'string' ? data['detectedAt'] : at,
        closedAt: null,
        outcome: null,
        refusal: null,
        tenants: tenantsViolated(data),
        repairs: new Map(),
        entries: [id],
      });
      return;
    }
    const draft = this.#incidents.get(subject);
    if (!draft) return;
    draft.entries.push(id);
    for (const each of tenantsViolated(data)) draft.tenants.add(each);
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

  #takePlan({ id, subject, data }: LedgerEvent): void {
    const draft = this.#incidents.get(String(data['incident']));
    if (!draft) return;
    const steps = data['steps'] as readonly JsonObject[];
    for (const { tenants } of steps) for (const each of tenants as readonly string[]) draft.tenants.add(each);
    draft.entries.push(id);
    this.#plans.set(
      subject,
      steps.map(({ move }) => String(move)),
    );
  }

  #takeRepair({ id, at, type, subject, data }: LedgerEvent): void {
    // A refusal stands on its incident, everything else on its repair.
    const draft = this.#incidents.get(type === 'repair.refused' ? subject : String(data['incident']));
    if (!draft) return;
    draft.entries.push(id);
    if (type === 'repair.refused') draft.refusal = reasonsOf(data);
    if (type === 'repair.opened') {
      const moves = this.#plans.get(String(data['plan'])) ?? [];
      draft.repairs.set(subject, { id: subject, moves, startedAt: at, endedAt: null, outcome: null, approvedBy: [] });
    }
    const repair = draft.repairs.get(subject);
    if (!repair) return;
    if (type === 'repair.approved') repair.approvedBy = [...repair.approvedBy, String(data['by'])];
    if (type === 'repair.ended') {
      repair.endedAt = at;
      repair.outcome = String(data['outcome']);
      draft.outcome ??= repair.outcome;
    }
  }

  #takeDrill({ at, subject, data }: LedgerEvent): void {
    const { from, to } = this.#scope;
    if (fromIso(at) < from || fromIso(at) > to) return;
    const result = data['result'] as JsonObject;
    const ms = (name: string) => (typeof result[name] === 'number' ? result[name] : null);
    this.#drills.push({
      id: subject,
      scenario: `${String(data['fault'])} on ${this.#own(String(data['target']))}`,
      startedAt: String(data['startedAt']),
      outcome: String(result['outcome']),
      detectedAfterMs: ms('detectedMs'),
      healedAfterMs: ms('closedMs'),
    });
  }

  /** It touched the tenant, or nobody can say whom it touched and it is not about another one. */
  #concerns({ tenants, subject, summary }: Draft): boolean {
    const { tenant, tenants: all } = this.#scope;
    if (tenants.has(tenant)) return true;
    const isOfOther = all.some((each) => each !== tenant && namesTenant(subject, each));
    const isOfOwn = namesTenant(subject, tenant) || namesTenant(summary, tenant);
    return isOfOwn || (tenants.size === 0 && !isOfOther);
  }

  #recordOf(draft: Draft): IncidentRecord {
    const { tenant } = this.#scope;
    const { id, cause, openedAt, detectedAt, closedAt, outcome, refusal, entries } = draft;
    return {
      id,
      cause,
      subject: this.#own(draft.subject),
      summary: this.#own(draft.summary),
      detectedAt,
      openedAt,
      closedAt,
      outcome,
      refusal: refusal === null ? null : this.#own(refusal),
      otherTenants: [...draft.tenants].filter((each) => each !== tenant).length,
      controls: this.#controlsDuring(draft),
      repairs: [...draft.repairs.values()],
      entries,
    };
  }

  /** Controls that were measured as violated while the incident was open. */
  #controlsDuring({ openedAt, closedAt, detectedAt }: Draft): readonly string[] {
    const [begin, end] = [
      Math.min(fromIso(openedAt), fromIso(detectedAt)),
      closedAt === null ? this.#scope.to : fromIso(closedAt),
    ];
    return [...this.#turns]
      .filter(([, { turns }]) =>
        turns.some((turn, index) => {
          const until = turns[index + 1]?.at ?? this.#scope.to;
          return turn.to === 'not-satisfied' && turn.at <= end && until >= begin;
        }),
      )
      .map(([control]) => control);
  }

  /** The text without the names of other tenants. */
  #own(text: string): string {
    const others = this.#scope.tenants.filter((each) => each !== this.#scope.tenant);
    return others.reduce((left, each) => left.replace(wordOf(each), 'another tenant'), text);
  }
}

/** For whom an incident violates a control. */
function tenantsViolated({ violates }: JsonObject): Set<string> {
  const clauses = Array.isArray(violates) ? (violates as readonly JsonObject[]) : [];
  return new Set(clauses.flatMap(({ tenants }) => (Array.isArray(tenants) ? tenants.map(String) : [])));
}

function reasonsOf({ guards }: JsonObject): string {
  const denied = Array.isArray(guards) ? (guards as readonly JsonObject[]) : [];
  return denied.map(({ guard, reason }) => `${String(guard)}: ${String(reason)}`).join('; ') || 'refused';
}

/** Whether a text names a tenant, as a word of its own. */
export function namesTenant(text: string, tenant: string): boolean {
  return wordOf(tenant).test(text);
}

/** A name as a word of its own: not a part of a longer name. */
function wordOf(name: string): RegExp {
  return new RegExp(`(?<![\\w-])${name.replace(/[^\w]/g, '\\$&')}(?![\\w-])`, 'g');
}
