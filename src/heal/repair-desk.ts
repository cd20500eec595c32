import type { Clock } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Executor } from './executor.ts';
import { budgetScopes, overlaps } from './guards/target.ts';
import { approvalsNeeded, approversOf, isSamePerson, type JournalEvent, resumePoint } from './journal.ts';
import type { Memory, OpenRepair } from './memory.ts';
import { planHash } from './plan-hash.ts';
import type { Outcome, Plan } from './plan.ts';

/** A repair that was broken off goes on after this time: the keeper or the database were away for a moment. */
const GO_ON_AFTER_MS = 1_000;

/** What a repair holds: its target, and the workloads whose slots it gives other occupants. */
function targetsOf({ target, steps }: Plan): readonly string[] {
  const filled = steps.flatMap(({ touch, input }) =>
    touch.instances.length > 0 && typeof input['workload'] === 'string' ? [`workload ${input['workload']}`] : [],
  );
  return [target, ...filled];
}

export interface RepairDeskOptions {
  readonly memory: Memory;
  readonly executor: Executor;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called when a repair begins, here or by a takeover, and when it has ended. */
  readonly onBegin: (repair: string, plan: Plan) => void;
  readonly onEnd: (repair: string, plan: Plan) => Promise<void>;
  /** Called when a repair began or ended: the loop looks again. */
  readonly onChange: () => void;
}

/** Under which lead something is done, and until when it is held. */
export interface Leader {
  readonly epoch: number;
  readonly signal: AbortSignal;
}

/** The repairs that have not ended: opens them, runs them, goes on with those of a former leader. */
export class RepairDesk {
  readonly #options: RepairDeskOptions;
  readonly #open = new Map<string, Plan>();
  readonly #running = new Map<string, Promise<unknown>>();
  /** Since when this process has been at work on each. */
  readonly #since = new Map<string, number>();

  constructor(options: RepairDeskOptions) {
    this.#options = options;
  }

