import { toIso } from '../base/clock.ts';
import { digestOf, digestOfJson } from '../base/digest.ts';
import { KinError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import type { Random } from '../base/random.ts';
import { type Assessment, isOver, isSettled, type Opening, type Step, tenantsOf } from '../comply/breach/breach.ts';
import { sql } from 'kysely';
import type { RecordEvent } from '../heal/record.ts';
import type { Actor } from '../ledger/entry.ts';
import type { Database, DatabaseTransaction } from '../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../store/lease.ts';

export interface BreachDeskOptions {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
  readonly random: Random;
}

/**
 * Where assessments of losses are kept. An opening never changes, and everything after it is a step; each is in PostgreSQL
 * and on its way to the ledger in one transaction, with an entry for each tenant that it concerns, so that no entry is
 * about two. Writes are the leader's: `lease.lost` or `lease.stale` otherwise.
 */
export class BreachDesk {
  readonly #options: BreachDeskOptions;

  constructor(options: BreachDeskOptions) {
    this.#options = options;
  }

  /** Opens an assessment, or answers with the undecided one of the same cause. */
  async open(opening: Opening): Promise<{ readonly assessment: Assessment; readonly isNew: boolean }> {
    const { database, lease, record, random } = this.#options;
    return fencedTransaction(database, lease, async (tx) => {
      const id = newId('brc', random);
      const inserted = await tx
        .insertInto('breach')
        .values({ id, cause: opening.cause, opening: JSON.stringify(opening) })
        .onConflict((conflict) => conflict.column('cause').where('settled_at', 'is', null).doNothing())
        .returning('id')
        .executeTakeFirst();
      if (!inserted) return { assessment: await unsettledOf(tx, opening.cause), isNew: false };
      const assessment: Assessment = { ...opening, id, steps: [] };
      const { loss, what, detectedAt, incident, snapshot } = opening;
      const told = { loss, what, incident, detectedAt: toIso(detectedAt), snapshot: digestOfJson(snapshot) };
      for (const tenant of opening.tenants) {
        const clocks = opening.duties.filter((duty) => duty.tenant === tenant).map(({ control }) => control);
        await record(tx, 'breach.opened', id, { ...told, clocks }, { tenant });
      }
      return { assessment, isNew: true };
    });
  }

  /**
   * Adds what `say` makes of the assessment as it stands now; nothing when it answers undefined. Rejects as `say` throws,
   * and with `resource.unknown` when there is no such assessment.
   */
  async step(id: string, say: (assessment: Assessment) => Step | undefined): Promise<Assessment> {
    const { database, lease, record } = this.#options;
    return fencedTransaction(database, lease, async (tx) => {
      const row = await tx.selectFrom('breach').select('id').where('id', '=', id).forUpdate().executeTakeFirst();
      const assessment = row && (await readOne(tx, id));
      if (!assessment) throw unknownAssessment(id);
      const step = say(assessment);
      if (!step) return assessment;
      const after: Assessment = { ...assessment, steps: [...assessment.steps, step] };
      await tx
        .insertInto('breach_step')
        .values({ breach_id: id, seq: after.steps.length, step: JSON.stringify(step) })
        .execute();
      await noteState(tx, after);
      for (const { tenant, data } of entriesOf(after, step)) {
        await record(tx, `breach.${step.kind}`, id, data, { tenant, ...actorOf(step) });
      }
      return after;
    });
  }

  /** Those that are not over, oldest first. */
  async readStanding(): Promise<readonly Assessment[]> {
    const rows = await this.#options.database.kysely
      .selectFrom('breach')
      .selectAll()
      .where('over_at', 'is', null)
      .orderBy('opened_at')
      .execute();
    return withSteps(this.#options.database.kysely, rows);
  }

  /** The newest, closed ones too. */
  async readNewest(limit: number): Promise<readonly Assessment[]> {
    const rows = await this.#options.database.kysely
      .selectFrom('breach')
      .selectAll()
      .orderBy('opened_at', 'desc')
      .limit(limit)
      .execute();
    return withSteps(this.#options.database.kysely, rows);
  }

  /** Rejects with `resource.unknown`. */
  async read(id: string): Promise<Assessment> {
    const found = await readOne(this.#options.database.kysely, id);
    if (!found) throw unknownAssessment(id);
    return found;
  }
}

type Reader = Database['kysely'] | DatabaseTransaction;

/** The fault of asking for an assessment that is not there, or not for who asks. */
export function unknownAssessment(id: string): KinError {
  return new KinError('resource.unknown', `there is no breach assessment ${id}; see \`kintsugi breach\``);
}

async function readOne(reader: Reader, id: string): Promise<Assessment | undefined> {
  const rows = await reader.selectFrom('breach').selectAll().where('id', '=', id).execute();
  return (await withSteps(reader, rows))[0];
}

async function unsettledOf(tx: DatabaseTransaction, cause: string): Promise<Assessment> {
  const row = await tx
    .selectFrom('breach')
    .selectAll()
    .where('cause', '=', cause)
    .where('settled_at', 'is', null)
    .executeTakeFirstOrThrow();
  return (await withSteps(tx, [row]))[0]!;
}

async function withSteps(
  reader: Reader,
  rows: readonly { readonly id: string; readonly opening: unknown }[],
): Promise<readonly Assessment[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const steps = await reader
    .selectFrom('breach_step')
    .selectAll()
    .where('breach_id', 'in', ids)
    .orderBy('seq')
    .execute();
  const byId = Map.groupBy(steps, (each) => each.breach_id);
  return rows.map(({ id, opening }) => ({
    ...(opening as Opening),
    id,
    steps: (byId.get(id) ?? []).map(({ step }) => step as unknown as Step),
  }));
}

async function noteState(tx: DatabaseTransaction, assessment: Assessment): Promise<void> {
  if (!isSettled(assessment)) return;
  const now = sql<string>`now()`;
  await tx
    .updateTable('breach')
    .set({
      settled_at: sql<string>`coalesce(settled_at, ${now})`,
      ...(isOver(assessment) ? { over_at: sql<string>`coalesce(over_at, ${now})` } : {}),
    })
    .where('id', '=', assessment.id)
    .execute();
}

function actorOf({ by }: Step): { readonly actor?: Actor } {
  return by === null ? {} : { actor: { kind: 'operator', name: by } };
}

/** What the ledger is told: to each tenant what concerns it, and of what was signed the digest. */
function entriesOf(
  assessment: Assessment,
  step: Step,
): readonly { readonly tenant: string; readonly data: JsonObject }[] {
  const all = tenantsOf(assessment);
  const each = (tenants: readonly string[], data: JsonObject) => tenants.map((tenant) => ({ tenant, data }));
  const ofClocks = (clocks: readonly string[], data: JsonObject) => {
    const byTenant = Map.groupBy(clocks, (key) => key.split(' ', 1)[0] ?? '');
    return [...byTenant].map(([tenant, keys]) => ({ tenant, data: { ...data, clocks: keys.map(controlOf) } }));
  };
  switch (step.kind) {
    case 'found':
      return each(all, { what: step.what, snapshot: digestOfJson(step.snapshot) });
    case 'touched':
      return each(step.tenants, { loss: assessment.loss, what: assessment.what });
    case 'aware':
      return each(all, { awareAt: toIso(step.awareAt), isReal: step.isReal });
    case 'decided': {
      const { choice, reason, key, envelope } = step;
      return ofClocks(step.clocks, { choice, reason, key, statement: digestOf(envelope) });
    }
    case 'sent':
      return ofClocks(step.clocks, { sentAt: toIso(step.sentAt) });
    case 'reminded':
    case 'missed':
      return step.clock.includes(' ') ? ofClocks([step.clock], {}) : each(all, { clock: step.clock });
    case 'paged': {
      const [kind = '', ...clock] = step.of.split(' ');
      const told = { of: kind, delivered: step.delivered };
      return clock.length > 1 ? ofClocks([clock.join(' ')], told) : each(all, told);
    }
    case 'drill':
      return each(all, { drill: step.drill });
    case 'closed':
      return each(all, { reason: step.reason });
    case 'ended':
      return each(all, { endedAt: toIso(step.endedAt) });
    case 'recurred':
    case 'classified':
      return each(all, {});
  }
}

function controlOf(key: string): string {
  return key.slice(key.indexOf(' ') + 1);
}
