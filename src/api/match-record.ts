import { sql } from 'kysely';
import { type Clock, fromIso, toIso } from '../base/clock.ts';
import type { Database } from '../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../store/lease.ts';

export interface MatchRecordOptions {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly clock: Clock;
}

/** How often each exception stood in for a result that turned bad, since it was counted first. Outlasts the process. */
export class MatchRecord {
  readonly #options: MatchRecordOptions;
  readonly #startedAt: number;
  #kept = new Map<string, { readonly matches: number; readonly since: number }>();
  /** Counted here and not kept yet. */
  readonly #pending = new Map<string, number>();
  #isRead = false;

  constructor(options: MatchRecordOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
  }

  /**
   * What the leader counted is kept: the others judge the same results. What stood in at the first look counts once in all, and
   * not at each start.
   */
  take(counted: ReadonlyMap<string, number>): void {
    const isLeading = this.#options.lease.current() !== undefined;
    for (const [name, count] of counted)
      this.#pending.set(name, (this.#pending.get(name) ?? 0) + (isLeading ? count : 0));
  }

  matches(name: string): number {
    const pending = this.#pending.get(name);
    const counted = (this.#kept.get(name)?.matches ?? 0) + (pending ?? 0);
    return pending === undefined ? counted : Math.max(1, counted);
  }

  /** Since when it is counted; ms since 1970. */
  since(name: string): number {
    return this.#kept.get(name)?.since ?? this.#startedAt;
  }

  /** Keeps what was counted. Rejects when it cannot be kept now; nothing is lost then. */
  async flush(): Promise<void> {
    const { database, lease } = this.#options;
    const epoch = lease.current()?.epoch;
    const taken = [...this.#pending];
    if (this.#isRead && (epoch === undefined || taken.length === 0)) return;
    if (epoch !== undefined && taken.length > 0) {
      await fencedTransaction(database, lease, async (tx) => {
        for (const [name, count] of taken) {
          const more = sql<number>`exception_match.matches + ${count}`;
          await tx
            .insertInto('exception_match')
            .values({ name, matches: Math.max(1, count), since: toIso(this.#startedAt) })
            .onConflict((conflict) => conflict.column('name').doUpdateSet({ matches: more }))
            .execute();
        }
      });
      // More may have been counted while it was written.
      for (const [name, count] of taken) {
        const left = (this.#pending.get(name) ?? 0) - count;
        if (left > 0) this.#pending.set(name, left);
        else this.#pending.delete(name);
      }
    }
    const rows = await database.kysely.selectFrom('exception_match').selectAll().execute();
    this.#kept = new Map(rows.map((row) => [row.name, { matches: row.matches, since: fromIso(row.since) }]));
    this.#isRead = true;
  }
}
