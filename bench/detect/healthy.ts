import { type Random, seededRandom } from '../../src/base/random.ts';
import { alertRows } from './setting.ts';
import { traceStream } from './trace.ts';

/** Incidents per series where nothing is wrong, by sensitivity of both channels. */
export interface HealthyResult {
  readonly kind: string;
  readonly intervalMs: number;
  readonly points: number;
  readonly incidents: Readonly<Record<string, number>>;
}

type Source = (atMs: number) => number;

const SENSITIVITIES = [1, 2, 5];
const SERIES = 10;
const DAY_MS = 86_400_000;
const START_AT = Date.UTC(2024, 0, 1);
/** An hour's traffic many times over, and a month of a dashboard. */
const RHYTHMS = [
  { intervalMs: 10_000, points: 2_160 },
  { intervalMs: 300_000, points: 8_640 },
];

const KINDS: Readonly<Record<string, (random: Random) => Source>> = {
  'Gaussian noise': (random) => () => 100 + gauss(random),
  'counts, 3 on average': (random) => () => poisson(random, 3),
  'counts with a daily season': (random) => (at) => poisson(random, 30 + 20 * dayWave(at)),
  'values with a daily season': (random) => (at) => 100 + 50 * dayWave(at) + 3 * gauss(random),
  'autocorrelated noise': (random) => {
    let off = 0;
    return () => {
      off = 0.9 * off + gauss(random);
      return 50 + off;
    };
  },
  'latency, log-normal with sigma 0.5': (random) => () => 20 * Math.exp(0.5 * gauss(random)),
  'rare spikes, one point in 500': (random) => () =>
    random.next() < 0.002 ? 500 + 50 * gauss(random) : 10 + gauss(random),
};

export function runHealthy(seed: number): HealthyResult[] {
  const random = seededRandom(seed);
  return RHYTHMS.flatMap(({ intervalMs, points }) =>
    Object.entries(KINDS).map(([kind, create]) => {
      const counts = SENSITIVITIES.map(() => 0);
      for (let i = 0; i < SERIES; i++) {
        const source = create(random);
        const times = Float64Array.from({ length: points }, (_, row) => START_AT + row * intervalMs);
        const series = { name: kind, times, values: times.map(source), windows: [] };
        const trace = traceStream(series);
        SENSITIVITIES.forEach((each, at) => {
          counts[at]! += alertRows(series, trace, { novel: each, local: each }).length;
        });
      }
      const incidents = Object.fromEntries(SENSITIVITIES.map((each, at) => [String(each), counts[at]! / SERIES]));
      return { kind, intervalMs, points, incidents };
    }),
  );
}

function dayWave(at: number): number {
  return Math.sin((2 * Math.PI * at) / DAY_MS);
}

function gauss(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

function poisson(random: Random, mean: number): number {
  const end = Math.exp(-mean);
  let count = 0;
  for (let product = random.next(); product > end; product *= random.next()) count += 1;
  return count;
}
