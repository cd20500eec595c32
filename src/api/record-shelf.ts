import { sql } from 'kysely';
import { type Clock, toIso } from '../base/clock.ts';
import { digestOf, digestOfJson } from '../base/digest.ts';
import { KinError } from '../base/errors.ts';
import { isProblems, type PeopleRecord, readRecords, type RecordProblem } from '../evidence/people-records.ts';
import { RECORD_FACTS, recordFacts, RECORDS, type RecordTenant } from '../evidence/people-record-facts.ts';
import { openStatement, RECORDS_TYPE, type Signed, type Signer } from '../evidence/signed-statement.ts';
import type { RecordEvent } from '../heal/record.ts';
import type { Collector } from '../observe/collector.ts';
import { RECORD_KINDS } from '../resources/record-kinds.ts';
import type { Database } from '../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../store/lease.ts';

export interface RecordShelfOptions {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
  readonly clock: Clock;
  readonly tenants: () => readonly RecordTenant[];
  /** Whose signature counts; nobody's when it is empty. */
  readonly signers: () => readonly Signer[];
}

/** A record as it is kept. */
export interface StoredRecord extends PeopleRecord {
  readonly id: string;
  readonly signer: string;
  readonly importedAt: string;
  readonly importedBy: string;
  readonly withdrawnAt: string | null;
}

export interface RecordFile {
  /** As it is named in messages. */
  readonly file: string;
  /** DSSE over a CSV file. */
  readonly envelope: string;
}

const EVERY_MS = 15_000;
const ID_LENGTH = 16;
const LISTED_MAX = 5_000;

/**
 * Records of people: signed by somebody whom the policy names, checked line by line, and kept with the signature. A file is
 * imported whole or not at all; the same record twice is one. Entries of the ledger hold digests and no names.
 */
export class RecordShelf {
  readonly #options: RecordShelfOptions;

  constructor(options: RecordShelfOptions) {
    this.#options = options;
  }

