import type { ErrorClass, ErrorCounts } from '../../../src/observe/condition.ts';
import type { Failing } from './instance.ts';
import { shareAbove, triesPerCall } from './queueing.ts';

/** How one try goes: the chance that it fails, by why, and how long it takes. */
export class Chances {
  #passes = 1;
  readonly #weights = new Map<ErrorClass, number>();
  latencyMs = 0;

  add(cause: ErrorClass, share: number): void {
    if (share <= 0) return;
    this.#passes *= 1 - Math.min(1, share);
    this.#weights.set(cause, (this.#weights.get(cause) ?? 0) + share);
  }

  addAll(failing: readonly Failing[], tenant: string | null): void {
    for (const each of failing) {
      if (each.tenants && (tenant === null || !each.tenants.includes(tenant))) continue;
      this.add(each.class, each.errors);
      this.latencyMs += each.latencyMs;
    }
  }

  /** Whoever waits no longer than this gives up. */
  limit(timeoutMs: number): void {
    this.add('timeout', shareAbove(timeoutMs, this.latencyMs));
  }

  get failedShare(): number {
    return 1 - this.#passes;
  }

  get weights(): ReadonlyMap<ErrorClass, number> {
    return this.#weights;
  }

  copy(): Chances {
    const copy = new Chances();
    copy.#passes = this.#passes;
    copy.latencyMs = this.latencyMs;
    for (const [cause, weight] of this.#weights) copy.#weights.set(cause, weight);
    return copy;
  }
}

/** Failures by class, in the shares of their causes; the strongest takes what is left over. */
export function errorsOf(failed: number, weights: ReadonlyMap<ErrorClass, number>): ErrorCounts {
  if (failed <= 0) return {};
  const total = [...weights.values()].reduce((sum, each) => sum + each, 0);
  if (total <= 0) return { 'server-error': failed };
  const ordered = [...weights].sort((a, b) => b[1] - a[1]);
  const counts: Partial<Record<ErrorClass, number>> = {};
  let left = failed;
  for (const [cause, weight] of ordered.slice(1)) {
    const count = Math.min(left, Math.round((failed * weight) / total));
    if (count > 0) counts[cause] = count;
    left -= count;
  }
  if (left > 0) counts[ordered[0]![0]] = left;
  return counts;
}

/** A call with its retries, from the chances of one try. */
export function callOf(oneTry: Chances, timeoutMs: number, retries: number) {
  const failedShare = oneTry.failedShare;
  const tries = triesPerCall(failedShare, retries);
  // A try that fails by its time takes all of it; the others take what an answer takes.
  const answerMs = Math.min(oneTry.latencyMs, timeoutMs);
  const timeouts = oneTry.weights.get('timeout') ?? 0;
  const triedMs = (1 - Math.min(1, timeouts)) * answerMs + Math.min(1, timeouts) * timeoutMs;
  return { failedShare: failedShare ** (retries + 1), tries, latencyMs: triedMs * tries };
}
