import { forgetNeighbours, type History, remember, startHistory } from './history.ts';
import { beginLevel, grainOf, LEVEL_VIEWS, type Level, startLevel, viewLevel } from './level.ts';
import { NEIGHBOURHOOD_VIEWS, type Neighbourhood, startNeighbourhood, viewNeighbourhood } from './neighbourhood.ts';
import { type Prediction, PREDICTION_VIEWS, startPrediction, viewPrediction } from './prediction.ts';
import {
  dayProfile,
  OFF_TIME_OF_DAY,
  SEASON_VIEWS,
  type Season,
  startSeason,
  viewSeason,
  weekProfile,
} from './season.ts';
import { type Shape, SHAPE_VIEWS, startShape, viewShape } from './shape.ts';

/** All derived views of one point, in the order of their numbers. What they are is in docs/detection.md. */
export const VIEWS: readonly string[] = [
  ...LEVEL_VIEWS,
  ...NEIGHBOURHOOD_VIEWS,
  ...PREDICTION_VIEWS,
  ...SEASON_VIEWS,
  ...SHAPE_VIEWS,
];

const NEIGHBOURHOOD_FROM = LEVEL_VIEWS.length;
const PREDICTION_FROM = NEIGHBOURHOOD_FROM + NEIGHBOURHOOD_VIEWS.length;
const SEASON_FROM = PREDICTION_FROM + PREDICTION_VIEWS.length;
const SHAPE_FROM = SEASON_FROM + SEASON_VIEWS.length;

/** The views whose envelopes are said as the expected range. */
export const VALUE_VIEW = 0;
export const DAY_VIEW = SEASON_FROM + OFF_TIME_OF_DAY;

export interface ViewState {
  readonly history: History;
  readonly level: Level;
  readonly near: Neighbourhood;
  readonly prediction: Prediction;
  readonly season: Season;
  readonly shape: Shape;
}

export function startViews(): ViewState {
  return {
    history: startHistory(),
    level: startLevel(),
    near: startNeighbourhood(),
    prediction: startPrediction(),
    season: startSeason(),
    shape: startShape(),
  };
}

/** Behind a gap the points before it are no neighbours. Averages, profiles and envelopes stay. */
export function breakViews(state: ViewState): void {
  forgetNeighbours(state.history);
}

/** Takes a point in and writes its views to `out`; NaN where a view is not known yet. Returns the profile of the day. */
export function viewPoint(state: ViewState, at: number, value: number, isFirst: boolean, out: Float64Array): number {
  const { history, level, near, prediction, season, shape } = state;
  out.fill(Number.NaN);
  if (isFirst) beginLevel(level, value);
  const byDay = dayProfile(season, at);
  const grain = grainOf(level);
  viewPrediction(
    prediction,
    { history, level, grain, byDay, byWeek: weekProfile(season, at) },
    value,
    out,
    PREDICTION_FROM,
  );
  viewLevel(level, history, value, out, 0);
  viewShape(shape, history, level, grain, value, out, SHAPE_FROM);
  viewSeason(season, at, value, grain, out, SEASON_FROM);
  remember(history, value);
  viewNeighbourhood(near, history, { variance: level.variance, grain }, out, NEIGHBOURHOOD_FROM);
  return byDay;
}
