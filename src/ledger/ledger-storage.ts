import type { PrunedPrefix } from './pruned-prefix.ts';
import { KinError } from '../base/errors.ts';
import type { DatabaseConnection } from '../store/database.ts';
import type { EntryListener, EntryStore } from './entry-store.ts';

/** Where entries and checkpoints are kept, when not in the folder of the ledger. */
export interface StorageChoice {
  readonly kind: 'postgresql';
  readonly connection: DatabaseConnection;
}

/** What a person sets to choose. */
export const STORAGE_VARIABLE = 'KINTSUGI_LEDGER_STORAGE';

/** Whether the environment asks for PostgreSQL. Throws `usage.invalid` for what is neither that nor `files`. */
export function isLedgerInDatabase(env: NodeJS.ProcessEnv): boolean {
  const choice = env[STORAGE_VARIABLE] ?? 'files';
  if (choice === 'files' || choice === 'postgresql') return choice === 'postgresql';
  throw new KinError('usage.invalid', `${STORAGE_VARIABLE} is files or postgresql, not ${choice}`);
}

/** What a store is opened with. */
export interface StoreOpening {
  /** How many entries a signed checkpoint covers: fewer than these is tampering. */
  readonly signedSize: number;
  readonly onEntry: EntryListener;
}

/** Where one ledger keeps its entries and its newest checkpoint. Whoever opened it last is the writer. */
export interface LedgerStorage {
  /** The newest checkpoint when this was opened. */
  readonly note: string;
  /** Reads and checks all entries. Rejects with `ledger.tampered`. */
  openStore(opening: StoreOpening): Promise<EntryStore>;
  /**
   * Makes `after` the newest checkpoint, durably, if `before` still is; else, or when another writer took over, rejects
   * with `ledger.superseded`. Rejects with `state.unwritable`, and then `before` is the newest one, or `after` is.
   */
  replaceNote(before: string, after: string): Promise<void>;
  /** What was pruned of it. */
  pruned(): PrunedPrefix;
  /**
   * Notes durably what is left of the entries before a segment, then drops them. Rejects with `state.unwritable` or
   * `ledger.superseded`.
   */
  prune(prefix: PrunedPrefix): Promise<void>;
  /** Lets go of what the store does not let go of. */
  close(): Promise<void>;
}
