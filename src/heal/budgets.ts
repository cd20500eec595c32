import { sql } from 'kysely';
import type { Database, DatabaseTransaction } from '../store/database.ts';
import type { Budgets } from './situation.ts';

export interface Bucket {
  readonly capacity: number;
  readonly refillPerSecond: number;
}

/** Kubernetes evicts 0.1 nodes a second; a burst covers several faults at once. */
const GLOBAL: Bucket = { capacity: 12, refillPerSecond: 0.1 };
const PER_SCOPE: Bucket = { capacity: 6, refillPerSecond: 0.05 };

/** How many tokens a scope holds and how fast it refills. */
export function bucketOf(scope: string): Bucket {
  return scope === 'global' ? GLOBAL : PER_SCOPE;
}

const refilled = (bucket: Bucket) =>
  sql<number>`least(${bucket.capacity}::float8, tokens + extract(epoch from (now() - updated_at)) * ${bucket.refillPerSecond}::float8)`;

/** Tokens per scope, refilled up to now on the database's clock; full for a scope that was never used. */
export async function readBudgets(database: Database, scopes: readonly string[]): Promise<Budgets> {
  const entries = await Promise.all(
    scopes.map(async (scope) => {
      const bucket = bucketOf(scope);
      const row = await database.kysely
        .selectFrom('budget')
        .select(refilled(bucket).as('tokens'))
        .where('scope', '=', scope)
        .executeTakeFirst();
      return [scope, row?.tokens ?? bucket.capacity] as const;
    }),
  );
  return Object.fromEntries(entries);
}

/** Takes a token of each scope. Persisted: a healer that is killed does not get a new budget. */
export async function spendBudgets(tx: DatabaseTransaction, scopes: readonly string[]): Promise<void> {
  for (const scope of scopes) {
    const bucket = bucketOf(scope);
    await tx
      .insertInto('budget')
      .values({ scope, tokens: bucket.capacity - 1, updated_at: sql<string>`now()` })
      .onConflict((conflict) =>
        conflict.column('scope').doUpdateSet({
          tokens: sql<number>`least(${bucket.capacity}::float8, budget.tokens + extract(epoch from (now() - budget.updated_at)) * ${bucket.refillPerSecond}::float8) - 1`,
          updated_at: sql<string>`now()`,
        }),
      )
      .execute();
  }
}