  isRepairing(incident: string): boolean {
    return [...this.#open.values()].some((plan) => plan.incident === incident);
  }

  /** Whether a repair has this target, something in it, or what contains it. */
  holds(target: string): boolean {
    return [...this.#open.values()].some((plan) => targetsOf(plan).some((each) => overlaps(each, target)));
  }

  /** Reads the repairs that a former leader left and goes on with each from its journal. */
  async resume(epoch: number, signal: AbortSignal): Promise<void> {
    // Until they are read, those of before count: what is being repaired has not recovered.
    const left = await this.#options.memory.readOpenRepairs();
    this.#open.clear();
    for (const repair of left) this.#run(repair, epoch, signal);
  }

  /** Keeps the plan, takes its target and its budget, and begins. A target that was taken meanwhile is left alone. */
  async begin(plan: Plan, signal: AbortSignal): Promise<void> {
    const { memory, random } = this.#options;
    const id = newId('rep', random);
    const epoch = await memory.beginRepair(id, plan, budgetScopes(plan));
    this.#run({ id, plan }, epoch, signal);
  }

  /**
   * A person approves exactly the plan with this hash. Where nothing can be taken back two different people have to;
   * resolves with how many are still missing. Throws `approval.invalid` when the plan is another, has expired, or was
   * approved by the same person before.
   */
  async approve(planId: string, hash: string, by: string, leader: Leader): Promise<{ readonly missing: number }> {
    const { memory, clock } = this.#options;
    const repair = await this.#ofPlan(planId);
    const { plan } = repair;
    if (planHash(plan) !== hash) throw new KinError('approval.invalid', `plan ${planId} has another hash`);
    if (clock.now() > plan.expiresAt) throw new KinError('approval.invalid', `plan ${planId} has expired`);
    const approvers = approversOf(await memory.read(repair.id));
    if (approvers.some((each) => isSamePerson(each, by)))
      throw new KinError('approval.invalid', `${by} has approved plan ${planId} before`);
    await this.#say(repair, 'approved', { by, hash }, leader);
    return { missing: Math.max(0, approvalsNeeded(plan) - approvers.length - 1) };
  }

  /** A person refuses a plan that waits: it ends as refused, and its target is free. */
  async reject(planId: string, by: string, reason: string, leader: Leader): Promise<void> {
    await this.#say(await this.#ofPlan(planId), 'rejected', { by, reason }, leader);
  }

  /** A person ends a repair: a step that is under way is finished, nothing new is begun, what was done is undone. */
  async cancel(repairId: string, by: string, reason: string, leader: Leader): Promise<void> {
    const repair = (await this.#options.memory.readOpenRepairs()).find((each) => each.id === repairId);
    if (!repair) throw new KinError('resource.unknown', `no repair ${repairId} is under way`);
    await this.#say(repair, 'cancelled', { by, reason }, leader);
  }

  async #ofPlan(planId: string): Promise<OpenRepair> {
    const repair = (await this.#options.memory.readOpenRepairs()).find((each) => each.plan.id === planId);
    if (!repair) throw new KinError('resource.unknown', `no open repair has plan ${planId}`);
    return repair;
  }

  /** What people say stands in the journal; a repair that waits goes on with it, and one that runs hears of it. */
  async #say(repair: OpenRepair, event: JournalEvent, data: JsonObject, { epoch, signal }: Leader): Promise<void> {
    const { memory, executor } = this.#options;
    await memory.append(repair.id, repair.plan, { moveIndex: 0, event, data });
    executor.wake(repair.id);
    this.#run(repair, epoch, signal);
  }

  /** Plans that waited for a person until they expired are refused: their targets are free again. */
  async expire(): Promise<void> {
    const { clock, memory, onChange } = this.#options;
    for (const [id, plan] of this.#open) {
      if (!plan.needsApproval || this.#running.has(id) || clock.now() <= plan.expiresAt) continue;
      await memory.end(id, plan, 'refused', 'nobody approved it in time');
      this.#open.delete(id);
      onChange();
    }
  }

  /** Repairs of this process that have been at work for longer than any of their steps may take, waits apart. */
  overdue(): number {
    const now = this.#options.clock.now();
    return [...this.#since].filter(([id, since]) => now - since > longestMs(this.#open.get(id))).length;
  }

  /** Resolves when no repair is under way in this process any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running.values());
  }

  #run(repair: OpenRepair, epoch: number, signal: AbortSignal): void {
    const { executor, log, onChange, onBegin, onEnd } = this.#options;
    this.#open.set(repair.id, repair.plan);
    if (this.#running.has(repair.id)) return;
    onBegin(repair.id, repair.plan);
    this.#since.set(repair.id, this.#options.clock.now());
    const done = executor
      .run(repair.id, repair.plan, epoch, signal)
      .then(async (outcome: Outcome | undefined) => {
        if (outcome !== undefined) {
          await onEnd(repair.id, repair.plan);
          // What was read of the incident before now is old: nobody may decide on it once the repair is let go.
          onChange();
          this.#open.delete(repair.id);
        }
        log.info({ repair: repair.id, incident: repair.plan.incident, outcome: outcome ?? 'not ended' }, 'repair');
      })
      .catch((error: unknown) => log.error({ err: error, repair: repair.id }, 'a repair broke an invariant'))
      .finally(() => {
        this.#running.delete(repair.id);
        this.#since.delete(repair.id);
        void this.#goOn(repair, epoch, signal);
        onChange();
      });
    this.#running.set(repair.id, done);
    onChange();
  }

  /** While this replica leads, a repair that has not ended and waits for nobody is taken up again from its journal. */
  async #goOn(repair: OpenRepair, epoch: number, signal: AbortSignal): Promise<void> {
    const { clock, memory } = this.#options;
    const isLeft = () => this.#open.has(repair.id) && !this.#running.has(repair.id);
    while (isLeft() && !signal.aborted) {
      try {
        await clock.sleep(GO_ON_AFTER_MS, signal);
        const point = resumePoint(await memory.read(repair.id), repair.plan);
        if (point.at === 'wait' || !isLeft()) return;
        return this.#run(repair, epoch, signal);
      } catch {
        // Still away, or another leads by now: the loop ends or tries again.
      }
    }
  }
}

/** A move has a deadline of minutes and a proof of its own time: a repair that takes longer than all of them hangs. */
const STEP_MS_MAX = 10 * 60_000;

function longestMs(plan: Plan | undefined): number {
  return (plan?.steps ?? []).reduce((sum, step) => sum + STEP_MS_MAX + step.verifyWithinMs, 0);
}
