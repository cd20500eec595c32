import { type Clock, toIso } from '../base/clock.ts';
import { describeError, isFault } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { LIMITS } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { type Ledger, type NewEvent, OCSF } from '../ledger/entry.ts';
import type { LetterWriter } from '../ledger/letter-writer.ts';
import { AccessJournal } from './access-journal.ts';

const BATCH = 500;
const BEAT_MS = 100;
const APPEND_TIMEOUT_MS = 5_000;
const BACK_OFF_MAX_MS = 2_000;
/** A journal this large is rewritten without what was acknowledged; an idle one is emptied. */
const JOURNAL_BYTES_MAX = 8 * 1024 * 1024;

interface Record {
  readonly event: NewEvent;
  /** As it is in the journal, with its personal data in a letter. */
  readonly line: string;
}

interface Unwritten extends Record {
  /** Told whether the record is in the journal. */
  readonly journaled: ((ok: boolean) => void) | undefined;
}

export interface AccessRecorderOptions {
  readonly ordinal: number;
  readonly journalFile: string;
  readonly recordsMax: number;
  readonly ledger: Ledger;
  readonly letters: LetterWriter;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Brings access records to the ledger at least once, in batches, by way of a journal that outlives this process. Holds a
 * bounded number: a record that is required has a reserved place, others give way, oldest first, and are counted as lost.
 */
export class AccessRecorder {
  readonly #options: AccessRecorderOptions;
  readonly #journal: AccessJournal;
  readonly #cancelBeat: () => void;
  readonly #required: Record[] = [];
  readonly #optional: Record[] = [];
  /** The batch that is with the ledger now, or is sent again next. */
  #sending: Record[] = [];
  #unwritten: Unwritten[] = [];
  #writeScheduled = false;
  #journalFails = false;
  #reserved = 0;
  #lost = 0;
  #lostTotal = 0;
  #pauseUntilMs = 0;
  #pauseMs = 0;
  #rewriteAtBytes = JOURNAL_BYTES_MAX;
  #run: Promise<boolean> | undefined;
  #isClosed = false;

