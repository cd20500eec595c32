/**
 * When to start a process again that ended: soon after the first end, later and later while it keeps ending, and not at
 * all for a while once it ended too often (the restart intensity of Erlang/OTP's supervisors).
 */
export interface RestartHistory {
  /** Monotonic times of the ends that still count. */
  readonly endsMs: readonly number[];
  /** What the last restart waited; 0 when none did. */
  readonly lastDelayMs: number;
}

export interface RestartVerdict {
  readonly history: RestartHistory;
  readonly delayMs: number;
  /** It ended too often: nobody should expect it back before `delayMs` has passed. */
  readonly gaveUp: boolean;
}

export const RESTARTS = {
  firstDelayMs: 100,
  delayMaxMs: 5_000,
  /** A life as long as this counts as sound, and the delays begin anew. */
  soundLifeMs: 10_000,
  /** More ends than this within the window: give up. */
  endsMax: 10,
  windowMs: 60_000,
  giveUpMs: 60_000,
} as const;

export const NO_RESTARTS: RestartHistory = { endsMs: [], lastDelayMs: 0 };

/** Judges one more end at `nowMs` after a life of `livedMs`. Pure. After giving up the history begins anew. */
export function afterEnd(history: RestartHistory, nowMs: number, livedMs: number): RestartVerdict {
  const endsMs = [...history.endsMs, nowMs].filter((at) => nowMs - at < RESTARTS.windowMs);
  if (endsMs.length > RESTARTS.endsMax) return { history: NO_RESTARTS, delayMs: RESTARTS.giveUpMs, gaveUp: true };
  const doubled = Math.min(Math.max(history.lastDelayMs * 2, RESTARTS.firstDelayMs), RESTARTS.delayMaxMs);
  const delayMs = livedMs >= RESTARTS.soundLifeMs ? RESTARTS.firstDelayMs : doubled;
  return { history: { endsMs, lastDelayMs: delayMs }, delayMs, gaveUp: false };
}
