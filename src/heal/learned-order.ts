import type { Cause, MoveName } from '../resources/playbook.ts';

/** How often a move was tried on a cause, how often it healed, and what it cost. */
export interface MoveRecord {
  readonly tried: number;
  readonly healed: number;
  /** Requests that failed because of it, in all. */
  readonly harm: number;
}

/** By `CAUSE MOVE`. */
export type Learned = Readonly<Record<string, MoveRecord>>;

/** With fewer tries nothing is known. */
const TRIES_MIN = 5;
/** Of a normal distribution: 95 % of what is true lies within. */
const Z = 1.96;

export function recordKey(cause: Cause, move: MoveName): string {
  return `${cause} ${move}`;
}

/**
 * The rungs of a ladder, those that have shown to heal more before those that have shown to heal less. Cautious: two rungs
 * change places only when both were tried at least five times, their 95 % intervals do not meet, and the better one did
 * not do more harm a try. Nothing is tried in order to learn, a rung without a record keeps its place, and a call to a
 * person stays where it is. Pure; the same counts give the same order.
 */
export function inLearnedOrder<R extends { readonly move: MoveName }>(
  cause: Cause,
  ladder: readonly R[],
  learned: Learned,
): readonly R[] {
  const order = [...ladder];
  // Neighbours change places until none has to: as many passes as rungs are enough.
  for (let pass = 0; pass < order.length; pass++) {
    for (let i = 0; i + 1 < order.length; i++) {
      const [one, next] = [order[i]!, order[i + 1]!];
      if (!isBetter(cause, next, one, learned)) continue;
      order[i] = next;
      order[i + 1] = one;
    }
  }
  return order;
}

function isBetter(cause: Cause, a: { move: MoveName }, b: { move: MoveName }, learned: Learned): boolean {
  // A leak is contained before anything else, however well something else has healed.
  if (a.move === 'page' || b.move === 'page' || cause === 'isolation') return false;
  const [mine, other] = [learned[recordKey(cause, a.move)], learned[recordKey(cause, b.move)]];
  if (!mine || !other || mine.tried < TRIES_MIN || other.tried < TRIES_MIN) return false;
  if (mine.harm / mine.tried > other.harm / other.tried) return false;
  return intervalOf(mine).low > intervalOf(other).high;
}

/** Wilson's interval of a share: right for few tries too. */
function intervalOf({ healed, tried }: MoveRecord): { readonly low: number; readonly high: number } {
  const share = healed / tried;
  const scale = 1 / (1 + Z ** 2 / tried);
  const middle = share + Z ** 2 / (2 * tried);
  const spread = Z * Math.sqrt((share * (1 - share)) / tried + Z ** 2 / (4 * tried ** 2));
  return { low: scale * (middle - spread), high: scale * (middle + spread) };
}
