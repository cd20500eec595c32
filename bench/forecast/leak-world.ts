import type { Random } from '../../src/base/random.ts';

/** A resource that leaks, read once a minute, until it reaches its limit. Spikes do not count as reaching it. */
export interface LeakWorld {
  readonly levels: readonly number[];
  /** Growth per minute. */
  readonly slope: number;
  readonly limit: number;
}

export interface LeakKind {
  readonly name: string;
  /** Until the growth alone has filled what is left. */
  readonly days: number;
  readonly season: boolean;
  readonly teeth: boolean;
  readonly spikes: boolean;
}

export const LEAK_KINDS: readonly LeakKind[] = [
  { name: 'plain, 4 d', days: 4, season: false, teeth: false, spikes: false },
  { name: 'daily season, 4 d', days: 4, season: true, teeth: false, spikes: false },
  { name: 'GC saw-tooth, 4 d', days: 4, season: false, teeth: true, spikes: false },
  { name: 'season, GC, spikes, 4 d', days: 4, season: true, teeth: true, spikes: true },
  { name: 'season, GC, spikes, 10 d', days: 10, season: true, teeth: true, spikes: true },
];

const DAY = 1_440;
const SPIKES_PER_MINUTE = 0.002;
const SPIKE_MINUTES_MAX = 10;

/**
 * A leak that grows by 100 to 1,000 over `days`; a daily season and teeth of 10 to 40 % of that growth each, teeth of 10
 * to 60 minutes whose lengths vary by 30 %, spikes of 20 to 120 % of it for up to ten minutes, noise of 1 % of it.
 */
export function leakWorld(kind: LeakKind, random: Random): LeakWorld {
  const shape = drawShape(kind, random);
  const limit = shape.base + 0.9 * shape.growth + 1.2 * shape.wave + shape.tooth;
  let rise = 0;
  let length = shape.toothMinutes;
  let spikeMinutes = 0;
  let spike = 0;
  const levels: number[] = [];
  for (let minute = 0; minute <= 2 * kind.days * DAY; minute++) {
    rise += 1 / length;
    if (rise >= 1) {
      rise = 0;
      length = shape.toothMinutes * between(0.7, 1.3, random);
    }
    if (spikeMinutes > 0) spikeMinutes--;
    else if (kind.spikes && random.next() < SPIKES_PER_MINUTE) {
      spikeMinutes = Math.ceil(between(0, SPIKE_MINUTES_MAX, random));
      spike = between(0.2, 1.2, random) * shape.growth;
    }
    const level = smooth(shape, minute) + shape.tooth * rise + 0.01 * shape.growth * normal(random);
    if (level >= limit) break;
    levels.push(level + (spikeMinutes > 0 ? spike : 0));
  }
  return { levels, slope: shape.slope, limit };
}

interface Shape {
  readonly base: number;
  readonly growth: number;
  readonly slope: number;
  readonly wave: number;
  readonly phase: number;
  readonly tooth: number;
  readonly toothMinutes: number;
}

function drawShape(kind: LeakKind, random: Random): Shape {
  const growth = between(100, 1_000, random);
  return {
    base: between(300, 700, random),
    growth,
    slope: growth / (kind.days * DAY),
    wave: kind.season ? between(0.1, 0.4, random) * growth : 0,
    phase: between(0, 2 * Math.PI, random),
    tooth: kind.teeth ? between(0.1, 0.4, random) * growth : 0,
    toothMinutes: between(10, 60, random),
  };
}

function between(low: number, high: number, random: Random): number {
  return low + (high - low) * random.next();
}

/** The level without teeth, spikes and noise. */
function smooth({ base, slope, wave, phase }: Shape, minute: number): number {
  const angle = (2 * Math.PI * minute) / DAY;
  return base + slope * minute + wave * (Math.sin(angle + phase) + 0.4 * Math.sin(2 * (angle + phase)));
}

/** The same without the leak: nothing will ever be gone. */
export function leaklessWorld(
  kind: LeakKind,
  random: Random,
): { readonly levels: readonly number[]; readonly limit: number } {
  const { levels, slope, limit } = leakWorld(kind, random);
  return { levels: levels.map((level, minute) => level - slope * minute), limit };
}

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}
