import { forgetNeighbours, type History, remember, startHistory } from './history.ts';
import { beginLevel, grainOf, LEVEL_VIEWS, type Level, startLevel, viewLevel } from './level.ts';
import { NEIGHBOURHOOD_VIEWS, type Neighbourhood, startNeighbourhood, viewNeighbourhood } from './neighbourhood.ts';
import { type Prediction, PREDICTION_VIEWS, startPrediction, viewPrediction } from './prediction.ts';
import {
  dayProfile,
  findPlace,
  OFF_TIME_OF_DAY,
  type Place,
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

/**
 * What a view's surprise counts. The season is seen by few views, and only they see a value that is usual at another time;
 * without a double voice they are drowned by the many that look at the same outlier from a little further off.
 */
const SEASON_VOICE = 2;
export const VOICES: readonly number[] = VIEWS.map((_, i) => (i >= SEASON_FROM && i < SHAPE_FROM ? SEASON_VOICE : 1));

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

/** Scratch of a detector: what was computed for one point is there until the next. */
export interface Sight {
  readonly views: Float64Array;
  readonly place: Place;
  /** What the profiles expected of the point; NaN while unknown. */
  byDay: number;
  byWeek: number;
  grain: number;
}

export function createSight(): Sight {
  return { views: new Float64Array(VIEWS.length), place: { day: 0, week: 0 }, byDay: 0, byWeek: 0, grain: 0 };
}

/** Takes a point in and writes its views to `sight`; NaN where a view is not known yet. */
export function viewPoint(state: ViewState, at: number, value: number, isFirst: boolean, sight: Sight): void {
  const { history, level, near, prediction, season, shape } = state;
  const { views } = sight;
  views.fill(Number.NaN);
  if (isFirst) beginLevel(level, value);
  findPlace(sight.place, at);
  sight.byDay = dayProfile(season, sight.place);
  sight.byWeek = weekProfile(season, sight.place);
  sight.grain = grainOf(level);
  viewPrediction(prediction, history, level, sight, value, views, PREDICTION_FROM);
  viewLevel(level, history, value, views, 0);
  viewShape(shape, history, level, sight.grain, value, views, SHAPE_FROM);
  viewSeason(season, sight, value, views, SEASON_FROM);
  remember(history, value);
  viewNeighbourhood(near, history, level.variance, sight.grain, views, NEIGHBOURHOOD_FROM);
}
