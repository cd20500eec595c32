/** How a try ended, as far as it says something about the instance. */
export type TryVerdict = 'answered' | 'server-error' | 'unreachable' | 'broken' | 'timeout';

interface Streak {
  failures: number;
  times: number;
  untilMs: number;
}

const FAILURES_TO_EJECT = 3;
const STEP_MS = 1_000;
const CAP_MS = 30_000;
/** Two tenants that both see an instance fail make it the instance's fault. */
const TENANTS_TO_EJECT = 2;

const newStreak = (): Streak => ({ failures: 0, times: 0, untilMs: Number.NEGATIVE_INFINITY });

/**
 * Passive ejection of one instance: first for the tenant that sees it fail, then for all. It is a gateway's own quick
 * reflex, forgets by itself and never replaces the healing of the instance.
 */
export class Ejection {
  readonly #whole = newStreak();
  readonly #pairs = new Map<string, Streak>();

  /**
   * Takes note of a try. `silent` tells that the instance answered nobody since the try began while others did answer:
   * then a time-out ejects at once, as an unreachable instance is.
   */
  note(tenant: string, verdict: TryVerdict, nowMs: number, silent = false): void {
    if (verdict === 'answered') return this.#succeeded(tenant, nowMs);
    const pair = this.#pairs.get(tenant) ?? newStreak();
    this.#pairs.set(tenant, pair);
    fail(pair, nowMs, FAILURES_TO_EJECT);
    if (verdict === 'server-error') {
      this.#whole.failures = 0;
      if (this.#tenantsEjected(nowMs) >= TENANTS_TO_EJECT) fail(this.#whole, nowMs, 1);
      return;
    }
    fail(this.#whole, nowMs, verdict === 'unreachable' || silent ? 1 : FAILURES_TO_EJECT);
  }

  isEjected(nowMs: number): boolean {
    return nowMs < this.#whole.untilMs;
  }

  isEjectedFor(tenant: string, nowMs: number): boolean {
    return this.isEjected(nowMs) || nowMs < (this.#pairs.get(tenant)?.untilMs ?? nowMs);
  }

  #succeeded(tenant: string, nowMs: number): void {
    const pair = this.#pairs.get(tenant);
    if (pair && recover(pair, nowMs)) this.#pairs.delete(tenant);
    recover(this.#whole, nowMs);
  }

  #tenantsEjected(nowMs: number): number {
    let count = 0;
    for (const pair of this.#pairs.values()) if (nowMs < pair.untilMs) count += 1;
    return count;
  }
}

function fail(streak: Streak, nowMs: number, failuresToEject: number): void {
  streak.failures += 1;
  // Answers of tries that were under way when it was ejected add nothing.
  if (nowMs < streak.untilMs || streak.failures < failuresToEject) return;
  streak.times += 1;
  streak.failures = 0;
  streak.untilMs = nowMs + Math.min(STEP_MS * streak.times, CAP_MS);
}

/** True when nothing is left worth remembering. */
function recover(streak: Streak, nowMs: number): boolean {
  streak.failures = 0;
  if (nowMs - streak.untilMs > CAP_MS) streak.times = 0;
  return streak.times === 0;
}
