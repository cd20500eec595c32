import type { ColumnType, Generated } from 'kysely';
import type { Json } from '../base/json.ts';

/** A `timestamptz`: ISO 8601 in UTC when read; the database's clock writes it wherever it can. */
export type Timestamp = ColumnType<string, string, string>;

/** A `jsonb`: data when read, its text (`JSON.stringify`) when written. */
export type JsonColumn<T = Json> = ColumnType<T, string, string>;

/** What the migrations build, for Kysely. A migration and this file change together. */
export interface Tables {
  migration: { number: number; name: string; checksum: string; applied_at: ColumnType<string, never, never> };
  lease: { name: string; holder: string; epoch: number; expires_at: Timestamp };
  outbox: { seq: Generated<number>; event: JsonColumn; created_at: ColumnType<string, never, never> };
}
