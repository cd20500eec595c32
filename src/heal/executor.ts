import { InvariantError } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { describeError, isFault } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { MoveName } from '../resources/playbook.ts';
import type { Fleet } from './fleet.ts';
import { type JournalEntry, type JournalEvent, type ResumePoint, resumePoint } from './journal.ts';
import type { Move } from './move.ts';
import type { Outcome, Plan, Step, Verdict } from './plan.ts';
import { type Signal, soak, timesOf } from './verification.ts';

/** Where repairs are kept. Every write is fenced by the leader's epoch and reaches the ledger with it. */
export interface RepairStore {
  /** The epoch is that of the call, not of the commit: a write that began while this replica led is of that leader. */
  append(repair: string, plan: Plan, entry: Omit<JournalEntry, 'seq' | 'at'>): Promise<JournalEntry>;
  read(repair: string): Promise<readonly JournalEntry[]>;
  /** Ends the repair, frees its target and tells the incident. */
  end(repair: string, plan: Plan, outcome: Outcome, reason: string): Promise<void>;
}

export interface ExecutorOptions {
  readonly moves: ReadonlyMap<MoveName, Move>;
  readonly fleet: Fleet;
  readonly store: RepairStore;
  readonly clock: Clock;
  /** The independent signal at the level of the user, for the steps of one rung and from this time on. */
  readonly signalOf: (plan: Plan, steps: readonly Step[], since: number) => Signal;
  /** Judges the plan again on the world as it is now. */
  readonly rejudge: (plan: Plan, moveIndex: number) => Promise<readonly Verdict[]>;
}

export interface Executor {
  /**
   * Runs a repair from wherever its journal stands to its end, or until it waits for people, or until `signal` aborts
   * (this replica no longer leads) or a write is refused: then it resolves with undefined and whoever leads next, or is
   * told what people said, goes on from the journal.
   *
   * What people say is written into the journal by others. It counts at the next safe point, which is between two steps:
   * a step that has an intent is finished, nothing new is begun, and what the rung did is undone. A stop or a freeze that
   * comes meanwhile is a guard's no before the next step and has the same effect; a verification goes on under it.
   */
  run(repair: string, plan: Plan, epoch: number, signal: AbortSignal): Promise<Outcome | undefined>;
  /** Something was written into the journal of this repair: a verification that is under way looks at it at once. */
  wake(repair: string): void;
}

/** Faults that say nothing about the repair: state cannot be written now, or another leads. */
const INTERRUPTIONS = ['postgres.unreachable', 'lease.lost', 'lease.stale', 'keeper.unreachable'] as const;

/** How long a call for a person may take after an undo failed. */
const CALL_MS = 10_000;

export function createExecutor(options: ExecutorOptions): Executor {
  const running = new Map<string, RepairRun>();
  return {
    async run(repair, plan, epoch, signal) {
      const run = new RepairRun(options, repair, plan, epoch, signal);
      running.set(repair, run);
      try {
        return await run.toItsEnd();
      } catch (error) {
        if (signal.aborted || INTERRUPTIONS.some((code) => isFault(error, code))) return undefined;
        throw error;
      } finally {
        if (running.get(repair) === run) running.delete(repair);
      }
    },
    wake: (repair) => running.get(repair)?.wake(),
  };
}

/** The points at which something is done for one step. */
type StepPoint = Extract<ResumePoint, { readonly moveIndex: number }>;

/** One repair under way. All of its state is in the journal; this object may vanish at any line. */
class RepairRun {
  readonly #options: ExecutorOptions;
  readonly #repair: string;
  readonly #plan: Plan;
  readonly #epoch: number;
  readonly #signal: AbortSignal;
  #woken = new AbortController();

  constructor(options: ExecutorOptions, repair: string, plan: Plan, epoch: number, signal: AbortSignal) {
    this.#options = options;
    this.#repair = repair;
    this.#plan = plan;
    this.#epoch = epoch;
    this.#signal = signal;
  }

  wake(): void {
    this.#woken.abort();
  }