  /** Rejects with `record.invalid` (file, line, column and remedy) or `signature.untrusted`; then nothing was kept. */
  async import(given: RecordFile, by: string): Promise<{ readonly imported: number; readonly known: number }> {
    const { database, lease } = this.#options;
    const { signed, records } = await this.#read(given);
    return fencedTransaction(database, lease, async (tx) => {
      let imported = 0;
      for (const each of records) {
        const row = { ...rowOf(each), envelope: given.envelope, signer: signed.signer ?? '', imported_by: by };
        const kept = await tx
          .insertInto('signed_record')
          .values(row)
          .onConflict((conflict) => conflict.column('id').doNothing())
          .returning('id')
          .executeTakeFirst();
        if (!kept) continue;
        imported += 1;
        await this.#options.record(tx, 'record.imported', kept.id, toldOf(each, signed, given.envelope), {
          actor: { kind: 'operator', name: by },
        });
      }
      return { imported, known: records.length - imported };
    });
  }

  /** It no longer counts from now on, and stays on record. Rejects with `resource.unknown`. */
  async withdraw(id: string, by: string, reason: string): Promise<void> {
    const { database, lease, record } = this.#options;
    await fencedTransaction(database, lease, async (tx) => {
      const found = await tx
        .updateTable('signed_record')
        .set({ withdrawn_at: sql<string>`now()` })
        .where('id', '=', id)
        .where('withdrawn_at', 'is', null)
        .returning('id')
        .executeTakeFirst();
      if (!found)
        throw new KinError('resource.unknown', `there is no record ${id} that stands; see \`kintsugi record\``);
      await record(tx, 'record.withdrawn', id, { reason }, { actor: { kind: 'operator', name: by } });
    });
  }

  /** Newest first. */
  async list(): Promise<readonly StoredRecord[]> {
    const rows = await this.#options.database.kysely
      .selectFrom('signed_record')
      .selectAll()
      .orderBy('imported_at', 'desc')
      .orderBy('id')
      .limit(LISTED_MAX)
      .execute();
    return rows.map((row) => ({
      ...(row.statement as unknown as PeopleRecord),
      id: row.id,
      signer: row.signer,
      importedAt: row.imported_at,
      importedBy: row.imported_by,
      withdrawnAt: row.withdrawn_at,
    }));
  }

  /** Processors with whom a signed agreement is in force. */
  async agreementsInForce(): Promise<ReadonlySet<string>> {
    const { database, clock } = this.#options;
    const rows = await database.kysely
      .selectFrom('signed_record')
      .select('about')
      .where('kind', '=', 'agreement')
      .where('withdrawn_at', 'is', null)
      .where('expires_on', '>', toIso(clock.now()).slice(0, 'YYYY-MM-DD'.length))
      .execute();
    return new Set(rows.map(({ about }) => about));
  }

  /** What the records prove, for the controls that wait for them. */
  collector(): Collector {
    const { database, clock, tenants } = this.#options;
    return {
      name: RECORDS,
      facts: RECORD_FACTS,
      everyMs: EVERY_MS,
      timeoutMs: EVERY_MS,
      async collect() {
        const rows = await database.kysely
          .selectFrom('signed_record')
          .select('statement')
          .distinctOn(['kind', 'about'])
          .where('withdrawn_at', 'is', null)
          .orderBy('kind')
          .orderBy('about')
          .orderBy('done_on', 'desc')
          .orderBy('expires_on', 'desc')
          .execute();
        return recordFacts(
          rows.map(({ statement }) => statement as unknown as PeopleRecord),
          tenants(),
          clock.now(),
        );
      },
    };
  }

  async #read({ file, envelope }: RecordFile): Promise<{ signed: Signed; records: readonly PeopleRecord[] }> {
    const { database, clock, tenants, signers } = this.#options;
    if (!isEnvelope(envelope)) {
      const remedy = 'it is not signed: wrap it with `kintsugi record sign FILE --key KEY`';
      throw new KinError('record.invalid', `${file}:1: ${remedy}`);
    }
    const signed = openStatement(envelope, RECORDS_TYPE, signers());
    const drills = await database.kysely.selectFrom('drill').select('id').execute();
    const scope = { now: clock.now(), tenants: tenants().map(({ name }) => name), drills: drills.map(({ id }) => id) };
    const read = readRecords(signed.text, scope);
    if (isProblems(read)) throw recordFault(file, read);
    return { signed, records: read };
  }
}

const PROBLEMS_SHOWN_MAX = 30;

function recordFault(file: string, problems: readonly RecordProblem[]): KinError {
  const lines = problems.map(({ line, column, message }) => `${file}:${line}: ${column}: ${message}`);
  const hidden = lines.length - PROBLEMS_SHOWN_MAX;
  const shown = [...lines.slice(0, PROBLEMS_SHOWN_MAX), ...(hidden > 0 ? [`and ${hidden} more`] : [])];
  return new KinError('record.invalid', shown.join('\n'), { details: { problems: shown } });
}

function isEnvelope(text: string): boolean {
  try {
    return typeof (JSON.parse(text) as { payloadType?: unknown }).payloadType === 'string';
  } catch {
    return false;
  }
}

/** The id follows from what the record says, so that importing it again changes nothing. */
function rowOf(record: PeopleRecord) {
  const { kind, about, done, expires } = record;
  const id = `rec_${digestOfJson(record).slice('sha256:'.length, 'sha256:'.length + ID_LENGTH)}`;
  return { id, kind, about, done_on: done, expires_on: expires, statement: JSON.stringify(record) };
}

/** Who was trained is nobody's business in the ledger: ids of people are left out, and so is who answers for it. */
function toldOf(record: PeopleRecord, { key }: Signed, envelope: string) {
  const { kind, about, done, expires } = record;
  const isOfPerson = RECORD_KINDS[kind].about === 'person';
  return { kind, ...(isOfPerson ? {} : { about }), done, expires, key, file: digestOf(envelope) };
}
