import { addLoad, forecastLoad, type LoadState, startLoad } from './forecast/load-forecast.ts';

/** What is expected of one hour: requests a second, and the least of them nine times in ten. */
export interface Expected {
  readonly at: number;
  readonly perSecond: number;
  readonly low: number;
}

/** Load by the hour, and what is expected of the next ones. Changed in place; plain JSON. */
export interface HourlyLoad {
  readonly load: LoadState;
  /** Number since 1970 of the hour that is being counted, and what was counted in it. */
  hour: number;
  requests: number;
  /** Since when it is counted: an hour that was seen in part is not learnt. */
  from: number;
  ahead: Expected[];
}

export const HOUR_MS = 3_600_000;
const GAP_HOURS_MAX = 336;
const WHOLE_HOUR_SHARE = 0.9;

export function startHourly(at: number): HourlyLoad {
  return { load: startLoad(), hour: Math.floor(at / HOUR_MS), requests: 0, from: at, ahead: [] };
}

/**
 * Learns the hours that have passed at `at` and looks ahead from the new one; answers with the requests a second of the one
 * that was counted, if it was seen whole. A clock that was set back begins a new hour.
 */
export function turnHour(hourly: HourlyLoad, at: number): number | undefined {
  const hour = Math.floor(at / HOUR_MS);
  if (hour === hourly.hour) return undefined;
  const { load, requests, from } = hourly;
  const startedAt = hourly.hour * HOUR_MS;
  const isWhole = hour > hourly.hour && startedAt + HOUR_MS - Math.max(from, startedAt) >= WHOLE_HOUR_SHARE * HOUR_MS;
  const perSecond = requests / (HOUR_MS / 1_000);
  if (isWhole) addLoad(load, perSecond);
  else if (load.past.length > 0 && hour > hourly.hour) addLoad(load, null);
  const gap = Math.min(GAP_HOURS_MAX, hour - hourly.hour - 1);
  for (let missing = 0; missing < gap; missing++) if (load.past.length > 0) addLoad(load, null);
  Object.assign(hourly, { hour, requests: 0, from: at });
  hourly.ahead = forecastLoad(load).map(({ mean, range }, ahead) => {
    return { at: (hour + ahead) * HOUR_MS, perSecond: mean, low: range?.low ?? 0 };
  });
  return isWhole ? perSecond : undefined;
}
