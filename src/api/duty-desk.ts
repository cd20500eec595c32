import { sql } from 'kysely';
import { KinError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import type { RecordEvent } from '../heal/record.ts';
import type { Duty } from '../resources/move-rule-words.ts';
import type { Database } from '../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../store/lease.ts';

export interface DutyDeskOptions {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
  readonly random: Random;
}

/** What the law lays on whoever made one move. Times are ISO 8601. */
export interface OwedMove {
  readonly incident: string;
  readonly repair: string;
  readonly moveIndex: number;
  readonly move: string;
  readonly duty: Duty;
  /** With its profile: `gdpr Art. 30(2)`. */
  readonly clause: string;
  readonly tenants: readonly string[];
  /** When the move was made. */
  readonly owedAt: string;
}

/** The same as it is kept. */
export interface DutyView extends OwedMove {
  readonly id: string;
  /** Null while it is open. */
  readonly metAt: string | null;
  /** `control` where it was carried out, else the person who signed for it. */
  readonly metBy: string | null;
  readonly result: string | null;
}

const LISTED_MAX = 500;

/** Where duties are kept that followed from moves. What becomes of one is in the ledger with it. Writes are the leader's. */
export class DutyDesk {
  readonly #options: DutyDeskOptions;

  constructor(options: DutyDeskOptions) {
    this.#options = options;
  }

  /** Keeps what is owed. The same duty of the same move is kept once, however often it is told. */
  async owe(owed: readonly OwedMove[]): Promise<void> {
    const { database, lease, record, random } = this.#options;
    if (owed.length === 0) return;
    await fencedTransaction(database, lease, async (tx) => {
      for (const { incident, repair, moveIndex, move, duty, clause, tenants, owedAt } of owed) {
        const id = newId('dty', random);
        const inserted = await tx
          .insertInto('duty')
          .values({
            id,
            incident,
            repair,
            move_index: moveIndex,
            move,
            duty,
            clause,
            tenants: JSON.stringify(tenants),
            owed_at: owedAt,
          })
          .onConflict((conflict) => conflict.columns(['repair', 'move_index', 'duty', 'clause']).doNothing())
          .returning('id')
          .executeTakeFirst();
        if (!inserted) continue;
        // No entry is about two tenants.
        for (const tenant of tenants)
          await record(tx, 'duty.owed', id, { incident, repair, step: moveIndex, move, duty, clause }, { tenant });
      }
    });
  }

  /** Notes that it was carried out, or that a person signed for it. One that is met already stays as it is. */
  async meet(id: string, by: string | null, result: string): Promise<void> {
    const { database, lease, record } = this.#options;
    await fencedTransaction(database, lease, async (tx) => {
      const row = await tx
        .updateTable('duty')
        .set({ met_at: sql<string>`now()`, met_by: by ?? 'control', result })
        .where('id', '=', id)
        .where('met_at', 'is', null)
        .returningAll()
        .executeTakeFirst();
      if (!row) {
        const known = await tx.selectFrom('duty').select('id').where('id', '=', id).executeTakeFirst();
        if (known) return;
        throw new KinError('resource.unknown', `there is no duty ${id}; see \`kintsugi duties\``);
      }
      const { incident, repair, duty, clause } = row;
      const actor = by === null ? {} : { actor: { kind: 'operator', name: by } as const };
      for (const tenant of row.tenants as readonly string[])
        await record(
          tx,
          by === null ? 'duty.met' : 'duty.signed',
          id,
          { incident, repair, duty, clause, result },
          { ...actor, tenant },
        );
    });
  }

  /** The open ones, oldest first. */
  async readOpen(): Promise<readonly DutyView[]> {
    const { kysely } = this.#options.database;
    const open = kysely.selectFrom('duty').selectAll().where('met_at', 'is', null);
    return (await open.orderBy('owed_at').limit(LISTED_MAX).execute()).map(viewOf);
  }

  /** Those of an incident, in the order of its moves. */
  async readOf(incident: string): Promise<readonly DutyView[]> {
    const { kysely } = this.#options.database;
    const own = kysely.selectFrom('duty').selectAll().where('incident', '=', incident);
    return (await own.orderBy('owed_at').orderBy('duty').execute()).map(viewOf);
  }
}

function viewOf(row: {
  readonly id: string;
  readonly incident: string;
  readonly repair: string;
  readonly move_index: number;
  readonly move: string;
  readonly duty: string;
  readonly clause: string;
  readonly tenants: unknown;
  readonly owed_at: string;
  readonly met_at: string | null;
  readonly met_by: string | null;
  readonly result: string | null;
}): DutyView {
  const { id, incident, repair, move_index, move, duty, clause, tenants, owed_at, met_at, met_by, result } = row;
  const owed = { incident, repair, moveIndex: move_index, move, duty: duty as Duty, clause };
  return { ...owed, id, tenants: tenants as readonly string[], owedAt: owed_at, metAt: met_at, metBy: met_by, result };
}
