import { sql } from 'kysely';
import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { isFault, KinError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Database, DatabaseTransaction } from '../store/database.ts';
import type { EntryStore, EntryToStore, Payload, PayloadPlace, Recovered, StoredSegment } from './entry-store.ts';
import { areEntriesSound, ENTRY_PREFIX_BYTES, encodeFrame, entriesOf, type FrameSpan, readHeader } from './frame.ts';
import { prunedBefore } from './ledger-fault.ts';
import type { StoreOpening } from './ledger-storage.ts';
import { payloadBytesOf } from './payload-section.ts';
import { damagedGroup, PostgresqlPayloads } from './postgresql-payloads.ts';

const GROUP_BYTES_MAX = 2 * 1024 * 1024;
/** What is pruned at once, at the least. */
const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Between two looks for a server that went away while a group was written. */
const LOOK_AGAIN_MS = 250;

interface GroupRow {
  readonly first: number;
  readonly count: number;
  readonly frame: Buffer;
  readonly payloads: number;
}

export interface PostgresqlStoreOptions {
  readonly clock: Clock;
  /** Entries that are pruned together take at least so many bytes. */
  readonly segmentBytes?: number | undefined;
}

interface Writer {
  readonly writer: number;
  /** The first entry that was not pruned: the beginning of a group. */
  readonly first: number;
  readonly size: number;
  readonly bytes: number;
}

/**
 * Entries in PostgreSQL: one row for each group commit, written together with the row that says how far the ledger is and
 * who writes it. A writer that was taken over from finds that row changed, and nothing of its group is there.
 *
 * Erasing a payload removes its bytes from the table. PostgreSQL keeps old versions of rows until they are vacuumed (which
 * `erasePayloads` does), and its write-ahead log and backups for longer: there, only the destroyed key protects them.
 */
export class PostgresqlStore implements EntryStore {
  readonly recovered: Recovered | undefined = undefined;
  readonly groupBytesMax = GROUP_BYTES_MAX;
  readonly #database: Database;
  readonly #clock: Clock;
  #writer: number;
  #first: number;
  #size: number;
  #bytes: number;
  readonly #payloads: PostgresqlPayloads;
  readonly #segmentBytes: number;
  #appending = false;
  readonly #closing = new AbortController();
  #lastRead: { readonly span: FrameSpan; readonly frame: Buffer } | undefined;

  private constructor(database: Database, { writer, first, size, bytes }: Writer, options: PostgresqlStoreOptions) {
    this.#database = database;
    this.#payloads = new PostgresqlPayloads(database);
    this.#clock = options.clock;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#writer = writer;
    this.#first = first;
    this.#size = size;
    this.#bytes = bytes;
  }

