import { sql } from 'kysely';
import { crc32 } from 'node:zlib';
import { KinError } from '../base/errors.ts';
import type { Database } from '../store/database.ts';
import type { Payload, PayloadPlace } from './entry-store.ts';
import { tamperedSegment } from './segment-file.ts';

/** Named in faults, where the other storage names a file. */
const TABLE = 'ledger_group';

interface PayloadRow {
  readonly entry: number;
  readonly length: number;
  readonly crc: number;
  readonly bytes: Buffer | null;
}

/** The payloads of a ledger in PostgreSQL: one row each. */
export class PostgresqlPayloads {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** As of `EntryStore`, for an entry that is there. */
  async of(index: number): Promise<readonly Payload[]> {
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
    throw damagedGroup(index, 'which payloads there were can no longer be told');
  }

  /** As of `EntryStore`. */
  async damagedIn(from: number, to: number): Promise<number | undefined> {
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

  /** As of `EntryStore`, for entries that are there. */
  async erase(places: readonly PayloadPlace[]): Promise<void> {
    if (places.length === 0) return;
    const entries = places.map(({ index }) => index);
    const payloads = places.map(({ payload }) => payload);
    await this.#database.transaction(async (tx) => {
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
    });
    await sql`vacuum ledger_payload`.execute(this.#database.kysely);
  }
}

function payloadOf({ length, crc, bytes }: PayloadRow): Payload {
  if (bytes === null) return { kind: 'erased', length };
  return bytes.length === length && crc32(bytes) === crc ? { kind: 'kept', bytes } : { kind: 'damaged', length };
}

/** The fault of a group: its first entry that is not as it was. */
export function damagedGroup(index: number, reason: string): KinError {
  return tamperedSegment(TABLE, reason, { index, offset: 0 });
}
