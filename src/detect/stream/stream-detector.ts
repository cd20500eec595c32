import { type Counter, mayBeCounter, readCounter, startCounter } from './counter.ts';
import { createMeeting, type Envelopes, meetEnvelopes, startEnvelopes } from './envelope.ts';
import { type Explanation, explain } from './explanation.ts';
import { type Incidents, meetIncidents, startIncidents } from './incidents.ts';
import { type Local, meetLocal, startLocal } from './local.ts';
import { countSeverity, type Rarity, startRarity } from './rarity.ts';
import { breakViews, createSight, startViews, VALUE_VIEW, type ViewState, VIEWS, viewPoint, VOICES } from './views.ts';

export type Channel = 'novel' | 'local';

/** What is known of one series. Plain data: it survives JSON at any point, and going on from there changes no result. */
export interface StreamState {
  lastAt: number;
  /** Usual time between points. */
  intervalMs: number;
  /** Points that came late in a row. */
  late: number;
  readonly counter: Counter;
  known: Known;
}

/** What was learnt from the values. It starts anew when the series turns out to be a counter, or not to be one. */
interface Known {
  points: number;
  readonly views: ViewState;
  readonly envelopes: Envelopes;
  readonly local: Local;
  readonly rarity: Rarity;
  readonly incidents: Incidents;
}

/** What one point means. */
export interface Reading {
  /** Why the point was not looked at. It then says nothing about the series: neither that it is well nor that it is not. */
  readonly ignored?: 'not-a-number' | 'late' | 'repeated';
  /** How much this was never seen before: 1 is worth a word at sensitivity 1, there is no upper limit. */
  readonly novel: number;
  /** How unusual this is beside the points of late: 1 is worth a word at sensitivity 1, 2.5 is the most. */
  readonly local: number;
  /** The channels that open an incident with this point; mostly none. */
  readonly opened: readonly Channel[];
  /** There while a channel is at or above its bar, whether or not that opens an incident. */
  readonly explanation?: Explanation;
}

export interface StreamOptions {
  /**
   * How easily a channel speaks: its bar is one over it, and 0 is silence. 1 is for a healer: a month of 5-minute
   * points of plain noise passes mostly without a word. docs/detection.md says what higher values find and what they cost.
   */
  readonly sensitivity?: number | { readonly [channel in Channel]: number };
}

export interface StreamDetector {
  start(): StreamState;
  /** Takes one point in. Changes `state` in place: it is called for each point of each series. */
  step(state: StreamState, at: number, value: number): Reading;
}

/** Values beyond it are as good as it; their squares are still numbers. */
const VALUE_MAX = 1e100;
const INTERVAL_RATE = 0.05;
const INTERVAL_STEP_MAX = 5;
/** Behind a silence of so many usual intervals the points before it are no neighbours. */
const GAP_INTERVALS = 20;
/** So many late points in a row say that the clock was set back. */
const LATE_MAX = 8;
/** The sum of the views' surprise that has severity 1 in a history of a thousand points. */
const NOVEL_UNIT = 14;
const HISTORY_DECADES = 3;
/** The spreads from the level of late that have severity 1. */
const LOCAL_UNIT = 20;
/** A series that has moved by less than this part of its size in all its life is no news. */
const MOVE_SHARE_MIN = 1e-4;

/** By what `meetIncidents` says. */
const OPENED: readonly (readonly Channel[])[] = [[], ['novel'], ['local'], ['novel', 'local']];
const NOTHING = { novel: 0, local: 0, opened: OPENED[0]! } as const;