  /** Reads and checks every group. Rejects with `ledger.tampered`. */
  static async open(
    database: Database,
    head: Writer,
    options: StoreOpening & PostgresqlStoreOptions,
  ): Promise<PostgresqlStore> {
    const { signedSize, onEntry } = options;
    const store = new PostgresqlStore(database, head, options);
    for (let next = head.first; next < head.size; ) {
      const { span, frame } = await store.#readGroup(next);
      for (const entry of entriesOf(frame, span)) onEntry(entry);
      next = span.first + span.count;
    }
    if (head.size < signedSize) throw damagedGroup(head.size, `signed entries from ${head.size} on are missing`);
    return store;
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  bytesInGroup({ bytes, payloads }: EntryToStore): number {
    return ENTRY_PREFIX_BYTES + bytes.length + (payloads ? payloadBytesOf(payloads) : 0);
  }

  async append(entries: readonly EntryToStore[], meanwhile?: () => void): Promise<void> {
    assert(!this.#appending, 'one append at a time');
    this.#appending = true;
    try {
      const frame = encodeFrame(
        this.#size,
        entries.map(({ bytes }) => ({ bytes })),
      );
      const written = this.#write(entries, frame);
      // Failing is dealt with below.
      written.catch(() => undefined);
      meanwhile?.();
      await written;
      this.#size += entries.length;
      this.#bytes += frame.length;
    } finally {
      this.#appending = false;
    }
  }

  async read(from: number, limit: number): Promise<Buffer[]> {
    const to = Math.min(from + limit, this.#size);
    const found: Buffer[] = [];
    let bytes = 0;
    if (from < to && from < this.#first) throw prunedBefore(this.#first);
    for (let next = from; next < to && bytes < LIMITS.apiBodyBytes; ) {
      const { span, frame } = await this.#readGroup(next);
      let index = span.first;
      for (const entry of entriesOf(frame, span)) {
        if (index >= next && index < to) {
          found.push(entry);
          bytes += entry.length;
        }
        index += 1;
      }
      next = index;
    }
    return found;
  }

  async payloadsOf(index: number): Promise<readonly Payload[]> {
    if (index < 0 || index >= this.#size) return [];
    if (index < this.#first) throw prunedBefore(this.#first);
    return this.#payloads.of(index);
  }

  damagedPayload(from: number, to: number): Promise<number | undefined> {
    return this.#payloads.damagedIn(from, to);
  }

  async erasePayloads(places: readonly PayloadPlace[]): Promise<void> {
    if (places.some(({ index }) => index < this.#first)) throw prunedBefore(this.#first);
    await this.#payloads.erase(places).catch(rethrow);
  }

  /** Groups in a row, as many as a segment of the other storage holds. */
  async segments(): Promise<readonly StoredSegment[]> {
    const { rows } = await sql<{ first: number; next: number; bytes: number }>`
      select min(first) as first, max(first + count) as next, sum(bytes)::bigint as bytes
      from (
        select first, count, length(frame) as bytes,
          div(sum(length(frame)) over (order by first) - length(frame), ${this.#segmentBytes}) as segment
        from ledger_group where first < ${this.#size}
      ) as groups group by segment order by 1`.execute(this.#database.kysely);
    return rows;
  }

  /**
   * Drops the groups before the one that begins with `first`, and in the same transaction notes what is left of them. It is
   * repeated until it is known to be done. What was dropped lies in the write-ahead log and in backups for longer. Rejects
   * with `ledger.superseded`, or with `state.unwritable` when the database is away until the store closes.
   */
  async dropBefore(first: number, pruned: Buffer): Promise<void> {
    for (;;) {
      try {
        this.#bytes = await this.#database.transaction((tx) => this.#drop(tx, first, pruned));
        break;
      } catch (error) {
        await this.#lookAgain(error);
      }
    }
    this.#first = first;
    this.#lastRead = undefined;
    for (const table of [sql`ledger_payload`, sql`ledger_group`]) {
      // What it does now, PostgreSQL would do later by itself.
      await sql`vacuum ${table}`.execute(this.#database.kysely).catch(() => undefined);
    }
  }

  /** The bytes that are left. */
  async #drop(tx: DatabaseTransaction, first: number, pruned: Buffer): Promise<number> {
    const { rows } = await sql<{ bytes: number }>`
      update ledger_head set pruned = ${pruned}, bytes = bytes - (
        select coalesce(sum(length(frame)), 0)::bigint from ledger_group where first < ${first}
      ) where writer = ${this.#writer} returning bytes`.execute(tx);
    if (!rows[0]) throw superseded();
    await sql`delete from ledger_group where first < ${first}`.execute(tx);
    await sql`delete from ledger_payload where entry < ${first}`.execute(tx);
    return rows[0].bytes;
  }

  /** Waits for a server that went away while something was written. Rejects for any other error, and when the store closes. */
  async #lookAgain(fault: unknown): Promise<void> {
    if (!isFault(fault, 'postgres.unreachable')) throw fault;
    await this.#clock.sleep(LOOK_AGAIN_MS, this.#closing.signal).catch(() => {
      throw rethrown(fault);
    });
  }

  async pack(): Promise<void> {
    // A table has no tiers.
  }

  forgetRead(): void {
    this.#lastRead = undefined;
  }

  async settleRecovery(): Promise<void> {
    // A transaction is there or not: nothing is ever cut off.
  }

  async close(): Promise<void> {
    this.#closing.abort();
  }

  async #write(entries: readonly EntryToStore[], frame: Buffer): Promise<void> {
    const { count, insert } = this.#groupStatement(entries, frame);
    try {
      const { rows } = await insert.execute(this.#database.kysely);
      if (rows[0]?.moved !== 1) throw superseded();
    } catch (error) {
      if (!isFault(error, 'postgres.unreachable')) throw isFault(error, 'ledger.superseded') ? error : rethrown(error);
      if (!(await this.#wasWritten(count))) throw rethrown(error);
    }
  }

  /** One statement, one round trip, one transaction. */
  #groupStatement(entries: readonly EntryToStore[], frame: Buffer) {
    const first = this.#size;
    const count = entries.length;
    const payloads = entries.flatMap(({ payloads: own = [] }, at) =>
      own.map((bytes, payload) => ({ entry: first + at, payload, bytes })),
    );
    const head = sql`
      with moved as (
        update ledger_head set size = size + ${count}, bytes = bytes + ${frame.length}
        where writer = ${this.#writer} and size = ${first} returning 1
      ), added as (
        insert into ledger_group (first, count, frame, payloads)
        select ${first}::bigint, ${count}::int, ${frame}::bytea, ${payloads.length}::int from moved
      )`;
    const sealed = sql`, sealed as (
        insert into ledger_payload (entry, payload, length, crc, bytes)
        select entry, payload, length(bytes), crc, bytes from moved, unnest(
          ${payloads.map(({ entry }) => entry)}::bigint[], ${payloads.map(({ payload }) => payload)}::int[],
          ${payloads.map(({ bytes }) => crc32(bytes))}::bigint[], ${payloads.map(({ bytes }) => Buffer.from(bytes))}::bytea[]
        ) as given (entry, payload, crc, bytes)
      )`;
    const insert = sql<{ moved: number }>`${head}${payloads.length > 0 ? sealed : sql``}
      select count(*) as moved from moved`;
    return { count, insert };
  }

  /**
   * Whether a group is there whose statement was not answered. Taking over from oneself waits for that statement, wherever
   * it still runs, and makes it fail if it comes later.
   */
  async #wasWritten(count: number): Promise<boolean> {
    for (;;) {
      try {
        const { rows } = await sql<{ size: number }>`
          update ledger_head set writer = writer + 1 where writer = ${this.#writer} returning size`.execute(
          this.#database.kysely,
        );
        if (rows.length === 0) throw superseded();
        this.#writer += 1;
        return rows[0]?.size === this.#size + count;
      } catch (error) {
        await this.#lookAgain(error);
      }
    }
  }

  /** The group that holds an entry below `size`. The one that was read last is kept: readers come back for more of it. */
  async #readGroup(index: number): Promise<{ readonly span: FrameSpan; readonly frame: Buffer }> {
    const kept = this.#lastRead;
    if (kept && index >= kept.span.first && index < kept.span.first + kept.span.count) return kept;
    const { rows } = await sql<GroupRow>`
      select first, count, frame from ledger_group where first <= ${index} order by first desc limit 1`.execute(
      this.#database.kysely,
    );
    const row = rows[0];
    const span = row && readHeader(row.frame, 0);
    if (!row || row.first + row.count <= index) throw damagedGroup(index, `entry ${index} is missing`);
    const isWhole = span?.first === row.first && span.count === row.count && span.end === row.frame.length;
    if (!isWhole || !areEntriesSound(row.frame, span)) throw damagedGroup(row.first, 'a group changed');
    this.#lastRead = { span, frame: row.frame };
    return this.#lastRead;
  }
}

function superseded(): KinError {
  return new KinError('ledger.superseded', 'another process writes the ledger in PostgreSQL');
}

/** What the database cannot do now is for callers the same as a disk that cannot be written. */
function rethrown(cause: unknown): KinError {
  if (cause instanceof KinError && cause.code !== 'postgres.unreachable') return cause;
  return new KinError('state.unwritable', 'cannot write the ledger in PostgreSQL', { cause });
}

function rethrow(cause: unknown): never {
  throw rethrown(cause);
}
