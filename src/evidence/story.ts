import { fromIso, toIso } from '../base/clock.ts';
import type { JsonObject } from '../base/json.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import type { ControlStatus, DrillRecord, IncidentRecord, LossRecord, RefusalRecord } from './dossier.ts';
import { recoveredMs } from './drill-record.ts';
import { IncidentStory } from './incident-story.ts';
import { LossStory } from './loss-story.ts';
import { OwnWords } from './own-words.ts';
import type { TurnRecord } from './timeline.ts';

/** What the ledger tells of one tenant under one framework over a period. */
export interface Story {
  /** By control: its turns, those before the period too, and the entries of those within it. */
  readonly turns: ReadonlyMap<string, { readonly turns: readonly TurnRecord[]; readonly entries: readonly string[] }>;
  readonly incidents: readonly IncidentRecord[];
  readonly refusals: readonly RefusalRecord[];
  readonly losses: readonly LossRecord[];
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

/**
 * Reads entries of the ledger in their order and keeps what a report is made of. The record, and not the state of any
 * process, is the source: a report can so be made again years later, and compared.
 */
export class StoryReader {
  readonly #scope: StoryScope;
  readonly #words: OwnWords;
  readonly #incidents: IncidentStory;
  readonly #losses: LossStory;
  readonly #turns = new Map<string, { turns: TurnRecord[]; entries: string[] }>();
  readonly #drills: DrillRecord[] = [];

  constructor(scope: StoryScope) {
    this.#scope = scope;
    this.#words = new OwnWords(scope.tenant, scope.tenants);
    this.#incidents = new IncidentStory(scope.tenant, scope.framework, this.#words);
    this.#losses = new LossStory(scope.tenant, this.#words);
  }

  take(event: LedgerEvent): void {
    if (event.type === TURNED) return this.#takeTurns(event);
    if (event.type === 'drill.ended') return this.#takeDrill(event);
    const [noun] = event.type.split('.', 1);
    if (noun === 'breach') this.#losses.take(event);
    if (noun === 'incident' || noun === 'plan' || noun === 'repair') this.#incidents.take(event);
  }

  done(): Story {
    const [from, to] = [toIso(this.#scope.from), toIso(this.#scope.to)];
    const incidents = this.#incidents.incidents(from, to);
    const refusals = this.#incidents.refusals(from, to);
    return { turns: this.#turns, incidents, refusals, losses: this.#losses.done(from, to), drills: this.#drills };
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

  #takeDrill({ id, at, actor, subject, data }: LedgerEvent): void {
    const { from, to } = this.#scope;
    if (fromIso(at) < from || fromIso(at) > to) return;
    const result = data['result'] as JsonObject;
    const ms = (name: string) => (typeof result[name] === 'number' ? result[name] : null);
    const told = Array.isArray(data['participants']) ? data['participants'].map(String) : [actor.name];
    this.#drills.push({
      id: subject,
      scenario: `${String(data['fault'])} on ${this.#words.without(String(data['target']))}`,
      participants: told,
      startedAt: String(data['startedAt']),
      outcome: String(result['outcome']),
      detectedAfterMs: ms('detectedMs'),
      recoveredAfterMs: recoveredMs(result),
      dataLostMs: ms('dataLostMs'),
      // What a drill did to other tenants is in its entry.
      entry: this.#words.namesOther(JSON.stringify(data)) ? null : id,
    });
  }
}
