import { sql } from 'kysely';
import { fromIso, toIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { Database } from '../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../store/lease.ts';
import { readBudgets, spendBudgets } from './budgets.ts';
import {
  closeIncident,
  openIncident,
  readOpenIncidents,
  rediagnoseIncident,
  refuseIncident,
  widenIncident,
} from './incident-store.ts';
import type { Memory } from './memory.ts';
import type { RecordEvent } from './record.ts';
import { noteHarm, readLearned, readTrackRecord } from './trust-store.ts';
import { createRepairStore, openRepair, readOpenRepairs, readPastRepairs } from './repair-store.ts';

const UNIQUE_VIOLATION = '23505';

/** Healing's memory in PostgreSQL: every write is one fenced transaction, with its event for the ledger in it. */
export function createPostgresqlMemory(options: {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
  readonly random: Random;
}): Memory {
  const { database, lease, record, random } = options;
  return {
    ...createRepairStore({ database, lease, record }),
    readOpenIncidents: () => readOpenIncidents(database),
    openIncident: (diagnosis, detectedAt, belongsTo) =>
      fencedTransaction(database, lease, (tx) =>
        openIncident(tx, diagnosis, toIso(detectedAt), random, record, belongsTo),
      ),
    rediagnoseIncident: (incident, diagnosis) =>
      fencedTransaction(database, lease, (tx) => rediagnoseIncident(tx, incident, diagnosis, record)),
    widenIncident: (incident, diagnosis) =>
      fencedTransaction(database, lease, (tx) => widenIncident(tx, incident, diagnosis, record)),
    refuseIncident: (incident, refusal) =>
      fencedTransaction(database, lease, (tx) => refuseIncident(tx, incident, refusal, record)),
    closeIncident: (id, outcome) => fencedTransaction(database, lease, (tx) => closeIncident(tx, id, outcome, record)),
    readRelapses: (key) => readRelapses(database, key),
    async beginRepair(repair, plan, scopes) {
      try {
        return await fencedTransaction(database, lease, async (tx, epoch) => {
          await spendBudgets(tx, scopes);
          await openRepair(tx, repair, plan, epoch, record);
          return epoch;
        });
      } catch (error) {
        if ((error as { code?: unknown }).code !== UNIQUE_VIOLATION) throw error;
        throw new KinError('resource.conflict', `another repair has ${plan.target}`, { cause: error });
      }
    },
    readOpenRepairs: () => readOpenRepairs(database),
    readPastRepairs: () => readPastRepairs(database),
    noteHarm: (repair, harm) => fencedTransaction(database, lease, (tx) => noteHarm(tx, repair, harm, record)),
    readTrackRecord: () => readTrackRecord(database),
    readLearned: () => readLearned(database),
    readBudgets: (scopes) => readBudgets(database, scopes),
  };
}

async function readRelapses(database: Database, key: string) {
  const row = await database.kysely
    .selectFrom('incident')
    .select(({ fn }) => [fn.countAll<number>().as('count'), fn.max('closed_at').as('lastOverAt')])
    .where('key', '=', key)
    .where('state', '=', 'closed')
    .where('closed_at', '>', sql<string>`now() - interval '1 day'`)
    .executeTakeFirst();
  const lastOverAt = row?.lastOverAt ?? null;
  return { count: row?.count ?? 0, lastOverAt: lastOverAt === null ? null : fromIso(lastOverAt) };
}
