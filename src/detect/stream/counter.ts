/** A series that has never fallen in so many steps, and rose in half of them, counts something. */
const STEPS_TO_TELL = 100;
const RISES_TO_TELL = 50;
/** A counter begins again near zero. What falls by less than half its height was no counter. */
const RESET_SHARE = 0.5;

/** Whether a series is a running total. It is read as a gauge until it has shown to be one. */
export interface Counter {
  kind: 'unsure' | 'gauge' | 'counter';
  last: number;
  steps: number;
  rises: number;
}

export function startCounter(): Counter {
  return { kind: 'unsure', last: 0, steps: 0, rises: 0 };
}

/** Whether it is still open that the series is a running total, of which each value is a record. */
export function mayBeCounter(counter: Counter): boolean {
  return counter.kind === 'unsure' && counter.rises > counter.steps / 2;
}

/**
 * The value to look at: of a gauge itself, of a counter its rise per second, with a reset counted from zero. `changed` says
 * that the series has just turned out to be another kind, so that what was learnt of it means nothing any more.
 */
export function readCounter(
  counter: Counter,
  value: number,
  passedMs: number,
): { readonly value: number; readonly changed: boolean } {
  const { last } = counter;
  const isFirst = counter.kind === 'unsure' && counter.steps === 0;
  counter.last = value;
  if (counter.kind === 'gauge') return { value, changed: false };
  if (counter.kind === 'counter') {
    const isReset = value < last;
    if (isReset && value > last * RESET_SHARE) {
      counter.kind = 'gauge';
      return { value, changed: true };
    }
    return { value: (isReset ? value : value - last) / (passedMs / 1_000), changed: false };
  }
  counter.steps += 1;
  if (isFirst) {
    if (value < 0) counter.kind = 'gauge';
    return { value, changed: false };
  }
  if (value < last) counter.kind = 'gauge';
  else if (value > last) counter.rises += 1;
  if (counter.kind === 'gauge' || counter.steps <= STEPS_TO_TELL || counter.rises < RISES_TO_TELL) {
    return { value, changed: false };
  }
  counter.kind = 'counter';
  return { value: (value - last) / (passedMs / 1_000), changed: true };
}
