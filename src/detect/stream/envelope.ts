import { zeros } from './zeros.ts';

/** A view says nothing before it has been seen this often: everything is new to a newborn. */
const WARM_UP_POINTS = 60;

/** Envelopes forget half a hundredth of their width a day, towards their middle. */
const FORGET_PER_DAY = 0.005;
const DAY_MS = 86_400_000;
/** Silence teaches nothing: a gap lets an envelope forget no more than a day does. */
const FORGET_MS_MAX = DAY_MS;
/** Forgetting is done in steps of this, which costs less and changes nothing that can be seen. */
const FORGET_EVERY_MS = 3_600_000;
/** Outside by less than a tenth of the width is hardly a surprise; from there on each decade further out counts 1. */
const SOFT_SHARE = 0.1;
/** One view alone cannot shout: ten widths outside is as much as it can say. */
const SURPRISE_MAX = 2;
const MIDDLE_RATE = 0.01;
/** Surprise of the last three points or so is added up: what builds up slowly is found too. */
const RECENT_KEPT = Math.exp(-1 / 3);

/** Where in the row of a view each of its numbers stands. */
const LOW = 0;
const HIGH = 1;
const MIDDLE = 2;
const VISITS = 3;
/** Surprise in decades, of this point and the few before it. */
const RECENT = 4;
const ROW = 5;

/**
 * For each view the range it has kept to. Row by row in one array: where thousands of series take turns each state comes
 * from memory, and what is read in one go comes sooner.
 */
export interface Envelopes {
  readonly rows: number[];
  /** Time that is not forgotten yet. */
  passedMs: number;
}

/** What the last point met, before it became part of the envelopes. Scratch: it is not part of the state. */
export interface Meeting {
  /** Surprise of each view at this point alone. */
  readonly surprise: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

export function startEnvelopes(views: number): Envelopes {
  return { rows: zeros(ROW * views), passedMs: 0 };
}

export function createMeeting(views: number): Meeting {
  return { surprise: new Float64Array(views), low: new Float64Array(views), high: new Float64Array(views) };
}

/**
 * Measures how far each view is outside of its envelope, then widens the envelopes. Returns the sum of recent surprise, each
 * view's times its voice.
 */
export function meetEnvelopes(
  envelopes: Envelopes,
  views: Float64Array,
  voices: readonly number[],
  passedMs: number,
  met: Meeting,
): number {
  const { rows } = envelopes;
  envelopes.passedMs += Math.min(passedMs, FORGET_MS_MAX);
  if (envelopes.passedMs >= FORGET_EVERY_MS) forget(envelopes);
  let sum = 0;
  for (let i = 0; i < views.length; i++) {
    const row = ROW * i;
    const view = views[i]!;
    const kept = rows[row + RECENT]! * RECENT_KEPT;
    let surprise = 0;
    if (!Number.isNaN(view)) {
      const seen = rows[row + VISITS]!;
      if (seen < WARM_UP_POINTS) rows[row + VISITS] = seen + 1;
      if (seen === 0) rows[row + LOW] = rows[row + HIGH] = rows[row + MIDDLE] = view;
      const bottom = rows[row + LOW]!;
      const top = rows[row + HIGH]!;
      met.low[i] = bottom;
      met.high[i] = top;
      if (view > top || view < bottom) {
        const outside = view > top ? view - top : bottom - view;
        if (seen >= WARM_UP_POINTS) surprise = surpriseOf(outside, top - bottom);
        rows[row + (view > top ? HIGH : LOW)] = view;
      }
      const middle = rows[row + MIDDLE]!;
      rows[row + MIDDLE] = middle + (seen < WARM_UP_POINTS ? 1 / (seen + 1) : MIDDLE_RATE) * (view - middle);
    }
    met.surprise[i] = surprise;
    // Tiny remains would slow the arithmetic down and mean nothing.
    const now = kept + surprise;
    rows[row + RECENT] = now < 1e-9 ? 0 : now;
    sum += voices[i]! * now;
  }
  return sum;
}

/** Draws all envelopes towards their middles, by the time that has passed since it was done last. */
function forget(envelopes: Envelopes): void {
  const { rows } = envelopes;
  const share = 1 - Math.exp((-FORGET_PER_DAY * envelopes.passedMs) / DAY_MS);
  envelopes.passedMs = 0;
  for (let row = 0; row < rows.length; row += ROW) {
    rows[row + LOW]! += share * (rows[row + MIDDLE]! - rows[row + LOW]!);
    rows[row + HIGH]! -= share * (rows[row + HIGH]! - rows[row + MIDDLE]!);
  }
}

function surpriseOf(outside: number, width: number): number {
  return width > 0 ? Math.min(SURPRISE_MAX, Math.log10(1 + outside / width / SOFT_SHARE)) : SURPRISE_MAX;
}
