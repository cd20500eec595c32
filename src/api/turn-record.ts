import { toIso } from '../base/clock.ts';
import type { Status } from '../comply/assess.ts';
import type { Turn } from '../comply/turn.ts';
import type { RecordEvent } from '../heal/record.ts';
import { TURNED } from '../evidence/story.ts';
import { noteViolations } from './violation-times.ts';
import type { Database } from '../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../store/lease.ts';

/** What was measured is not known for a moment after each start: only what stays unknown is news. */
const UNKNOWN_MS = 60_000;
/** Turns in one entry of the ledger; it stays far below the longest that an entry may be. */
const ENTRY_TURNS_MAX = 200;
/** Turns of one control that a replica remembers while it only watches. */
const WATCHED_TURNS_MAX = 100;
/** Turns in one transaction. */
const FLUSH_TURNS_MAX = 5_000;

export interface TurnRecordOptions {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
}

type Key = string;

/**
 * Puts turns of controls on record: in PostgreSQL, how each stands, and in the ledger, when it turned. What stands as it
 * was on record is not told again, whoever led meanwhile. Only the leader writes; every replica hears the turns, so that
 * the next leader goes on with what the last one could not write.
 */
export class TurnRecord {
  readonly #options: TurnRecordOptions;
  /** What was told of each control, in its order, and is not on record as far as is known. */
  readonly #pending = new Map<Key, readonly Turn[]>();
  /** What is on record, read anew by each leader. */
  #recorded: { readonly epoch: number; readonly status: Map<Key, Status> } | undefined;

  constructor(options: TurnRecordOptions) {
    this.#options = options;
  }

  take(turns: readonly Turn[]): void {
    // Who only watches keeps the newest: the leader heard the others, and writes them.
    const kept = this.#options.lease.current() === undefined ? WATCHED_TURNS_MAX - 1 : Number.MAX_SAFE_INTEGER;
    for (const turn of turns) {
      const before = this.#pending.get(keyOf(turn)) ?? [];
      this.#pending.set(keyOf(turn), [...before.slice(-kept), turn]);
    }
  }

  /** Writes what is due. To be called again and again; rejects when nothing could be written, and loses nothing then. */
  async flush(now: number): Promise<void> {
    const epoch = this.#options.lease.current()?.epoch;
    if (epoch === undefined || this.#pending.size === 0) return;
    const recorded = await this.#read(epoch);
    const told: Told[] = [];
    let count = 0;
    for (const [key, turns] of this.#pending) {
      const split = splitOf(turns, recorded.get(key), now);
      told.push({ key, seen: turns.length, ...split });
      count += split.due.length;
      if (count >= FLUSH_TURNS_MAX) break;
    }
    if (count > 0) await this.#write(told.flatMap(({ due }) => due));
    for (const { key, seen, due, rest } of told) {
      const last = due.at(-1);
      if (last) recorded.set(key, last.to);
      // More may have been told while it was written.
      const left = [...rest, ...(this.#pending.get(key) ?? []).slice(seen)];
      if (left.length === 0) this.#pending.delete(key);
      else this.#pending.set(key, left);
    }
  }

  async #read(epoch: number): Promise<Map<Key, Status>> {
    if (this.#recorded?.epoch === epoch) return this.#recorded.status;
    const rows = await this.#options.database.kysely.selectFrom('control_status').selectAll().execute();
    const status = new Map(rows.map((row) => [keyOf(row), row.status as Status]));
    this.#recorded = { epoch, status };
    return status;
  }

  async #write(turns: readonly Turn[]): Promise<void> {
    const { database, lease, record } = this.#options;
    const last = new Map(turns.map((turn) => [keyOf(turn), turn]));
    const rows = [...last.values()].map(({ tenant, framework, control, to, at }) => {
      return { tenant, framework, control, status: to, since: toIso(at) };
    });
    await fencedTransaction(database, lease, async (tx) => {
      await tx
        .insertInto('control_status')
        .values(rows)
        .onConflict((conflict) =>
          conflict.columns(['tenant', 'framework', 'control']).doUpdateSet((excluded) => ({
            status: excluded.ref('excluded.status'),
            since: excluded.ref('excluded.since'),
          })),
        )
        .execute();
      await noteViolations(tx, turns);
      for (const { tenant, framework, turned } of entriesOf(turns)) {
        await record(tx, TURNED, tenant, { framework, turns: turned }, { tenant });
      }
    });
  }
}

/** The turns of one control that were looked at: those to write now, and those that time will tell about. */
interface Told extends Split {
  readonly key: Key;
  readonly seen: number;
}

interface Split {
  readonly due: readonly Turn[];
  readonly rest: readonly Turn[];
}

/** What is news of one control: a violation of a moment is, and not knowing for a moment is not. */
function splitOf(turns: readonly Turn[], recorded: Status | undefined, now: number): Split {
  let last = recorded;
  const due = turns.filter((turn, index) => {
    if (turn.to === last || isBrief(turn, turns[index + 1], now)) return false;
    last = turn.to;
    return true;
  });
  const newest = turns.at(-1);
  const mayStay = newest !== undefined && newest.to !== last && isBrief(newest, undefined, now);
  return { due, rest: mayStay ? [newest] : [] };
}

function isBrief({ to, at }: Turn, next: Turn | undefined, now: number): boolean {
  return to === 'unknown' && (next?.at ?? now) - at < UNKNOWN_MS;
}

function keyOf({ tenant, framework, control }: Pick<Turn, 'tenant' | 'framework' | 'control'>): Key {
  return `${tenant} ${framework} ${control}`;
}

/** Of a violation also the last good measurement before it: when it began at the earliest. */
function tupleOf({ control, to, at, measured }: Turn): readonly [string, Status, number, ...number[]] {
  const goodAt = to === 'not-satisfied' ? (measured?.goodAt ?? null) : null;
  return goodAt === null ? [control, to, at] : [control, to, at, goodAt];
}

/** Turns of one tenant under one framework stand in one entry, oldest first: no entry is about two tenants. */
function entriesOf(turns: readonly Turn[]) {
  const groups = new Map<string, Turn[]>();
  for (const turn of turns) {
    const key = `${turn.tenant} ${turn.framework}`;
    groups.set(key, [...(groups.get(key) ?? []), turn]);
  }
  return [...groups.values()].flatMap((group) => {
    const [{ tenant, framework }] = group as [Turn];
    const turned = group.toSorted((a, b) => a.at - b.at).map(tupleOf);
    const chunks = Array.from({ length: Math.ceil(turned.length / ENTRY_TURNS_MAX) }, (_, index) =>
      turned.slice(index * ENTRY_TURNS_MAX, (index + 1) * ENTRY_TURNS_MAX),
    );
    return chunks.map((chunk) => ({ tenant, framework, turned: chunk }));
  });
}
