import { type Clock, fromIso, toIso } from '../base/clock.ts';
import { digestOfJson } from '../base/digest.ts';
import { describeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { tenantsOf } from '../comply/breach/breach.ts';
import { gate, type MoveRules } from '../comply/gate.ts';
import { goodSince } from '../comply/good-since.ts';
import type { Posture, Result } from '../comply/posture.ts';
import type { FleetView } from '../diagnose/fleet-view.ts';
import { footprintOf } from '../heal/guards/footprint.ts';
import { readIncident } from '../heal/incident-store.ts';
import type { Plan } from '../heal/plan.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import type { Duty } from '../resources/move-rule-words.ts';
import type { Database } from '../store/database.ts';
import type { BreachDesk } from './breach-desk.ts';
import type { DutyDesk, DutyView, OwedMove } from './duty-desk.ts';

/** What a watch looks at. */
export interface DutyWorld {
  /** Whether this process leads: only then is anything written. */
  isLeading(): boolean;
  fleet(): FleetView;
  rules(): readonly MoveRules[];
  /** Makes the record of processing anew; resolves with its version. */
  makeRegister(): Promise<number>;
}

export interface DutyWatchOptions {
  readonly desk: DutyDesk;
  readonly breaches: BreachDesk;
  readonly database: Database;
  readonly posture: Posture;
  readonly world: DutyWorld;
  readonly clock: Clock;
  readonly log: Log;
}

/** Moves are looked for so far back: no replica is away for longer. */
const LOOKED_BACK_MS = 24 * 3_600_000;
const MOVES_MAX = 500;
/** After so long every collector of a short rhythm has measured again. */
const SETTLED_MS = 60_000;
const SNAPSHOTS_READ = 200;
/** That tenants are kept apart: by what two canaries find of each other. */
const SEPARATION: readonly (readonly FactName[])[] = [['isolation.sql.foreignRows', 'isolation.api.foreignRows']];
/** That an instance may get requests: its image is the declared one, its clock is in step, the audit sees what is done. */
const FIT_FOR_TRAFFIC: readonly (readonly FactName[])[] = [
  ['software.artefact.drifted'],
  ['clock.offset.seconds'],
  ['audit.canary.seconds'],
];

/**
 * Sees to what the gate lays on a move that it permits ("permit, then ..."). It looks at levels: which moves are in the
 * journal and what is owed for them, so that a crash or another leader loses no duty. What it can do it does and says so;
 * everything else stays open until a person signs for it.
 */
export class DutyWatch {
  readonly #options: DutyWatchOptions;
  /** Moves that were asked about, by repair and step. */
  readonly #asked = new Set<string>();

  constructor(options: DutyWatchOptions) {
    this.#options = options;
  }

  /** Looks once. Never rejects: what could not be done is done in a later look. */
  async look(): Promise<void> {
    const { world, desk, log } = this.#options;
    if (!world.isLeading()) return;
    try {
      await this.#owe();
      for (const duty of await desk.readOpen()) {
        const result = await this.#carryOut(duty);
        if (result !== undefined) await desk.meet(duty.id, null, result);
      }
    } catch (error) {
      log.debug({ reason: describeError(error) }, 'duties could not be seen to yet');
    }
  }

  /** What the gate says of each move that was made and was not asked about yet. */
  async #owe(): Promise<void> {
    const { database, clock, desk } = this.#options;
    const rows = await database.kysely
      .selectFrom('repair_journal')
      .innerJoin('repair', 'repair.id', 'repair_journal.repair_id')
      .innerJoin('plan', 'plan.id', 'repair.plan_id')
      .select(['repair_journal.repair_id', 'repair_journal.move_index', 'repair_journal.at', 'plan.body'])
      .where('repair_journal.event', '=', 'applied')
      .where('repair_journal.at', '>', toIso(clock.now() - LOOKED_BACK_MS))
      .orderBy('repair_journal.at', 'desc')
      .limit(MOVES_MAX)
      .execute();
    const made = rows.map((row) => ({ ...row, key: `${row.repair_id} ${row.move_index}` }));
    const fresh = made.filter(({ key }) => !this.#asked.has(key));
    await desk.owe(fresh.flatMap((row) => this.#owedFor(row)));
    for (const { key } of fresh) this.#asked.add(key);
    const standing = new Set(made.map(({ key }) => key));
    for (const key of this.#asked) if (!standing.has(key)) this.#asked.delete(key);
  }

  #owedFor(row: { repair_id: string; move_index: number; at: string; body: unknown }): readonly OwedMove[] {
    const { world } = this.#options;
    const plan = row.body as Plan;
    const step = plan.steps[row.move_index];
    if (!step) return [];
    const view = world.fleet();
    const { tenants, duties } = gate(footprintOf(step, view), view.tenants, world.rules());
    return duties.map(({ duty, clause }) => ({
      incident: plan.incident,
      repair: row.repair_id,
      moveIndex: row.move_index,
      move: step.move,
      duty,
      clause,
      tenants: tenants.flatMap((ruling) =>
        ruling.kind === 'permit' && ruling.duties.some((each) => each.duty === duty && each.clause === clause)
          ? [ruling.tenant]
          : [],
      ),
      owedAt: row.at,
    }));
  }

  /** What came of it; undefined while it cannot be done yet, or by a machine at all. */
  #carryOut(duty: DutyView): Promise<string | undefined> | string | undefined {
    switch (duty.duty satisfies Duty) {
      case 'check-controls':
        return this.#checkControls(duty);
      case 'probe-isolation':
        return this.#provenSince(duty, SEPARATION);
      case 'update-register':
        return this.#options.world.makeRegister().then((version) => `version ${version} of the record of processing`);
      case 'assess-breach':
        return this.#assessmentOf(duty);
      case 'keep-snapshot':
        return this.#snapshotOf(duty);
      case 'check-before-traffic':
        return this.#provenSince(duty, FIT_FOR_TRAFFIC);
      case 'update-inventory':
      case 'scan-if-significant':
        return undefined;
    }
  }

  /** All controls of the framework, once whatever is measured often was measured after the move. */
  #checkControls({ clause, tenants, owedAt }: DutyView): string | undefined {
    const { posture, clock } = this.#options;
    if (clock.now() < fromIso(owedAt) + SETTLED_MS) return undefined;
    const told = tenants.map((tenant) => {
      const results = this.#resultsOf(tenant, clause);
      const bad = results.filter(({ status }) => status === 'not-satisfied').map(({ control }) => control.id);
      const good = results.filter(({ status }) => status === 'satisfied').length;
      const unknown = results.length - good - bad.length;
      const named = bad.length === 0 ? '' : ` (${bad.join(', ')})`;
      return `${tenant}: ${good} satisfied, ${bad.length} not satisfied${named}, ${unknown} not determined`;
    });
    return posture.tenants().length === 0 ? undefined : told.join('; ');
  }

  /** What bears on the tenants was measured after the move, and is good. */
  #provenSince({ clause, tenants, owedAt }: DutyView, kinds: readonly (readonly FactName[])[]): string | undefined {
    const told = tenants.map((tenant) => {
      const reasons = this.#resultsOf(tenant, clause).flatMap((result) => result.reasons);
      return goodSince(reasons, kinds, fromIso(owedAt));
    });
    return told.every((each) => each !== undefined) ? [...new Set(told)].join('; ') : undefined;
  }

  /** The assessment of a loss of availability of the same tenants: the watch of losses opens it. */
  async #assessmentOf({ tenants, owedAt }: DutyView): Promise<string | undefined> {
    const newest = await this.#options.breaches.readNewest(SNAPSHOTS_READ);
    const found = newest.find(
      (each) =>
        each.loss === 'availability' &&
        each.detectedAt >= fromIso(owedAt) - SETTLED_MS &&
        tenantsOf(each).some((tenant) => tenants.includes(tenant)),
    );
    return found && `assessment ${found.id} is open; see \`kintsugi breach show ${found.id}\``;
  }

  /** What was measured before the move is the evidence of its incident, which is on record. */
  async #snapshotOf({ incident }: DutyView): Promise<string | undefined> {
    const found = await readIncident(this.#options.database, incident);
    if (!found) return undefined;
    return `what was seen before the move is kept with the incident: ${digestOfJson(found.body.diagnosis.evidence)}`;
  }

  /** By the profile that a clause is of: `gdpr Art. 30(2)`. */
  #resultsOf(tenant: string, clause: string): readonly Result[] {
    const { posture, clock } = this.#options;
    const framework = posture
      .frameworksOf(tenant)
      .find((each) => clause === each || (/^[: ]/.test(clause.slice(each.length)) && clause.startsWith(each)));
    return framework === undefined ? [] : posture.results(tenant, framework, clock.now());
  }
}
