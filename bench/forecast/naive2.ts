const SEASON = 24;
const SIGNIFICANT = 1.645;
const SEASONS_MIN = 3;

/** The competition's yardstick: the last value of the series without its season, and the season again. */
export function naive2(train: readonly number[], horizon: number): readonly number[] {
  const indices = isSeasonal(train) ? seasonalIndices(train) : undefined;
  const last = train.at(-1)!;
  return Array.from({ length: horizon }, (_, ahead) => {
    if (indices === undefined) return last;
    return (last / indices[(train.length - 1) % SEASON]!) * indices[(train.length + ahead) % SEASON]!;
  });
}

/** Whether the autocorrelation at one season is beyond what the shorter ones let expect, at 90 %. */
function isSeasonal(values: readonly number[]): boolean {
  if (values.length < SEASONS_MIN * SEASON) return false;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviations = values.map((value) => value - mean);
  const variance = deviations.reduce((sum, value) => sum + value * value, 0);
  if (variance === 0) return false;
  const correlation = (lag: number) =>
    deviations.slice(lag).reduce((sum, value, at) => sum + value * deviations[at]!, 0) / variance;
  const shorter = Array.from({ length: SEASON - 1 }, (_, lag) => correlation(lag + 1) ** 2);
  const limit = SIGNIFICANT * Math.sqrt((1 + 2 * shorter.reduce((sum, each) => sum + each, 0)) / values.length);
  return Math.abs(correlation(SEASON)) > limit;
}

/** Classical multiplicative decomposition: the mean ratio to the centred moving average by hour. Undefined if it fails. */
function seasonalIndices(values: readonly number[]): readonly number[] | undefined {
  const half = SEASON / 2;
  const ratios: number[][] = Array.from({ length: SEASON }, () => []);
  for (let at = half; at < values.length - half; at++) {
    const inner = values.slice(at - half + 1, at + half).reduce((sum, value) => sum + value, 0);
    const trend = (inner + (values[at - half]! + values[at + half]!) / 2) / SEASON;
    ratios[at % SEASON]!.push(values[at]! / trend);
  }
  const means = ratios.map((each) => each.reduce((sum, ratio) => sum + ratio, 0) / each.length);
  const mean = means.reduce((sum, each) => sum + each, 0) / SEASON;
  const indices = means.map((each) => each / mean);
  return indices.every((each) => Number.isFinite(each) && each !== 0) ? indices : undefined;
}
