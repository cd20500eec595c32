const HOUR_MS = 3_600_000;
/** Alerts this near to each other are one incident: 144 points, but no more than half a day and no fewer than 48 points. */
const NOVEL_POINTS = 144;
const NOVEL_POINTS_LEAST = 48;
const NOVEL_MS_MAX = 12 * HOUR_MS;
const LOCAL_MS = HOUR_MS;
/** Within an incident only what is this much worse than its peak is told again. */
const WORSE = 3;
/** Each earlier incident raises the bar by this share, and is forgotten over 1500 points. */
const HABIT_SHARE = 0.8;
const HABIT_KEPT = Math.exp(-1 / 1_500);

interface Span {
  lastAt: number;
  /** Highest severity of the incident; 0 before the first. */
  peak: number;
}

/** Two incident streams of one series: one for what was never seen before, one for what is unusual of late. */
export interface Incidents {
  readonly novel: Span;
  readonly local: Span;
  /** Count of incidents of novelty, fading. The one who cries wolf is believed less. */
  habit: number;
}

export function startIncidents(): Incidents {
  return { novel: { lastAt: 0, peak: 0 }, local: { lastAt: 0, peak: 0 }, habit: 0 };
}

/** A point opens an incident of novelty, of local strangeness, of both, or of none: sums of these. */
const OPENS_NOVEL = 1;
const OPENS_LOCAL = 2;

/**
 * Which channels open an incident with this point. The severities are in units of the series' own bar: 1 calls, as long as
 * nothing has called before.
 */
export function meetIncidents(
  incidents: Incidents,
  at: number,
  intervalMs: number,
  novel: number,
  local: number,
): number {
  incidents.habit *= HABIT_KEPT;
  if (novel < 1 && local < 1) return 0;
  const quietMs = Math.max(NOVEL_POINTS_LEAST * intervalMs, Math.min(NOVEL_MS_MAX, NOVEL_POINTS * intervalMs));
  const isNovel = opens(incidents.novel, at, novel, 1 + HABIT_SHARE * incidents.habit, quietMs);
  if (isNovel) incidents.habit += 1;
  return (isNovel ? OPENS_NOVEL : 0) + (opens(incidents.local, at, local, 1, LOCAL_MS) ? OPENS_LOCAL : 0);
}

function opens(span: Span, at: number, severity: number, bar: number, quietMs: number): boolean {
  if (!(severity >= bar)) return false;
  const isSame = span.peak > 0 && Math.abs(at - span.lastAt) <= quietMs;
  span.lastAt = at;
  if (isSame && severity < WORSE * span.peak) return false;
  span.peak = severity;
  return true;
}
