import type { ProbeSample } from './sample.ts';

/** Up or down with hysteresis: `fall` failures in a row turn it down, `rise` successes in a row turn it up. */
export interface FallRise {
  readonly up: boolean;
  /** Readings in a row that speak against `up`. */
  readonly against: number;
  /** When the present level began. */
  readonly since: number;
  readonly lastAt: number;
  readonly lastReason: string;
}

/** Everything starts down: what nobody has seen working gets no traffic. */
export function startFallRise(at: number): FallRise {
  return { up: false, against: 0, since: at, lastAt: at, lastReason: 'not probed yet' };
}

export function stepFallRise(state: FallRise, sample: ProbeSample): FallRise {
  const lastReason = sample.ok ? '' : sample.reason;
  if (sample.ok === state.up) return { ...state, against: 0, lastAt: sample.at, lastReason };
  const against = state.against + 1;
  const needed = state.up ? sample.fall : sample.rise;
  if (against < needed) return { ...state, against, lastAt: sample.at, lastReason };
  return { up: !state.up, against: 0, since: sample.at, lastAt: sample.at, lastReason };
}
