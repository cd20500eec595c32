/** Requests of one kind: how many there were, failed, and took longer than the objective allows. */
export interface Counts {
  readonly total: number;
  readonly failed: number;
  readonly slow: number;
}

/** The requests of the last `widthMs`, as a ring of buckets with their running sum. */
interface Window {
  readonly widthMs: number;
  /** Number of the newest bucket since 1970. */
  head: number;
  /** Total, failed and slow of each bucket, one after the other; bucket `n` lies at `n % BUCKETS`. */
  buckets: number[];
  sums: number[];
}

/** Requests over several windows at once. Plain JSON of fixed size: adding and reading take the same time always. */
export interface RequestWindows {
  windows: Window[];
  /** When the first requests were counted; null before. */
  sinceMs: number | null;
  /** Counts in a row that were older than every window. */
  late: number;
}

/** A window is exact but for the last thirtieth, by which it may be short. */
const BUCKETS = 30;
const FIELDS = 3;
/** A source that repeats sends some late; a clock that was set back sends nothing else. */
const LATE_MAX = 64;

export function startWindows(widthsMs: readonly number[]): RequestWindows {
  const windows = widthsMs.map((widthMs) => ({
    widthMs,
    head: 0,
    buckets: Array.from({ length: BUCKETS * FIELDS }, () => 0),
    sums: Array.from({ length: FIELDS }, () => 0),
  }));
  return { windows, sinceMs: null, late: 0 };
}

/** Adds requests that ended at `atMs`, in any order. Changes `state` in place. What is no count is ignored. */
export function addRequests(state: RequestWindows, atMs: number, counts: Counts): void {
  const { total, failed, slow } = counts;
  if (!Number.isFinite(atMs) || !isCount(total) || !isCount(failed) || !isCount(slow)) return;
  // The widest reaches back furthest.
  const isLate = state.sinceMs !== null && isBefore(state.windows.at(-1)!, atMs);
  state.late = isLate ? state.late + 1 : 0;
  if (state.late >= LATE_MAX) Object.assign(state, startWindows(state.windows.map(({ widthMs }) => widthMs)));
  else if (isLate) return;
  state.sinceMs = Math.min(state.sinceMs ?? atMs, atMs);
  for (const window of state.windows) addTo(window, atMs, counts);
}

function isCount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

function bucketAt({ widthMs }: Window, atMs: number): number {
  return Math.floor((atMs * BUCKETS) / widthMs);
}

function isBefore(window: Window, atMs: number): boolean {
  return bucketAt(window, atMs) <= window.head - BUCKETS;
}

function addTo(window: Window, atMs: number, { total, failed, slow }: Counts): void {
  const bucket = bucketAt(window, atMs);
  if (bucket <= window.head - BUCKETS) return;
  if (bucket > window.head) turnTo(window, bucket);
  const { buckets, sums } = window;
  const place = (bucket % BUCKETS) * FIELDS;
  buckets[place]! += total;
  sums[0]! += total;
  // Most of what is counted is well.
  if (failed > 0) {
    buckets[place + 1]! += failed;
    sums[1]! += failed;
  }
  if (slow > 0) {
    buckets[place + 2]! += slow;
    sums[2]! += slow;
  }
}

/** Moves the ring on: what falls out of the window leaves the sum. */
function turnTo(window: Window, bucket: number): void {
  const steps = Math.min(BUCKETS, bucket - window.head);
  for (let step = 1; step <= steps; step++) {
    const place = ((bucket - steps + step) % BUCKETS) * FIELDS;
    for (let field = 0; field < FIELDS; field++) {
      window.sums[field]! -= window.buckets[place + field]!;
      window.buckets[place + field] = 0;
    }
  }
  window.head = bucket;
}

/** The requests of the window of `widthMs` that ends now. Throws nothing: a width that is not kept has no requests. */
export function requestsOf(state: RequestWindows, widthMs: number, nowMs: number): Counts {
  const window = state.windows.find((each) => each.widthMs === widthMs);
  if (window === undefined) return { total: 0, failed: 0, slow: 0 };
  const sums = [...window.sums];
  // Buckets that time has passed since the last request was counted.
  const gone = Math.min(BUCKETS, Math.max(0, bucketAt(window, nowMs) - window.head));
  for (let step = 1; step <= gone; step++) {
    const place = ((window.head + step) % BUCKETS) * FIELDS;
    for (let field = 0; field < FIELDS; field++) sums[field]! -= window.buckets[place + field]!;
  }
  return { total: sums[0]!, failed: sums[1]!, slow: sums[2]! };
}
