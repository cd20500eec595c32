import { toIso } from '../base/clock.ts';
import type { WitnessState } from './cosigner.ts';
import type { LedgerWorkers } from './metrics.ts';
import type { OpenLedger } from './open-ledger.ts';
import { minimumIndex } from './pruned-prefix.ts';
import { type LegalHold, readHolds } from './retention/legal-holds.ts';
import { type RetentionPolicy, readRetention } from './retention/retention-policy.ts';
import type { SelfCheckState } from './self-check.ts';

/** How a ledger is, for people. */
export interface LedgerStatus {
  readonly vkey: string;
  /** Durable entries, and how many of them are under the signed checkpoint. */
  readonly size: number;
  readonly signedSize: number;
  /** Absent where the ledger has no witnesses. */
  readonly witnessed?: {
    /** Entries under the newest checkpoint that enough witnesses saw, and since when there has been a newer one. */
    readonly size: number;
    readonly unwitnessedSince?: string;
    readonly witnesses: readonly WitnessState[];
  };
  readonly retention: {
    /** The first entry that is there, and the first that is shown to others. */
    readonly first: number;
    readonly minimumIndex: number;
    /** Absent where there is none: then nothing is pruned. */
    readonly policy?: RetentionPolicy;
    readonly holds: readonly LegalHold[];
    /** Why nothing can be pruned. */
    readonly fault?: string;
  };
  readonly selfCheck: SelfCheckState;
}

/** Throws `request.invalid` or `state.corrupt` when the policy or the holds cannot be read. */
export function ledgerStatus(dir: string, ledger: OpenLedger, workers: LedgerWorkers): LedgerStatus {
  const { cosigner, selfCheck, pruner } = workers;
  const first = ledger.first();
  const policy = readRetention(dir);
  const retention = { first, minimumIndex: minimumIndex(first), holds: readHolds(dir) };
  const sinceMs = cosigner?.unwitnessedSinceMs();
  const since = sinceMs === undefined ? {} : { unwitnessedSince: toIso(sinceMs) };
  return {
    vkey: ledger.vkey,
    size: ledger.store.size,
    signedSize: ledger.signed().checkpoint.size,
    ...(cosigner ? { witnessed: { size: cosigner.witnessedSize(), ...since, witnesses: cosigner.states() } } : {}),
    retention: {
      ...retention,
      ...(policy ? { policy } : {}),
      ...(pruner.fault === undefined ? {} : { fault: pruner.fault }),
    },
    selfCheck: selfCheck.state(),
  };
}
