import { sql } from 'kysely';
import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { isFault, KinError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Database } from '../store/database.ts';
import type { EntryStore, EntryToStore, Payload, PayloadPlace, Recovered, StoredSegment } from './entry-store.ts';
import { areEntriesSound, ENTRY_PREFIX_BYTES, encodeFrame, entriesOf, type FrameSpan, readHeader } from './frame.ts';
import type { StoreOpening } from './ledger-storage.ts';
import { payloadBytesOf } from './payload-section.ts';
import { tamperedSegment } from './segment-file.ts';

const GROUP_BYTES_MAX = 2 * 1024 * 1024;
/** What is pruned at once, at the least. */
const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Between two looks for a server that went away while a group was written. */
const LOOK_AGAIN_MS = 250;
/** Named in faults, where the other storage names a file. */
const TABLE = 'ledger_group';

interface GroupRow {
  readonly first: number;
  readonly count: number;
  readonly frame: Buffer;
  readonly payloads: number;
}

interface PayloadRow {
  readonly entry: number;
  readonly length: number;
  readonly crc: number;
  readonly bytes: Buffer | null;
}

interface Writer {
  writer: number;
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
  #size: number;
  #bytes: number;
  #appending = false;
  readonly #closing = new AbortController();
  #lastRead: { readonly span: FrameSpan; readonly frame: Buffer } | undefined;

  private constructor(database: Database, { writer, size, bytes }: Writer, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
    this.#writer = writer;
    this.#size = size;
    this.#bytes = bytes;
  }

  /** Reads and checks every group. Rejects with `ledger.tampered`. */
  static async open(
    database: Database,
    head: Writer,
    { signedSize, onEntry, clock }: StoreOpening & { readonly clock: Clock },
  ): Promise<PostgresqlStore> {
    const store = new PostgresqlStore(database, head, clock);
    for (let next = 0; next < head.size; ) {
      const { span, frame } = await store.#readGroup(next);
      for (const entry of entriesOf(frame, span)) onEntry(entry);
      next = span.first + span.count;
    }
    if (head.size < signedSize) throw damaged(head.size, `signed entries from ${head.size} on are missing`);
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
    const { rows } = await sql<PayloadRow>`
      select entry, length, crc, bytes from ledger_payload where entry = ${index} order by payload`.execute(
      this.#database.kysely,
    );
    if (rows.length > 0) return rows.map(payloadOf);
    // None, or gone: the group remembers how many there were.
    const counted = await sql<{ expected: number; found: number }>`
      select payloads as expected,
        (select count(*) from ledger_payload where entry >= first and entry < first + count) as found
      from ledger_group where first <= ${index} order by first desc limit 1`.execute(this.#database.kysely);
    const { expected = 0, found = 0 } = counted.rows[0] ?? {};
    if (expected === found) return [];
    throw damaged(index, 'which payloads there were can no longer be told');
  }

  async damagedPayload(from: number, to: number): Promise<number | undefined> {
    const { rows } = await sql<{ first: number; count: number; payloads: number }>`
      select first, count, payloads from ledger_group where first >= ${from} and first < ${to} and payloads > 0 order by 1`.execute(
      this.#database.kysely,
    );
    for (const { first, count, payloads } of rows) {
      const found = await sql<PayloadRow>`
        select entry, length, crc, bytes from ledger_payload where entry >= ${first} and entry < ${first + count}
        order by entry, payload`.execute(this.#database.kysely);
      const damagedRow = found.rows.find((row) => payloadOf(row).kind === 'damaged');
      if (damagedRow) return damagedRow.entry;
      if (found.rows.length !== payloads) return first;
    }
    return undefined;
  }

  async erasePayloads(places: readonly PayloadPlace[]): Promise<void> {
    if (places.length === 0) return;
    const entries = places.map(({ index }) => index);
    const payloads = places.map(({ payload }) => payload);
    await this.#database
      .transaction(async (tx) => {
        const { rows } = await sql<{ entry: number; payload: number }>`
          update ledger_payload set bytes = null
          from unnest(${entries}::bigint[], ${payloads}::int[]) as wanted (entry, payload)
          where ledger_payload.entry = wanted.entry and ledger_payload.payload = wanted.payload
          returning ledger_payload.entry, ledger_payload.payload`.execute(tx);
        const erased = new Set(rows.map(({ entry, payload }) => `${entry} ${payload}`));
        const missing = places.find(({ index, payload }) => !erased.has(`${index} ${payload}`));
        if (!missing) return;
        const { index, payload } = missing;
        throw new KinError('resource.unknown', `entry ${index} has no payload ${payload}`);
      })
      .catch(rethrow);
    await sql`vacuum ledger_payload`.execute(this.#database.kysely).catch(rethrow);
  }

  /** Groups in a row, as many as a segment of the other storage holds. */
  async segments(): Promise<readonly StoredSegment[]> {
    const { rows } = await sql<{ first: number; next: number; bytes: number }>`
      select min(first) as first, max(first + count) as next, sum(bytes)::bigint as bytes
      from (
        select first, count, length(frame) as bytes,
          div(sum(length(frame)) over (order by first) - length(frame), ${SEGMENT_BYTES}) as segment
        from ledger_group where first < ${this.#size}
      ) as groups group by segment order by 1`.execute(this.#database.kysely);
    return rows;
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
        if (!isFault(error, 'postgres.unreachable')) throw error;
        await this.#clock.sleep(LOOK_AGAIN_MS, this.#closing.signal).catch(() => {
          throw rethrown(error);
        });
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
    if (!row || row.first + row.count <= index) throw damaged(index, `entry ${index} is missing`);
    const isWhole = span?.first === row.first && span.count === row.count && span.end === row.frame.length;
    if (!isWhole || !areEntriesSound(row.frame, span)) throw damaged(row.first, 'a group changed');
    this.#lastRead = { span, frame: row.frame };
    return this.#lastRead;
  }
}

function payloadOf({ length, crc, bytes }: PayloadRow): Payload {
  if (bytes === null) return { kind: 'erased', length };
  return bytes.length === length && crc32(bytes) === crc ? { kind: 'kept', bytes } : { kind: 'damaged', length };
}

function damaged(index: number, reason: string): KinError {
  return tamperedSegment(TABLE, reason, { index, offset: 0 });
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
