import type { Clock } from '../base/clock.ts';
import { dutyCycle } from '../base/duty-cycle.ts';
import type { Log } from '../base/log.ts';
import type { Cosigner } from './cosigner.ts';
import type { Eraser } from './eraser.ts';
import type { OpenLedger } from './open-ledger.ts';
import { BelievedTime } from './retention/believed-time.ts';
import { HoldDesk } from './retention/hold-desk.ts';
import { Pruner } from './retention/pruner.ts';
import { SelfCheck } from './self-check.ts';
import { Tiering } from './tiers/tiering.ts';

/** Between two requests to the witnesses. */
const WITNESS_MS = 1000;
/** Between two parts of the ledger that are read again. */
const SELF_CHECK_MS = 1000;
/** Of a core, however long the ledger is. */
const SELF_CHECK_SHARE = 0.03;
/** Between two looks for what has outlived its retention. */
const PRUNE_MS = 600_000;
/** Between two looks for segments to compress. */
const TIER_MS = 60_000;

interface Working {
  readonly dir: string;
  readonly ledger: OpenLedger;
  readonly cosigner: Cosigner | undefined;
  readonly eraser: Eraser | undefined;
  /** Whether its store has tiers. */
  readonly hasTiers: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** What works in the ledger's process beside those who append. */
export class LedgerWorkers {
  readonly cosigner: Cosigner | undefined;
  readonly selfCheck: SelfCheck;
  readonly holds: HoldDesk;
  readonly time: BelievedTime;
  readonly pruner: Pruner;
  readonly tiering: Tiering;
  readonly #hasTiers: boolean;
  readonly #clock: Clock;
  readonly #ending = new AbortController();
  #stops: readonly (() => void)[] = [];

  constructor({ dir, ledger, cosigner, eraser, hasTiers, clock, log }: Working) {
    this.#hasTiers = hasTiers;
    this.#clock = clock;
    const { signal } = this.#ending;
    this.holds = new HoldDesk({ dir, ledger, eraser, clock });
    const holds = () => this.holds.standing();
    this.cosigner = cosigner;
    this.selfCheck = new SelfCheck(ledger, { clock, log });
    this.time = new BelievedTime({ dir, clock, witnessedMs: () => cosigner?.witnessedAtMs() });
    this.pruner = new Pruner({ dir, ledger, clock, time: this.time, log, holds, signal });
    this.tiering = new Tiering({ dir, store: ledger.store, clock, log, signal });
  }

  start(): void {
    const every = (ms: number, work: () => void | Promise<void>) => this.#clock.every(ms, work);
    this.#stops = [
      every(WITNESS_MS, () => this.cosigner?.ask()),
      dutyCycle(this.#clock, SELF_CHECK_MS, SELF_CHECK_SHARE, () => this.selfCheck.step()),
      every(PRUNE_MS, () => this.pruner.step()),
      ...(this.#hasTiers ? [every(TIER_MS, () => this.tiering.step())] : []),
    ];
  }

  /** What is under way breaks off where it may. */
  end(): void {
    this.#ending.abort();
    for (const stop of this.#stops) stop();
  }
}
