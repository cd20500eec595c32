import type { Measured } from '../fact.ts';
import { unknown, value } from './place-collector.ts';
import type { Credential } from './session-calls.ts';

const MINUTE_MS = 60_000;
/** A limit that is swept for now and then is no fault, and a lock may end a moment early. */
const GRACE_MS = 15_000;
/** A look that comes later than this says nothing of what was before. */
const LATE_MS = 45_000;
/** Shorter waits, which are not those of any law, are measured in proportion. */
const SHARE = 0.2;

/**
 * Something that is left alone until its time, and then looked at once. Plain data that outlives the process.
 * `idle`, `left`: a session that nobody used, or whose account went, has to be refused by then. `locked`: an account has to
 * be refused until then.
 */
export interface Wait {
  readonly kind: 'idle' | 'left' | 'locked';
  readonly minutes: number;
  /** Wall time: it counts on while no control runs. */
  readonly since: number;
  readonly account: string;
  /** Of a session. */
  readonly credential?: Credential;
  /** By which it was made. */
  readonly password?: string;
  /** How it was found, and after how many minutes. */
  readonly seen?: { readonly isOpen: boolean; readonly minutes: number };
}

/** Whether its time has come. A lock is tried shortly before it may end, a session shortly after it has to. */
export function isDue({ kind, minutes, since, seen }: Wait, now: number): boolean {
  const spanMs = minutes * MINUTE_MS;
  const graceMs = Math.min(GRACE_MS, spanMs * SHARE);
  return !seen && now >= since + spanMs + (kind === 'locked' ? -graceMs : graceMs);
}

export function minutesSince({ since }: Wait, now: number): number {
  return (now - since) / MINUTE_MS;
}

/**
 * Whether what was found says nothing, since it was looked at too late: a session that was refused after an hour may have
 * been open for any time before, and a lock that was off then may have held until just before.
 */
export function isTooLate({ kind, minutes, seen }: Wait): boolean {
  if (!seen) return false;
  if (kind === 'locked') return seen.isOpen && seen.minutes >= minutes;
  const late = LATE_MS / MINUTE_MS;
  const tolerance = minutes === 0 ? late : Math.min(late, minutes * SHARE * 3);
  return !seen.isOpen && seen.minutes > minutes + tolerance;
}

/**
 * The time after which a session was refused: the shortest that was waited for. One that was open after all of them was
 * open for at least as long as it was seen, which is more than anything allows.
 */
export function timeUntilRefused(waits: readonly Wait[]): Measured {
  const refused = waits.filter(({ seen }) => seen && !seen.isOpen).map(({ minutes }) => minutes);
  const open = waits.filter(({ seen }) => seen?.isOpen).map(({ seen }) => seen?.minutes ?? 0);
  if (refused.length + open.length < waits.length || waits.length === 0) return unknown('the wait is not over');
  // What is open after a longer time was open after a shorter one: a refusal before was another thing.
  const longest = Math.max(0, ...open);
  const after = refused.filter((minutes) => minutes >= longest);
  return value(after.length > 0 ? Math.min(...after) : Math.ceil(longest * 100) / 100);
}

/** How long an account stayed locked, at least: the longest time that was waited for and found it so, else when it was open. */
export function timeLocked(waits: readonly Wait[]): Measured {
  if (waits.length === 0 || waits.some(({ seen }) => !seen)) return unknown('the wait is not over');
  const locked = waits.filter(({ seen }) => seen && !seen.isOpen).map(({ minutes }) => minutes);
  const opened = waits.filter(({ seen }) => seen?.isOpen).map(({ seen }) => seen?.minutes ?? 0);
  const soonest = Math.min(...opened);
  const before = locked.filter((minutes) => minutes <= soonest);
  return value(before.length > 0 ? Math.max(...before) : Math.floor(soonest * 100) / 100);
}
