import type { Meeting } from './envelope.ts';
import type { Local } from './local.ts';
import { oneIn, type Rarity } from './rarity.ts';
import { DAY_VIEW, type Sight, VALUE_VIEW, VIEWS } from './views.ts';

/** One view that was outside of the range it had kept to. */
export interface FiredView {
  readonly view: string;
  readonly seen: number;
  readonly low: number;
  readonly high: number;
  /** In decades: 1 is outside by half the width of the range, 2 is the most that one view can say. */
  readonly surprise: number;
}

/** Why a point is unusual, as plain data. */
export interface Explanation {
  readonly channel: 'novel' | 'local';
  readonly severity: number;
  /** The value as it was looked at: of a counter its rise per second. */
  readonly value: number;
  readonly perSecond: boolean;
  /** What the value was expected to be: from history for the novel channel, from the points of late for the local one. */
  readonly expected: { readonly low: number; readonly high: number };
  /** One in how many points of this series was as severe. */
  readonly oneIn: number;
  /** Those that were outside most, at most five; empty when only the points before were. */
  readonly views: readonly FiredView[];
  /** How many were outside. */
  readonly fired: number;
}

const VIEWS_SHOWN = 5;
const LOCAL_REACH_SPREADS = 3;

export function explain(
  seen: Pick<Explanation, 'channel' | 'severity' | 'value' | 'perSecond'>,
  { views, byDay }: Sight,
  met: Meeting,
  known: { readonly local: Local; readonly rarity: Rarity },
): Explanation {
  const fired = VIEWS.flatMap((view, i) => {
    const surprise = met.surprise[i]!;
    return surprise > 0 ? [{ view, seen: views[i]!, low: met.low[i]!, high: met.high[i]!, surprise }] : [];
  });
  return {
    ...seen,
    expected: seen.channel === 'local' ? expectedOfLate(known.local) : expectedOfHistory(byDay, met),
    oneIn: oneIn(known.rarity, seen.severity),
    views: fired.toSorted((a, b) => b.surprise - a.surprise).slice(0, VIEWS_SHOWN),
    fired: fired.length,
  };
}

function expectedOfLate(local: Local): Explanation['expected'] {
  const reach = LOCAL_REACH_SPREADS * Math.sqrt(local.variance);
  return { low: local.mean - reach, high: local.mean + reach };
}

/** The narrower of all that was seen, and what was seen around this time of day. */
function expectedOfHistory(byDay: number, met: Meeting): Explanation['expected'] {
  const low = met.low[VALUE_VIEW]!;
  const high = met.high[VALUE_VIEW]!;
  const dayLow = byDay + met.low[DAY_VIEW]!;
  const dayHigh = byDay + met.high[DAY_VIEW]!;
  const isKnown = dayHigh > dayLow && dayHigh >= low && dayLow <= high;
  return isKnown ? { low: Math.max(low, dayLow), high: Math.min(high, dayHigh) } : { low, high };
}
