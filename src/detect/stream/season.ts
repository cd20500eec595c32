import { zeros } from './zeros.ts';

/** Views of a point beside what its time of day, and its hour of the week, usually bring. */
export const SEASON_VIEWS = [
  'off its time of day',
  'off its time of day, mean of 4',
  'off its time of day, mean of 12',
  'off its time of day, mean of 48',
  'off its hour of the week',
  'off its hour of the week, mean of 12',
  'drift off its time of day',
] as const;

/** Where in the views the first one stands: its envelope around the profile is the expected range. */
export const OFF_TIME_OF_DAY = 0;

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const DAY_BINS = 96;
const WEEK_BINS = 168;
/** A bin follows its last ten visits. */
const FOLLOW_LEAST = 0.1;
const RESIDUALS = 48;
const DRIFT_SLACK = 0.5;
const DRIFT_KEPT = 0.999;
const DRIFT_MAX = 100;
const VARIANCE_RATE = 0.01;
/** The variance counts a residual of more than three spreads as three, once it has seen a few. */
const CLIP_SQUARED = 9;
const CLIP_AFTER = 20;

export interface Season {
  day: number[];
  dayVisits: number[];
  week: number[];
  weekVisits: number[];
  /** The last residuals by the day, and how many there were so far; sums over the last 4, 12 and 48 of them. */
  residuals: number[];
  seen: number;
  sum4: number;
  sum12: number;
  sum48: number;
  weekResiduals: number[];
  weekSeen: number;
  weekSum12: number;
  variance: number;
  up: number;
  down: number;
}

export function startSeason(): Season {
  return {
    day: zeros(DAY_BINS),
    dayVisits: zeros(DAY_BINS),
    week: zeros(WEEK_BINS),
    weekVisits: zeros(WEEK_BINS),
    residuals: zeros(RESIDUALS),
    seen: 0,
    sum4: 0,
    sum12: 0,
    sum48: 0,
    weekResiduals: zeros(12),
    weekSeen: 0,
    weekSum12: 0,
    variance: 0,
    up: 0,
    down: 0,
  };
}

/** Where a time stands in the two profiles. */
export interface Place {
  day: number;
  week: number;
}

export function findPlace(place: Place, at: number): void {
  place.day = binOf(at / DAY_MS, DAY_BINS);
  place.week = binOf(at / WEEK_MS, WEEK_BINS);
}

function binOf(periods: number, bins: number): number {
  return Math.min(bins - 1, Math.floor((periods - Math.floor(periods)) * bins));
}

/** What this time of day usually brings; NaN while it is not known. */
export function dayProfile(season: Season, { day }: Place): number {
  return season.dayVisits[day]! > 0 ? season.day[day]! : Number.NaN;
}

/** What this hour of the week usually brings; NaN while it is not known. */
export function weekProfile(season: Season, { week }: Place): number {
  return season.weekVisits[week]! > 0 ? season.week[week]! : Number.NaN;
}

/** `byDay` and `byWeek` are what the profiles say of the place. The value becomes part of them. */
export function viewSeason(
  season: Season,
  seen: { readonly place: Place; readonly byDay: number; readonly byWeek: number; readonly grain: number },
  value: number,
  out: Float64Array,
  from: number,
): void {
  const { place, byDay, byWeek } = seen;
  if (!Number.isNaN(byDay)) viewDay(season, value - byDay, seen.grain, out, from);
  if (!Number.isNaN(byWeek)) viewWeek(season, value - byWeek, out, from + 4);
  learn(season.day, season.dayVisits, place.day, value);
  learn(season.week, season.weekVisits, place.week, value);
}

function viewDay(season: Season, off: number, grain: number, out: Float64Array, from: number): void {
  const { residuals, seen } = season;
  const before = (back: number) => (seen >= back ? residuals[(seen - back) % RESIDUALS]! : 0);
  season.sum4 += off - before(4);
  season.sum12 += off - before(12);
  season.sum48 += off - before(48);
  residuals[seen % RESIDUALS] = off;
  season.seen += 1;
  if (season.seen % RESIDUALS === 0) rebuildSums(season);
  out[from] = off;
  if (seen >= 3) out[from + 1] = season.sum4 / 4;
  if (seen >= 11) out[from + 2] = season.sum12 / 12;
  if (seen >= 47) out[from + 3] = season.sum48 / 48;
  const square = seen < CLIP_AFTER ? off * off : Math.min(off * off, CLIP_SQUARED * season.variance + grain * grain);
  season.variance += VARIANCE_RATE * (square - season.variance);
  const place = off / (Math.sqrt(season.variance) + grain);
  season.up = Math.min(DRIFT_MAX, Math.max(0, season.up * DRIFT_KEPT + place - DRIFT_SLACK));
  season.down = Math.min(DRIFT_MAX, Math.max(0, season.down * DRIFT_KEPT - place - DRIFT_SLACK));
  out[from + 6] = season.up - season.down;
}

function viewWeek(season: Season, off: number, out: Float64Array, from: number): void {
  const { weekResiduals, weekSeen } = season;
  season.weekSum12 += off - (weekSeen >= 12 ? weekResiduals[weekSeen % 12]! : 0);
  weekResiduals[weekSeen % 12] = off;
  season.weekSeen += 1;
  if (season.weekSeen % 12 === 0) season.weekSum12 = weekResiduals.reduce((sum, each) => sum + each, 0);
  out[from] = off;
  if (weekSeen >= 11) out[from + 1] = season.weekSum12 / 12;
}

/** Running sums gather rounding errors; once a round they are counted anew. The newest residual is the last. */
function rebuildSums(season: Season): void {
  let sum = 0;
  for (let back = 1; back <= RESIDUALS; back++) {
    sum += season.residuals[RESIDUALS - back]!;
    if (back === 4) season.sum4 = sum;
    if (back === 12) season.sum12 = sum;
  }
  season.sum48 = sum;
}

function learn(profile: number[], visits: number[], bin: number, value: number): void {
  visits[bin]! += 1;
  profile[bin]! += Math.max(FOLLOW_LEAST, 1 / visits[bin]!) * (value - profile[bin]!);
}
