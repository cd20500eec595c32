import type { Sample } from './sample.ts';

/** Whose clock is further ahead of ours is not believed: its readings would be fresh long after it fell silent. */
const AHEAD_MS_MAX = 60_000;

/**
 * Whether a reading can be what somebody saw: its time is a time, not of the future, and its counts are counts. What is
 * not is left out before anybody judges it. It says nothing about its subject: neither that it is well nor that it is not.
 */
export function isBelievable(sample: Sample, now: number): boolean {
  if (!Number.isFinite(sample.at) || sample.at > now + AHEAD_MS_MAX) return false;
  switch (sample.kind) {
    case 'requests':
      return [sample.ok, sample.failed, sample.limited, sample.refused, sample.spanMs].every(isCount);
    case 'tries':
    case 'route':
    case 'calls':
      return [sample.ok, sample.failed, sample.spanMs].every(isCount);
    case 'memory':
      return isCount(sample.residentBytes);
    case 'level':
      return Number.isFinite(sample.level);
    default:
      return true;
  }
}

function isCount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}
