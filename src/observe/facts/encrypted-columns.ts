import { escapeIdentifier } from 'pg';
import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import { type Appearance, appearanceOf, bytesOf } from './ciphertext.ts';
import { counted, placeCollector, unknown, value } from './place-collector.ts';
import { inSession, type PostgresPlace, rowsOf } from './postgres-place.ts';

/** A store with columns that are declared to be encrypted. */
export interface EncryptedStore extends PostgresPlace {
  readonly encrypted: readonly { readonly table: string; readonly column: string }[];
}

export interface EncryptedColumnsOptions {
  readonly stores: () => readonly EncryptedStore[];
  readonly clock: Clock;
}

/** Values of a column that are looked at, the newest first: what was written last was written by what runs now. */
const SAMPLE = 500;
const VALUE_BYTES_MAX = 4_096;

/**
 * Whether what the administrator of the database reads in declared columns is ciphertext. Where it is, it was encrypted before
 * it came to the database, by field; where it is not, nothing is said of disks below. Nothing is proven of keys, of the
 * strength of the cipher, and of rows outside of the sample. No value is kept.
 */
export function encryptedColumns({ stores, clock }: EncryptedColumnsOptions): Collector {
  return placeCollector({
    name: 'encrypted-columns',
    facts: ['encryption.columns.plaintext', 'encryption.layer'],
    everyMs: 600_000,
    timeoutMs: 300_000,
    placeMs: 30_000,
    places: () => stores().filter(({ encrypted }) => encrypted.length > 0),
    clock,
    look: async (store, signal) => {
      const columns = await columnsOf(store, signal);
      const plain = columns.filter(({ appearance }) => appearance === 'plaintext').map(({ name }) => name);
      const untold = columns.find(({ appearance }) => appearance === null);
      const few = unknown(`${untold?.name} holds too few values to tell`);
      const layer = plain.length > 0 ? unknown('a declared column can be read') : untold ? few : value('field');
      const readings = {
        'encryption.columns.plaintext': plain.length === 0 && untold ? few : counted(plain),
        'encryption.layer': layer,
      };
      return { readings, transcript: columns };
    },
  });
}

interface Column {
  readonly name: string;
  readonly appearance: Appearance;
}

function columnsOf(store: EncryptedStore, signal: AbortSignal): Promise<readonly Column[]> {
  return inSession(store, store.admin, signal, async (client) => {
    const columns: Column[] = [];
    for (const { table, column } of store.encrypted) {
      const [from, name] = [`${escapeIdentifier(store.schema)}.${escapeIdentifier(table)}`, escapeIdentifier(column)];
      const rows = await rowsOf<{ value: unknown }>(
        client,
        `select ${name} as value from ${from} where ${name} is not null order by ctid desc limit ${SAMPLE}`,
      );
      const values = rows.map(({ value }) => bytesOf(readable(value)).subarray(0, VALUE_BYTES_MAX));
      columns.push({ name: `${table}.${column}`, appearance: appearanceOf(values) });
    }
    return columns;
  });
}

/** As `bytea` comes as bytes and text as text; what is neither (a number, JSON) is no ciphertext. */
function readable(value: unknown): string | Uint8Array {
  if (value instanceof Uint8Array || typeof value === 'string') return value;
  return JSON.stringify(value);
}
