import { toIso } from '../base/clock.ts';
import type { WitnessState } from './cosigner.ts';
import type { LedgerWorkers } from './ledger-workers.ts';
import type { OpenLedger } from './open-ledger.ts';
import { minimumIndex } from './pruned-prefix.ts';
import type { StoredSegment } from './entry-store.ts';
import type { StandingHold } from './retention/legal-holds.ts';
import { type RetentionPolicy, readRetention } from './retention/retention-policy.ts';
import type { Tier } from './segment-file.ts';
import type { SelfCheckState } from './self-check.ts';

/** How a ledger is, for people. */
export interface LedgerStatus {
  readonly vkey: string;
  /** Durable entries, and how many of them are under the signed checkpoint. */
  readonly size: number;
  readonly signedSize: number;
  /** Entries that were there when its process began. */
  readonly startedAt: number;
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
    readonly holds: readonly StandingHold[];
    /** How long the ledger has to run until it believes its clock enough to prune by it; absent when it does. */
    readonly doubtedMs?: number;
    /** Why nothing can be pruned. */
    readonly fault?: string;
  };
  /** From the newest to the oldest; empty where the store has none. Sizes are of what is on the disk. */
  readonly tiers: readonly TierSize[];
  /** Why nothing can be compressed. */
  readonly tieringFault?: string;
  readonly selfCheck: SelfCheckState;
}

export interface TierSize {
  readonly tier: Tier;
  readonly segments: number;
  readonly entries: number;
  readonly bytes: number;
}

/** Rejects with `request.invalid` or `state.corrupt` when the policy or the holds cannot be read. */
export async function ledgerStatus(
  dir: string,
  ledger: OpenLedger,
  workers: LedgerWorkers,
  startedAt: number,
): Promise<LedgerStatus> {
  const { cosigner, selfCheck, time, pruner, tiering } = workers;
  const doubtedMs = time.leftMs();
  const first = ledger.first();
  const policy = readRetention(dir);
  const retention = { first, minimumIndex: minimumIndex(first), holds: workers.holds.standing() };
  const sinceMs = cosigner?.unwitnessedSinceMs();
  const since = sinceMs === undefined ? {} : { unwitnessedSince: toIso(sinceMs) };
  return {
    vkey: ledger.vkey,
    size: ledger.store.size,
    signedSize: ledger.signed().checkpoint.size,
    startedAt,
    ...(cosigner ? { witnessed: { size: cosigner.witnessedSize(), ...since, witnesses: cosigner.states() } } : {}),
    retention: {
      ...retention,
      ...(policy ? { policy } : {}),
      ...(doubtedMs > 0 ? { doubtedMs } : {}),
      ...(pruner.fault === undefined ? {} : { fault: pruner.fault }),
    },
    tiers: sizesOf(await ledger.store.segments()),
    ...(tiering.fault === undefined ? {} : { tieringFault: tiering.fault }),
    selfCheck: selfCheck.state(),
  };
}

function sizesOf(segments: readonly StoredSegment[]): TierSize[] {
  return (['hot', 'warm', 'cold'] as const).flatMap((tier) => {
    const own = segments.filter((segment) => segment.tier === tier);
    if (own.length === 0) return [];
    const sum = (of: (segment: StoredSegment) => number) => own.reduce((total, segment) => total + of(segment), 0);
    const entries = sum(({ first, next }) => next - first);
    return [{ tier, segments: own.length, entries, bytes: sum(({ bytes }) => bytes) }];
  });
}
