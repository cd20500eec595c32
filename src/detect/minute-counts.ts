/** How requests went; counts that can be added up. */
export interface Counts {
  readonly requests: number;
  readonly failed: number;
  /** Sum over the requests that were answered. */
  readonly latencyMs: number;
}

/** A quarter of an hour of them, minute by minute, oldest first. Changed in place; plain JSON; bounded. */
export type Minutes = (Writable<Counts> & { readonly at: number })[];

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

const MINUTE_MS = 60_000;
const KEPT = 15;
const PRESENT = 3;

/** Adds what was counted at `atMs`. What comes late is left out; after a clock was set back it begins anew. */
export function addCounts(minutes: Minutes, atMs: number, counts: Counts): void {
  const minute = minuteOf(minutes, Math.floor(atMs / MINUTE_MS));
  if (minute === undefined) return;
  minute.requests += counts.requests;
  minute.failed += counts.failed;
  minute.latencyMs += counts.latencyMs;
}

function minuteOf(minutes: Minutes, at: number): Minutes[number] | undefined {
  const last = minutes.at(-1);
  if (last?.at === at) return last;
  if (last !== undefined && at < last.at) {
    if (last.at - at <= KEPT) return undefined;
    minutes.length = 0;
  }
  const minute = { at, requests: 0, failed: 0, latencyMs: 0 };
  minutes.push(minute);
  if (minutes.length > KEPT) minutes.shift();
  return minute;
}

/** Nothing was counted for as long as is kept. */
export function areOver(minutes: Minutes, atMs: number): boolean {
  const last = minutes.at(-1);
  return last === undefined || Math.floor(atMs / MINUTE_MS) - last.at > KEPT;
}

/** The last three minutes, and the time before them. */
export function splitAt(minutes: Minutes, nowMs: number): { readonly present: Counts; readonly baseline: Counts } {
  const until = Math.floor(nowMs / MINUTE_MS);
  const first = until - PRESENT + 1;
  const kept = minutes.filter(({ at }) => at > until - KEPT && at <= until);
  return { present: sumOf(kept.filter(({ at }) => at >= first)), baseline: sumOf(kept.filter(({ at }) => at < first)) };
}

/** Each minute with its time. */
export function minutesOf(minutes: Minutes): readonly (Counts & { readonly atMs: number })[] {
  return minutes.map(({ at, ...counts }) => ({ ...counts, atMs: at * MINUTE_MS }));
}

function sumOf(minutes: Minutes): Counts {
  const sum = { requests: 0, failed: 0, latencyMs: 0 };
  for (const { requests, failed, latencyMs } of minutes) {
    sum.requests += requests;
    sum.failed += failed;
    sum.latencyMs += latencyMs;
  }
  return sum;
}