/** A detector for any series of which only times (ms) and values are known. One can serve any number of states. */
export function createStreamDetector(options: StreamOptions = {}): StreamDetector {
  const { sensitivity = 1 } = options;
  const eager = typeof sensitivity === 'number' ? { novel: sensitivity, local: sensitivity } : sensitivity;
  const sight = createSight();
  const met = createMeeting(VIEWS.length);

  function look(state: StreamState, at: number, value: number, passedMs: number): Reading {
    const { known } = state;
    known.points += 1;
    viewPoint(known.views, at, value, known.points === 1, sight);
    const { largest } = known.views.level;
    const surprise = meetEnvelopes(known.envelopes, sight.views, VOICES, passedMs, met);
    const low = Math.min(value, met.low[VALUE_VIEW]!);
    const high = Math.max(value, met.high[VALUE_VIEW]!);
    const weight = mayBeCounter(state.counter) ? 0 : Math.min(1, (high - low) / (MOVE_SHARE_MIN * largest || 1));
    const novel = surprise === 0 ? 0 : (weight * surprise * ageOf(known)) / NOVEL_UNIT;
    const local = (weight * meetLocal(known.local, value, sight.grain)) / LOCAL_UNIT;
    countSeverity(known.rarity, Math.max(novel, local));
    const calls = { novel: novel * eager.novel, local: local * eager.local };
    const opened = OPENED[meetIncidents(known.incidents, at, state.intervalMs, calls.novel, calls.local)]!;
    if (calls.novel < 1 && calls.local < 1) return { novel, local, opened };
    const channel = calls.novel >= calls.local ? 'novel' : 'local';
    const perSecond = state.counter.kind === 'counter';
    const seen = { channel, severity: Math.max(novel, local), value, perSecond } as const;
    return { novel, local, opened, explanation: explain(seen, sight, met, known) };
  }

  return {
    start: startState,
    step(state, at, value) {
      if (!Number.isFinite(at) || !Number.isFinite(value)) return { ...NOTHING, ignored: 'not-a-number' };
      const isFirst = state.intervalMs === 0 && state.known.points === 0;
      const passedMs = isFirst ? 0 : at - state.lastAt;
      if (passedMs === 0 && !isFirst) return { ...NOTHING, ignored: 'repeated' };
      if (passedMs < 0) return meetLate(state, at, value);
      if (isKnown(state) && passedMs > GAP_INTERVALS * state.intervalMs) breakViews(state.known.views);
      state.late = 0;
      state.lastAt = at;
      followInterval(state, passedMs);
      const read = readCounter(state.counter, clamp(value), Math.max(1, passedMs));
      if (read.changed) state.known = startKnown();
      return look(state, at, read.value, passedMs);
    },
  };
}

/** A record after a long history is rarer than one after a short history. */
function ageOf(known: Known): number {
  const decades = Math.log10(known.points) / HISTORY_DECADES;
  return decades * decades * decades;
}

/** The last of many late points is where the series goes on. It is not looked at: how much time lies before it is unknown. */
function meetLate(state: StreamState, at: number, value: number): Reading {
  state.late += 1;
  if (state.late >= LATE_MAX) {
    state.late = 0;
    state.lastAt = at;
    state.counter.last = clamp(value);
    breakViews(state.known.views);
  }
  return { ...NOTHING, ignored: 'late' };
}

function startState(): StreamState {
  return { lastAt: 0, intervalMs: 0, late: 0, counter: startCounter(), known: startKnown() };
}

function startKnown(): Known {
  return {
    points: 0,
    views: startViews(),
    envelopes: startEnvelopes(VIEWS.length),
    local: startLocal(),
    rarity: startRarity(),
    incidents: startIncidents(),
  };
}

function isKnown(state: StreamState): boolean {
  return state.known.points >= GAP_INTERVALS;
}

/** Long silences count as a few intervals: they say little about the usual one. */
function followInterval(state: StreamState, passedMs: number): void {
  if (state.intervalMs === 0) state.intervalMs = passedMs;
  else
    state.intervalMs += INTERVAL_RATE * (Math.min(passedMs, INTERVAL_STEP_MAX * state.intervalMs) - state.intervalMs);
}

function clamp(value: number): number {
  return Math.max(-VALUE_MAX, Math.min(VALUE_MAX, value)) + 0;
}
