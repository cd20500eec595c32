import { InvariantError } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { describeError, isFault } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { MoveName } from '../resources/playbook.ts';
import type { Fleet } from './fleet.ts';
import { type JournalEntry, type JournalEvent, resumePoint } from './journal.ts';
import type { Move } from './move.ts';
import type { Outcome, Plan, Step, Verdict } from './plan.ts';
import { type Reading, soak } from './verification.ts';

/** Where repairs are kept. Every write is fenced by the leader's epoch and reaches the ledger with it. */
export interface RepairStore {
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
  /** The independent signal at the level of the user, for this plan and from this time on. */
  readonly signalOf: (plan: Plan, step: Step, since: number) => () => Reading;
  /** Judges the plan again on the world as it is now. */
  readonly rejudge: (plan: Plan, moveIndex: number) => Promise<readonly Verdict[]>;
}

export interface Executor {
  /**
   * Runs a repair from wherever its journal stands to its end, or until `signal` aborts (this replica no longer leads) or
   * a write is refused: then it resolves with undefined and whoever leads next goes on from the journal.
   */
  run(repair: string, plan: Plan, epoch: number, signal: AbortSignal): Promise<Outcome | undefined>;
}

/** Faults that say nothing about the repair: state cannot be written now, or another leads. */
const INTERRUPTIONS = ['postgres.unreachable', 'lease.lost', 'lease.stale', 'keeper.unreachable'] as const;

export function createExecutor(options: ExecutorOptions): Executor {
  return {
    async run(repair, plan, epoch, signal) {
      const run = new RepairRun(options, repair, plan, epoch, signal);
      try {
        return await run.toItsEnd();
      } catch (error) {
        if (signal.aborted || INTERRUPTIONS.some((code) => isFault(error, code))) return undefined;
        throw error;
      }
    },
  };
}

/** One repair under way. All of its state is in the journal; this object may vanish at any line. */
class RepairRun {
  readonly #options: ExecutorOptions;
  readonly #repair: string;
  readonly #plan: Plan;
  readonly #epoch: number;
  readonly #signal: AbortSignal;
  #journal: readonly JournalEntry[] = [];

  constructor(options: ExecutorOptions, repair: string, plan: Plan, epoch: number, signal: AbortSignal) {
    this.#options = options;
    this.#repair = repair;
    this.#plan = plan;
    this.#epoch = epoch;
    this.#signal = signal;
  }

  async toItsEnd(): Promise<Outcome | undefined> {
    this.#journal = await this.#options.store.read(this.#repair);
    for (;;) {
      this.#signal.throwIfAborted();
      const point = resumePoint(this.#journal, this.#plan.needsApproval);
      switch (point.at) {
        case 'wait':
          return undefined;
        case 'apply': {
          const refusal = await this.#refusalBefore(point.moveIndex);
          if (refusal) return this.#end(point.moveIndex === 0 ? 'refused' : 'unwound', refusal);
          await this.#apply(point.moveIndex);
          break;
        }
        case 'verify': {
          const outcome = await this.#verify(point.moveIndex);
          if (outcome) return outcome;
          break;
        }
        case 'undo':
          await this.#undo(point.moveIndex);
          break;
        case 'climb': {
          if (point.moveIndex >= this.#plan.steps.length) return this.#end('unwound', 'no step of the ladder held');
          const refusal = await this.#refusalBefore(point.moveIndex);
          if (refusal) return this.#end('unwound', refusal);
          await this.#apply(point.moveIndex);
          break;
        }
        case 'stuck':
          return this.#end('stuck', 'an undo failed; a person is needed');
        case 'end':
          return this.#end('healed', 'verified');
        case 'over':
          // Ended by a write whose answer was lost.
          return point.outcome;
      }
    }
  }

  /** A move that has an intent goes on; one that has none is judged again on the world as it is now. */
  async #refusalBefore(moveIndex: number): Promise<string | undefined> {
    const begun = this.#journal.some((entry) => entry.event === 'intent' && entry.moveIndex === moveIndex);
    if (begun) return undefined;
    const denied = (await this.#options.rejudge(this.#plan, moveIndex)).find((verdict) => verdict.kind === 'deny');
    return denied && `${denied.guard}: ${denied.reason}`;
  }

  async #apply(moveIndex: number): Promise<void> {
    const step = this.#step(moveIndex);
    const move = this.#move(step);
    const last = this.#journal.at(-1);
    if (last?.event !== 'intent' || last.moveIndex !== moveIndex) {
      await this.#write(moveIndex, 'intent', { move: step.move, effect: step.effect });
    }
    try {
      const output = await move.apply(step.input, this.#context(moveIndex, 'apply', move.deadlineMs));
      await this.#write(moveIndex, 'applied', { move: step.move, ...output });
    } catch (error) {
      this.#rethrowInterruption(error);
      await this.#write(moveIndex, 'apply-failed', { move: step.move, reason: describeError(error) });
    }
  }

  async #verify(moveIndex: number): Promise<Outcome | undefined> {
    const step = this.#step(moveIndex);
    if (this.#move(step).escalates) return this.#end('escalated', this.#callResult());
    const { clock, signalOf } = this.#options;
    const result = await soak({
      read: signalOf(this.#plan, step, clock.now()),
      soakMs: step.soakMs,
      withinMs: step.verifyWithinMs,
      clock,
      signal: this.#signal,
    });
    if (result === 'good') {
      await this.#write(moveIndex, 'verified', { move: step.move, soakMs: step.soakMs });
      return this.#end('healed', `the tenants' requests were good for ${step.soakMs} ms`);
    }
    await this.#write(moveIndex, 'verify-failed', { move: step.move, result });
    return undefined;
  }

  /** Says only what is known: without a webhook, or when it refused, a person is needed and was not reached. */
  #callResult(): string {
    const isDelivered = this.#journal.at(-1)?.data['delivered'] === true;
    return isDelivered ? 'a person was called' : 'a person is needed, and no webhook took the call';
  }

  async #undo(moveIndex: number): Promise<void> {
    const step = this.#step(moveIndex);
    const move = this.#move(step);
    if (this.#journal.at(-1)?.event !== 'undo-intent') await this.#write(moveIndex, 'undo-intent', { move: step.move });
    try {
      await move.undo(step.input, this.#context(moveIndex, 'undo', move.deadlineMs));
      await this.#write(moveIndex, 'undone', { move: step.move });
    } catch (error) {
      this.#rethrowInterruption(error);
      await this.#write(moveIndex, 'undo-failed', { move: step.move, reason: describeError(error) });
    }
  }

  async #end(outcome: Outcome, reason: string): Promise<Outcome> {
    await this.#options.store.end(this.#repair, this.#plan, outcome, reason);
    return outcome;
  }

  async #write(moveIndex: number, event: JournalEvent, data: JsonObject): Promise<void> {
    const entry = await this.#options.store.append(this.#repair, this.#plan, { moveIndex, event, data });
    this.#journal = [...this.#journal, entry];
  }

  #context(moveIndex: number, verb: 'apply' | 'undo', deadlineMs: number) {
    return {
      key: `${this.#repair}:${moveIndex}:${verb}`,
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

  #step(moveIndex: number): Step {
    const step = this.#plan.steps[moveIndex];
    if (!step) throw new InvariantError(`plan ${this.#plan.id} has no step ${moveIndex}`);
    return step;
  }

  #move(step: Step): Move {
    const move = this.#options.moves.get(step.move);
    if (!move) throw new InvariantError(`there is no move ${step.move}`);
    return move;
  }
}
