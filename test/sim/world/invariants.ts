import type { MoveContext } from '../../../src/heal/move.ts';
import type { Plan } from '../../../src/heal/plan.ts';
import type { Stop } from '../../../src/heal/situation.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { partsOf, type KnownRepair } from './act-book.ts';
import type { LeaseTable } from './lease-table.ts';
import type { Violation } from './trial.ts';

/** As many of the same are told; more say nothing new. */
const TOLD_MAX = 20;
/** A third of a workload, and never less than one, may be taken away at once. */
const AWAY_SHARE = 1 / 3;

/** What must never happen, whatever happens. Each check stands for itself and trusts nothing that it checks. */
export class Invariants {
  readonly #violations: Violation[] = [];
  readonly #startAt: number;

  constructor(startAt: number) {
    this.#startAt = startAt;
  }

  get violations(): readonly Violation[] {
    return this.#violations;
  }

  /** Tells of a violation, a few times of each kind. */
  violated(invariant: string, what: string, now: number): void {
    if (this.#violations.filter((each) => each.invariant === invariant).length >= TOLD_MAX) return;
    this.#violations.push({ at: now - this.#startAt, invariant, what });
  }

  /** sent = ok + failed + limited + refused */
  conserved(sent: number, parts: readonly number[], now: number): void {
    const sum = parts.reduce((all, each) => all + each, 0);
    if (sum === sent && parts.every((each) => each >= 0 && Number.isInteger(each))) return;
    this.violated('conservation of requests', `${sent} were sent, ${parts.join(' + ')} were counted`, now);
  }

  /** Right before something is done to the world. */
  effect(context: MoveContext, lease: LeaseTable, stops: readonly Stop[], known: KnownRepair | undefined, now: number) {
    if (context.epoch !== lease.epoch) {
      this.violated('no act by a stale leader', `${context.key} under epoch ${context.epoch} of ${lease.epoch}`, now);
    }
    const parts = partsOf(context.key);
    if (!parts || !known) return;
    const wanted = parts.verb === 'apply' ? 'intent' : 'undo-intent';
    const intent = known.journal.find((each) => each.event === wanted && each.moveIndex === parts.moveIndex);
    if (!intent) return this.violated('intent before effect', `${context.key} has no ${wanted}`, now);
    this.#whileStopped(context.key, Date.parse(intent.at), parts.verb, stops, now);
    this.#unapproved(known, parts.moveIndex, now);
  }

  /** A step that was begun before the stop may end, and what was done may be taken back. */
  #whileStopped(key: string, intentAt: number, verb: string, stops: readonly Stop[], now: number): void {
    if (verb === 'undo') return;
    const stop = stops.find(
      (each) => each.scope === 'global' && Number(each.id.split(' ').at(-1)) < intentAt && !isOver(each, now),
    );
    if (stop) this.violated('no act while stopped', `${key} was begun during the stop of ${stop.by}`, now);
  }

  #unapproved({ plan, journal }: KnownRepair, moveIndex: number, now: number): void {
    if (!plan.needsApproval || plan.steps[moveIndex]?.move === 'page') return;
    const approvers = new Set(journal.filter((each) => each.event === 'approved').map((each) => each.data['by']));
    const isReversible = plan.steps.every((step) => step.touch.reversible);
    if (approvers.size >= (isReversible ? 1 : 2)) return;
    this.violated('no act without leave', `${plan.id} was approved by ${approvers.size}`, now);
  }

  /** Who the law asks about: each tenant of the plan, where it will stand. */
  lawful(scenario: Scenario, tenant: string, region: string, what: string, now: number): void {
    const words = scenario.fleet.tenants[tenant];
    if (!words || words.regions.includes(region)) return;
    const isStrict = words.profiles.some((name) => (scenario.profiles[name]?.residency ?? 'strict') === 'strict');
    if (isStrict) this.violated('no unlawful act', `${what} puts ${tenant} into ${region}`, now);
  }

  /** Profiles that ask for a person. */
  asked(scenario: Scenario, known: KnownRepair, moveIndex: number, now: number): void {
    const step = known.plan.steps[moveIndex];
    if (!step || known.plan.needsApproval) return;
    for (const tenant of step.touch.tenants) {
      const profiles = scenario.fleet.tenants[tenant]?.profiles ?? [];
      const asks = profiles.find((name) => scenario.profiles[name]?.needsApproval.includes(step.move));
      if (asks === undefined) continue;
      return this.violated('no unlawful act', `${asks} asks for a person before ${step.move} for ${tenant}`, now);
    }
  }

  /** A serving instance is about to be taken away, and this many of its workload are away already. */
  takenAway(workload: string, alreadyAway: number, slots: number, now: number): void {
    const max = Math.max(1, Math.floor(slots * AWAY_SHARE));
    if (alreadyAway + 1 <= max) return;
    const what = `${alreadyAway + 1} of ${slots} instances of ${workload} are taken away, ${max} may be`;
    this.violated('blast radius', what, now);
  }

  /** A repair begins beside those that are open. */
  begun(plan: Plan, open: readonly Plan[], now: number): void {
    const other = open.find((each) => each.target === plan.target || within(each.target, plan.target));
    if (other) this.violated('one repair per target', `${plan.target} is held by a repair of ${other.target}`, now);
  }

  budget(scope: string, tokens: number, now: number): void {
    if (tokens < -1e-6) this.violated('budgets are never exceeded', `${scope} has ${tokens.toFixed(2)} tokens`, now);
  }

  unended(repair: string, sinceMs: number, now: number): void {
    this.violated('every repair ends', `${repair} has not ended for ${Math.round(sinceMs / 60_000)} min`, now);
  }
}

function isOver(stop: Stop, now: number): boolean {
  return stop.expiresAt !== null && stop.expiresAt <= now;
}

/** `workload records` and `slot records/eu/0` are in each other's way. */
function within(a: string, b: string): boolean {
  const inside = (outer: string, inner: string) =>
    outer.startsWith('workload ') && inner.startsWith(`slot ${outer.slice('workload '.length)}/`);
  return inside(a, b) || inside(b, a);
}
