import { type Clock, toIso } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { Log } from '../base/log.ts';
import { Vault, type VaultOptions } from '../vault/vault.ts';
import { type Actor, type NewEvent, OCSF } from './entry.ts';
import { entryOf } from './event-form.ts';
import type { OpenLedger } from './open-ledger.ts';
import { sealEvents } from './sealing.ts';
import type { NewEntry } from './sequencer.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** A backup of the keys lives for so long. */
const EPOCH_MS = 7 * DAY_MS;
const SYSTEM: Actor = { kind: 'system', name: 'ledger' };

export interface CustodyOptions {
  readonly vault: Omit<VaultOptions, 'clock'>;
  readonly epochMs?: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Personal data in the hands of the ledger's process: sealed as they come, their keys changed in time. */
export class Custody {
  readonly vault: Vault;
  readonly #ledger: OpenLedger;
  readonly #options: CustodyOptions;

  private constructor(vault: Vault, ledger: OpenLedger, options: CustodyOptions) {
    this.vault = vault;
    this.#ledger = ledger;
    this.#options = options;
  }

  /**
   * Opens the vault, which nobody else may have open: the lock of the ledger sees to that. What was left to be recorded is
   * on record when this resolves. Rejects as `Vault.open` does.
   */
  static async open(ledger: OpenLedger, options: CustodyOptions): Promise<Custody> {
    const vault = await Vault.open({ ...options.vault, clock: options.clock });
    const custody = new Custody(vault, ledger, options);
    if (vault.damaged > 0) options.log.error({ keys: vault.damaged }, 'keys of personal data are damaged and lost');
    await custody.#recordRotation();
    return custody;
  }

  /** The entries of events, sealed. */
  entriesOf(events: readonly NewEvent[]): Promise<NewEntry[]> {
    return sealEvents(this.vault, events, this.#options.log);
  }

  /** Begins the next epoch of keys when this one has lasted long enough. What fails is tried again at the next beat. */
  async rotateInTime(): Promise<void> {
    const { clock, epochMs = EPOCH_MS, log } = this.#options;
    if (clock.now() - this.vault.epochStartedAt < epochMs) return;
    try {
      await this.rotate(SYSTEM);
    } catch (error) {
      log.error({ fault: describeError(error) }, 'the keys of personal data could not be wrapped anew');
    }
  }

  /** Begins the next epoch of keys now. Resolves when that is done and on record. */
  async rotate(by: Actor): Promise<{ readonly epoch: number; readonly keys: number }> {
    const { to, keys } = await this.vault.rotate();
    await this.#recordRotation(by);
    return { epoch: to, keys };
  }

  /** Records what only the ledger itself may say. An id that is on record already is not recorded again. */
  async record(event: {
    readonly id: string;
    readonly type: string;
    readonly actor: Actor;
    readonly subject: string;
    readonly tenant?: string | undefined;
    readonly data: JsonObject;
  }): Promise<number> {
    const { tenant, data, id, type, actor, subject } = event;
    const at = toIso(this.#options.clock.now());
    const own = tenant === undefined ? {} : { tenant };
    const entry = entryOf({ id, at, type, class: OCSF.entityManagement, actor, subject, ...own, data });
    return (await this.#ledger.sequencer.append([entry]))[0]!;
  }

  close(): Promise<void> {
    return this.vault.close();
  }

  async #recordRotation(by: Actor = SYSTEM): Promise<void> {
    const { owed } = this.vault;
    if (!owed) return;
    const { from, to, keys } = owed;
    const data = { from, to, keys };
    await this.record({ id: `kek.rotated/${to}`, type: 'kek.rotated', actor: by, subject: 'Vault', data });
    this.vault.settleRotation();
  }
}
