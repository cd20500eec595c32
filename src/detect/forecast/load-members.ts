/** Lengths of the seasons and of the forecast, in steps: 24, 168 and 48 for hours. */
export interface Seasons {
  readonly day: number;
  readonly week: number;
  readonly horizon: number;
}

/** A simple forecaster: from the past, oldest first, the next `horizon` values. The past has at least one value. */
type Member = (past: readonly number[], seasons: Seasons) => readonly number[];

function eachStep({ horizon }: Seasons, valueAt: (ahead: number) => number): readonly number[] {
  return Array.from({ length: horizon }, (_, ahead) => valueAt(ahead));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const naive: Member = (past, seasons) => eachStep(seasons, () => past.at(-1)!);

/** What was one season ago; what was last, while there is no season yet. */
function seasonAgo(seasonOf: (seasons: Seasons) => number, otherwise: Member): Member {
  return (past, seasons) => {
    const season = seasonOf(seasons);
    if (past.length < season) return otherwise(past, seasons);
    return eachStep(seasons, (ahead) => past[past.length - season + (ahead % season)]!);
  };
}

const dayAgo = seasonAgo(({ day }) => day, naive);
const weekAgo = seasonAgo(({ week }) => week, dayAgo);

const SCALE_MAX = 3;

/** A week ago, scaled by how today compares with the same day then. */
const weekAgoScaled: Member = (past, seasons) => {
  const { day, week } = seasons;
  if (past.length < week + day) return dayAgo(past, seasons);
  const then = meanOf(past.slice(-week - day, -week));
  const scale = meanOf(past.slice(-day)) / then;
  const isSane = Number.isFinite(scale) && scale > 1 / SCALE_MAX && scale < SCALE_MAX;
  return weekAgo(past, seasons).map((value) => (isSane ? value * scale : value));
};

const WEEKS_MAX = 3;
const LEVEL_SHARE = 0.5;
const FADE = 0.8;

/** Mean of the same hour in the last weeks, moved half way to the level of the last day; the last error fades away. */
const meanOfWeeks: Member = (past, seasons) => {
  const { day, week } = seasons;
  const weeks = Math.min(WEEKS_MAX, Math.floor((past.length - day) / week));
  if (weeks < 1) return dayAgo(past, seasons);
  const usual = (step: number) => {
    const same: number[] = [];
    for (let at = step - week; at >= 0 && same.length < weeks; at -= week) if (at < past.length) same.push(past[at]!);
    return same.length > 0 ? meanOf(same) : past.at(-1)!;
  };
  const now = past.length;
  const shift =
    LEVEL_SHARE * meanOf(Array.from({ length: day }, (_, back) => past[now - 1 - back]! - usual(now - 1 - back)));
  const lastError = past[now - 1]! - usual(now - 1) - shift;
  return eachStep(seasons, (ahead) => usual(now + ahead) + shift + lastError * FADE ** (ahead + 1));
};

const DAY_WEIGHTS = [1, 0.7, 0.5, 0.35, 0.25];

/** Mean of the same hour in the last days, the latest most. */
const meanOfDays: Member = (past, seasons) => {
  const { day } = seasons;
  const weights = DAY_WEIGHTS.slice(0, Math.floor(past.length / day));
  if (weights.length === 0) return naive(past, seasons);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return eachStep(seasons, (ahead) => {
    const sum = weights.reduce(
      (all, weight, back) => all + weight * past[past.length - day * (back + 1) + (ahead % day)]!,
      0,
    );
    return sum / total;
  });
};

const HOLT = { level: 0.15, day: 0.25 };

/** Holt and Winters' smoothing with a daily season and no trend: trends that are carried on for days do more harm. */
const holtWinters: Member = (past, seasons) => {
  const { day } = seasons;
  if (past.length < 2 * day) return dayAgo(past, seasons);
  let level = meanOf(past.slice(0, day));
  const daily = past.slice(0, day).map((value) => value - level);
  for (let step = day; step < past.length; step++) {
    const error = past[step]! - level - daily[step % day]!;
    level += HOLT.level * error;
    daily[step % day]! += HOLT.day * (1 - HOLT.level) * error;
  }
  return eachStep(seasons, (ahead) => level + daily[(past.length + ahead) % day]!);
};

const TAYLOR = { level: 0.05, day: 0.15, week: 0.2, error: 0.8 };

/** Taylor's smoothing with a daily and a weekly season and errors that persist (J. W. Taylor, 2003). */
const doubleSeason: Member = (past, seasons) => {
  const { day, week } = seasons;
  if (past.length < 2 * week) return holtWinters(past, seasons);
  const first = past.slice(0, week);
  let level = meanOf(first);
  const daily = Array.from(
    { length: day },
    (_, at) => meanOf(first.filter((_value, step) => step % day === at)) - level,
  );
  const weekly = first.map((value, at) => value - level - daily[at % day]!);
  const fitted = (step: number) => level + daily[step % day]! + weekly[step % week]!;
  let lastError = 0;
  for (let step = week; step < past.length; step++) {
    const surprise = past[step]! - fitted(step) - TAYLOR.error * lastError;
    level += TAYLOR.level * surprise;
    daily[step % day]! += TAYLOR.day * surprise;
    weekly[step % week]! += TAYLOR.week * surprise;
    lastError = past[step]! - fitted(step);
  }
  return eachStep(seasons, (ahead) => fitted(past.length + ahead) + TAYLOR.error ** (ahead + 1) * lastError);
};

/** None is good everywhere. The order is part of the state of a load forecast. */
export const MEMBERS: readonly { readonly name: string; readonly forecast: Member }[] = [
  { name: 'last value', forecast: naive },
  { name: 'a day ago', forecast: dayAgo },
  { name: 'a week ago', forecast: weekAgo },
  { name: 'a week ago, scaled', forecast: weekAgoScaled },
  { name: 'mean of weeks', forecast: meanOfWeeks },
  { name: 'mean of days', forecast: meanOfDays },
  { name: 'Holt-Winters', forecast: holtWinters },
  { name: 'two seasons', forecast: doubleSeason },
];
