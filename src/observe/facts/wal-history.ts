/** Where the write-ahead log of a server stood at one look. Positions are bytes from the beginning of the log. */
export interface WalLook {
  readonly at: number;
  /** Of the cluster: another one has another log, and nothing can be compared. */
  readonly identifier: string;
  readonly timeline: number;
  /** When this server process started, as the server says it: any text that changes with a restart. */
  readonly startedAt: string;
  /** What is durable. It survives a crash, so a server that comes back with less was put back. */
  readonly flushed: number;
  /** Where the last checkpoint began. The one that ends a recovery begins where the recovery ended. */
  readonly redo: number;
  /** Where the timeline left the one before it; null on the first one. */
  readonly forkedAt: number | null;
}

/** The log stood at one position from one look to another. */
interface Mark {
  readonly flushed: number;
  readonly until: number;
}

/** A span of data that a server lost. */
export interface DataLoss {
  /** When it was found. */
  readonly at: number;
  /** From the last look at which what came back was already there, to the last look before; null: nothing can be compared. */
  readonly ms: number | null;
}

/** What is kept of one server. Plain data that survives JSON. */
export interface WalHistory {
  readonly since: number;
  readonly last: WalLook;
  readonly marks: readonly Mark[];
  readonly losses: readonly DataLoss[];
}

const KEPT_MS = 90 * 86_400_000;
/** Beyond that the older half is kept half as closely: the span of a loss is then told a little too long, never too short. */
const MARKS_MAX = 600;

/**
 * The history with one more look. A server lost data when it came back with an older log: restarted and its recovery ended
 * before what was durable at the last look, or on a timeline that left the known one before that. The span is counted
 * between looks, so it is an upper bound, unless what came back is older than the first look.
 */
export function lookedAt(history: WalHistory | undefined, look: WalLook): WalHistory {
  const fresh = [{ flushed: look.flushed, until: look.at }];
  if (!history) return { since: look.at, last: look, marks: fresh, losses: [] };
  const { last } = history;
  const losses = history.losses.filter(({ at }) => look.at - at < KEPT_MS);
  if (last.identifier !== look.identifier)
    return { since: look.at, last: look, marks: fresh, losses: [...losses, { at: look.at, ms: null }] };
  const cameBackAt = restoredTo(last, look);
  if (cameBackAt === undefined) return { ...history, last: look, marks: added(history.marks, look), losses };
  const kept = history.marks.filter(({ flushed }) => flushed <= cameBackAt);
  const ms = last.at - (kept.at(-1)?.until ?? history.since);
  return { ...history, last: look, marks: [...kept, ...fresh], losses: [...losses, { at: look.at, ms }] };
}

/** The longest span that was lost; undefined while a loss is on record whose span nobody can tell. */
export function longestLoss({ losses }: WalHistory): number | undefined {
  return losses.some(({ ms }) => ms === null) ? undefined : Math.max(0, ...losses.map(({ ms }) => ms ?? 0));
}

/** Up to where the log came back, when that is less than was there. */
function restoredTo(last: WalLook, look: WalLook): number | undefined {
  if (look.timeline !== last.timeline) {
    const { forkedAt } = look;
    return forkedAt !== null && forkedAt < last.flushed ? forkedAt : undefined;
  }
  if (look.startedAt !== last.startedAt && look.redo < last.flushed) return look.redo;
  return undefined;
}

function added(marks: readonly Mark[], { flushed, at }: WalLook): readonly Mark[] {
  const before = marks.at(-1);
  const next = { flushed, until: at };
  if (before?.flushed === flushed) return [...marks.slice(0, -1), next];
  const all = [...marks, next];
  return all.length <= MARKS_MAX ? all : all.filter((_, index) => index > MARKS_MAX / 2 || index % 2 === 0);
}

/** The longest span that these servers lost of what was there at `from`, as they stood after `to`; null where one was not looked at since. */
export function lostBetween(histories: readonly WalHistory[], from: number, to: number): number | null {
  if (histories.length === 0 || histories.some(({ last }) => last.at < to)) return null;
  const lost = histories.flatMap(({ losses }) => losses.filter(({ at }) => at >= from));
  return lost.some(({ ms }) => ms === null) ? null : Math.max(0, ...lost.map(({ ms }) => ms ?? 0));
}
