import type { FactName } from '../resources/fact-kinds.ts';
import type { Reason } from './assess.ts';

/**
 * What was measured of these facts after `at`, in words, when all of it is good: a fact of each kind at the least, and none
 * of them older, unknown or bad. Undefined otherwise: nothing is proven yet.
 */
export function goodSince(
  reasons: readonly Reason[],
  kinds: readonly (readonly FactName[])[],
  at: number,
): string | undefined {
  const told = kinds.map((names) => {
    const about = reasons.filter(({ fact }) => names.includes(fact));
    const isGood = about.every(({ status, measuredAt }) => status === 'satisfied' && (measuredAt ?? 0) > at);
    return about.length > 0 && isGood ? about.map(({ text }) => text) : undefined;
  });
  if (!told.every((each) => each !== undefined)) return undefined;
  return [...new Set(told.flat())].join('; ');
}