  /** Takes up what a former process left. Throws when the journal cannot be opened. */
  constructor(options: AccessRecorderOptions) {
    this.#options = options;
    const { journal, recovered } = AccessJournal.open(options.journalFile);
    this.#journal = journal;
    this.#lose(recovered.torn);
    // They were there first and cannot be asked whether they are required.
    for (const event of recovered.events) this.#required.push({ event, line: JSON.stringify(event) });
    this.#cancelBeat = options.clock.every(BEAT_MS, async () => {
      await this.#send();
    });
  }

  /** Records that wait for the ledger. */
  get waiting(): number {
    return this.#required.length + this.#optional.length + this.#sending.length;
  }

  /** Records lost since the process began. */
  get lostTotal(): number {
    return this.#lostTotal;
  }

  /**
   * A place for a record that must not be lost, personal data included; false when it could not be kept. Ends with
   * `recordRequired` or `release`.
   */
  reserve(): boolean {
    const kept = this.#required.length + this.#sending.length + this.#reserved;
    const { recordsMax, letters } = this.#options;
    if (this.#journalFails || kept >= recordsMax || !letters.isReady) return false;
    this.#reserved += 1;
    return true;
  }

  /** Gives a reserved place back. */
  release(): void {
    this.#reserved -= 1;
  }

  /** Keeps a record that has a reserved place. `journaled` is told, soon, whether a kill would now lose it. */
  recordRequired(event: NewEvent, journaled: (ok: boolean) => void): void {
    this.#reserved -= 1;
    const record = { event, line: this.#lineOf(event), journaled };
    if (this.waiting >= this.#options.recordsMax && this.#optional.shift()) this.#lose(1);
    this.#required.push(record);
    this.#write(record);
  }

  /** Keeps a record, or the newest of those that fit. */
  record(event: NewEvent): void {
    const record = { event, line: this.#lineOf(event), journaled: undefined };
    if (this.waiting + this.#reserved >= this.#options.recordsMax) {
      this.#lose(1);
      if (this.#optional.shift() === undefined) return;
    }
    this.#optional.push(record);
    this.#write(record);
  }

  /** Sends what waits, for at most `ms`; what is left then is in the journal for the next process. */
  async close(ms: number): Promise<void> {
    this.#cancelBeat();
    const { clock } = this.#options;
    const endMs = clock.monotonicMs() + ms;
    this.#writeNow();
    this.#pauseMs = 0;
    while (this.waiting > 0 && clock.monotonicMs() < endMs) {
      this.#pauseUntilMs = 0;
      const tookAll = await Promise.race([this.#send(), clock.sleep(endMs - clock.monotonicMs())]);
      if (!tookAll) await clock.sleep(Math.min(BEAT_MS, Math.max(0, endMs - clock.monotonicMs())));
    }
    this.#isClosed = true;
    this.#journal.close();
  }

  #lineOf(event: NewEvent): string {
    return JSON.stringify(this.#options.letters.enclose(event));
  }

  /** All records of one turn of the event loop are written at once. */
  #write(record: Unwritten): void {
    this.#unwritten.push(record);
    if (this.#writeScheduled) return;
    this.#writeScheduled = true;
    this.#options.clock.after(0, () => this.#writeNow());
  }

  #writeNow(): void {
    this.#writeScheduled = false;
    const batch = this.#unwritten;
    if (batch.length === 0) return;
    this.#unwritten = [];
    if (!this.#journalFails) this.#onJournal(() => this.#journal.append(batch.map((record) => record.line)));
    for (const { journaled } of batch) journaled?.(!this.#journalFails);
    // While the ledger is away, lines of records that gave way pile up.
    if (this.#journal.bytes > this.#rewriteAtBytes) this.#rewrite();
  }

  #onJournal(act: () => void): void {
    try {
      act();
      this.#journalFails = false;
    } catch (error) {
      if (!this.#journalFails) this.#options.log.error({ reason: describeError(error) }, 'journal.unwritable');
      this.#journalFails = true;
    }
  }

  /** Makes the journal anew from memory; also the cure after a failure, when it may end in half a line. */
  #rewrite(): void {
    this.#onJournal(() => {
      this.#journal.rewrite([...this.#sending, ...this.#required, ...this.#optional].map((record) => record.line));
      this.#rewriteAtBytes = Math.max(JOURNAL_BYTES_MAX, 2 * this.#journal.bytes);
    });
  }

  /** False when the ledger took nothing. One run at a time. */
  #send(): Promise<boolean> {
    this.#run ??= this.#sendAll().finally(() => {
      this.#run = undefined;
    });
    return this.#run;
  }

  /** Sends batch after batch until less than one is left. */
  async #sendAll(): Promise<boolean> {
    const { clock, ledger } = this.#options;
    if (this.#journalFails && !this.#isClosed) this.#rewrite();
    if (clock.monotonicMs() < this.#pauseUntilMs) return false;
    try {
      do {
        this.#nextBatch();
        if (this.#sending.length === 0) break;
        await ledger.append(
          this.#sending.map((record) => record.event),
          clock.deadline(APPEND_TIMEOUT_MS),
        );
        this.#sending = [];
        this.#pauseMs = 0;
        this.#reportLost();
        this.#trim();
      } while (this.waiting >= BATCH);
      return true;
    } catch (error) {
      this.#backOff(error);
      return false;
    }
  }

  #backOff(error: unknown): void {
    const { clock, log } = this.#options;
    if (isFault(error, 'ledger.entry-too-large')) this.#dropOversize();
    if (this.#pauseMs === 0) log.warn({ reason: describeError(error), waiting: this.waiting }, 'records.waiting');
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, BEAT_MS), BACK_OFF_MAX_MS);
    this.#pauseUntilMs = clock.monotonicMs() + this.#pauseMs;
  }

  #nextBatch(): void {
    if (this.#sending.length > 0) return;
    const required = this.#required.splice(0, BATCH);
    this.#sending = [...required, ...this.#optional.splice(0, BATCH - required.length)];
  }

  /** Names and numbers only, so none should be: but one must not stop all others. */
  #dropOversize(): void {
    const fits = this.#sending.filter((record) => Buffer.byteLength(record.line) < LIMITS.ledgerEntryBytes);
    this.#lose(this.#sending.length - fits.length);
    this.#sending = fits;
  }

  #trim(): void {
    if (this.#isClosed) return;
    // What is not written yet comes after this; it must not be both rewritten and appended.
    this.#writeNow();
    if (this.#journal.bytes === 0 || this.#journalFails) return;
    if (this.waiting === 0 || this.#journal.bytes > this.#rewriteAtBytes) this.#rewrite();
  }

  #lose(count: number): void {
    this.#lost += count;
    this.#lostTotal += count;
  }

  #reportLost(): void {
    if (this.#lost === 0) return;
    const { ordinal, clock, random } = this.#options;
    const count = this.#lost;
    this.#lost = 0;
    this.record({
      id: newId('evt', random),
      at: toIso(clock.now()),
      type: 'records.lost',
      class: OCSF.apiActivity,
      actor: { kind: 'system', name: `gateway-${ordinal}` },
      subject: `Gateway/${ordinal}`,
      data: { count, gateway: ordinal },
    });
  }
}