  async toItsEnd(): Promise<Outcome | undefined> {
    for (;;) {
      this.#signal.throwIfAborted();
      // Before the journal is read, so that what is written after the reading is not slept through.
      this.#woken = new AbortController();
      const journal = await this.#options.store.read(this.#repair);
      const point = resumePoint(journal, this.#plan);
      if (point.at === 'wait') return undefined;
      // Ended by a write whose answer was lost.
      if (point.at === 'over') return point.outcome;
      if (point.at === 'end') return this.#end(point.outcome, point.reason);
      if (point.at === 'verify' && this.#escalates(point.moveIndex)) return this.#end('escalated', callResult(journal));
      await this.#step(point.at, point.moveIndex);
    }
  }

  async #step(at: StepPoint['at'], moveIndex: number): Promise<void> {
    switch (at) {
      case 'begin':
        return this.#begin(moveIndex);
      case 'apply':
        return this.#apply(moveIndex);
      case 'verify':
        return this.#verify(moveIndex);
      case 'begin-undo':
        await this.#write(moveIndex, 'undo-intent', { move: this.#stepAt(moveIndex).move });
        return this.#undo(moveIndex);
      case 'undo':
        return this.#undo(moveIndex);
      case 'keep':
        return this.#write(moveIndex, 'kept', { move: this.#stepAt(moveIndex).move });
      case 'call':
        return this.#call(moveIndex);
    }
  }

  /** What has an intent goes on; what has none is judged again on the world as it is now. */
  async #begin(moveIndex: number): Promise<void> {
    const denied = (await this.#options.rejudge(this.#plan, moveIndex)).find((verdict) => verdict.kind === 'deny');
    if (denied) {
      const { guard, reason, tenants } = denied;
      return this.#write(moveIndex, 'denied', { guard, reason, ...(tenants ? { tenants } : {}) });
    }
    const { move, effect } = this.#stepAt(moveIndex);
    await this.#write(moveIndex, 'intent', { move, effect });
    await this.#apply(moveIndex);
  }

  async #apply(moveIndex: number): Promise<void> {
    const step = this.#stepAt(moveIndex);
    const move = this.#moveOf(step);
    try {
      const output = await move.apply(step.input, this.#context(`${moveIndex}:apply`, move.deadlineMs));
      await this.#write(moveIndex, 'applied', { move: step.move, ...output });
    } catch (error) {
      this.#rethrowInterruption(error);
      await this.#write(moveIndex, 'apply-failed', { move: step.move, reason: describeError(error) });
    }
  }

  async #verify(moveIndex: number): Promise<void> {
    const { clock, signalOf } = this.#options;
    const { move } = this.#stepAt(moveIndex);
    const steps = this.#rungOf(moveIndex);
    const { soakMs, withinMs } = timesOf(this.#plan.cause, steps);
    const signal = AbortSignal.any([this.#signal, this.#woken.signal]);
    try {
      const of = signalOf(this.#plan, steps, clock.now());
      const result = await soak({ of, soakMs, withinMs, clock, signal });
      if (result === 'good') await this.#write(moveIndex, 'verified', { move, soakMs });
      else await this.#write(moveIndex, 'verify-failed', { move, result });
    } catch (error) {
      // Somebody said something meanwhile: the journal is read again, and perhaps the soak begins anew.
      if (this.#signal.aborted || !this.#woken.signal.aborted) throw error;
    }
  }

  async #undo(moveIndex: number): Promise<void> {
    const step = this.#stepAt(moveIndex);
    const move = this.#moveOf(step);
    try {
      await move.undo(step.input, this.#context(`${moveIndex}:undo`, move.deadlineMs));
      await this.#write(moveIndex, 'undone', { move: step.move });
    } catch (error) {
      this.#rethrowInterruption(error);
      await this.#write(moveIndex, 'undo-failed', { move: step.move, reason: describeError(error) });
    }
  }

  /** The failed undo in the journal is the intent of this call. */
  async #call(moveIndex: number): Promise<void> {
    const { fleet } = this.#options;
    const { incident, summary } = this.#plan;
    const said = `${summary}; a repair of it could not be undone and is stuck`;
    let isDelivered = false;
    try {
      const context = this.#context('stuck', CALL_MS);
      isDelivered = (await fleet.page({ incident, summary: said }, context)).delivered;
    } catch (error) {
      this.#rethrowInterruption(error);
    }
    await this.#write(moveIndex, 'called', { delivered: isDelivered });
  }

  async #end(outcome: Outcome, reason: string): Promise<Outcome> {
    this.#signal.throwIfAborted();
    await this.#options.store.end(this.#repair, this.#plan, outcome, reason);
    return outcome;
  }

  /** The signal is looked at here and not only between steps: it aborts before this process can lead once more. */
  async #write(moveIndex: number, event: JournalEvent, data: JsonObject): Promise<void> {
    this.#signal.throwIfAborted();
    await this.#options.store.append(this.#repair, this.#plan, { moveIndex, event, data });
  }

  #context(act: string, deadlineMs: number) {
    return {
      key: `${this.#repair}:${act}`,
      epoch: this.#epoch,
      signal: this.#options.clock.deadline(deadlineMs, this.#signal),
      fleet: this.#options.fleet,
    };
  }

  /** Only a fault of the move itself counts against it. A broken invariant ends the whole run. */
  #rethrowInterruption(error: unknown): void {
    if (this.#signal.aborted || error instanceof InvariantError) throw error;
    if (INTERRUPTIONS.some((code) => isFault(error, code))) throw error;
  }

  /** A rung that calls a person ends with the call: what else it did stays, and is judged by that person. */
  #escalates(moveIndex: number): boolean {
    return this.#rungOf(moveIndex).some((step) => this.#moveOf(step).escalates === true);
  }

  #rungOf(moveIndex: number): readonly Step[] {
    const { rung } = this.#stepAt(moveIndex);
    return this.#plan.steps.filter((step) => step.rung === rung);
  }

  #stepAt(moveIndex: number): Step {
    const step = this.#plan.steps[moveIndex];
    if (!step) throw new InvariantError(`plan ${this.#plan.id} has no step ${moveIndex}`);
    return step;
  }

  #moveOf(step: Step): Move {
    const move = this.#options.moves.get(step.move);
    if (!move) throw new InvariantError(`there is no move ${step.move}`);
    return move;
  }
}

/** Says only what is known: without a webhook, or when it refused, a person is needed and was not reached. */
function callResult(journal: readonly JournalEntry[]): string {
  const isDelivered = journal.some(({ event, data }) => event === 'applied' && data['delivered'] === true);
  return isDelivered ? 'a person was called' : 'a person is needed, and no webhook took the call';
}
