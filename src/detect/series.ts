import type { Sample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Account, type AccountPoint, emptyAccount, type Unusual } from './account.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { addCounts, type Counts, measuresOf, noCounts } from './series-counts.ts';
import { past } from './stream/history.ts';
import { createStreamDetector, type StreamDetector, type StreamState } from './stream/stream-detector.ts';
import type { Change, Subject } from './symptom.ts';

/** Values of one measure of one owner. */
interface Series {
  readonly stream: StreamState;
  readonly unit: string;
  /** What was unusual, newest last. */
  readonly unusual: Unusual[];
}

/** Whose series they are: they count against it, and are forgotten with it. */
interface Owner {
  readonly kind: 'instance' | 'workload' | 'tenant' | 'asset';
  readonly name: string;
  readonly series: Record<string, Series>;
  /** Number of the grain that is being filled. */
  grain: number;
  /** By what it is counted at: a workload, or nothing. */
  counts: Record<string, Counts>;
  levels: Record<string, { sum: number; count: number; readonly unit: string }>;
  /** Samples in a row that were older than the grain. */
  late: number;
  refused: number;
  refusedAt: number;
}

interface State {
  readonly owners: Record<string, Owner>;
  sweptAt: number;
}

type About = Pick<Owner, 'kind' | 'name'>;

const GRAIN_MS = 10_000;
/** A source that repeats old samples sends some late; a clock that was set back sends nothing else. */
const LATE_MAX = 64;
const UNUSUAL_KEPT = 8;
const POINTS_SHOWN = 180;
/** Who was not heard of for so long is not there any more. Of an instance that is gone people still ask what it did. */
const FORGET_MS: Readonly<Record<Owner['kind'], number>> = {
  instance: 900_000,
  workload: 604_800_000,
  tenant: 604_800_000,
  asset: 604_800_000,
};
const SWEEP_MS = 300_000;
const TOLD_EVERY_MS = 10_000;
const EXPLODING_STAYS_MS = 600_000;
const EXPECTED_SPREADS = 3;
const MIB = 2 ** 20;

/**
 * Watches every series that the loop has, without any word about what is usual: rate, failures and latencies of each
 * instance, workload and tenant, memory, and every level that somebody measures. What is unusual is told in its account,
 * as evidence for whoever looks, and is no claim: without harm nothing is to be healed. Who makes up more series than one
 * may have is a claim of its own; its others, and everybody else's, are watched as ever.
 */
export function seriesDetector(numbers: () => DetectionNumbers): Detector<State> {
  const streams = new Map<string, StreamDetector>();
  const streamOf = ({ 'series.sensitivityNovel': novel, 'series.sensitivityLocal': local }: DetectionNumbers) => {
    const key = `${novel} ${local}`;
    const known = streams.get(key) ?? createStreamDetector({ sensitivity: { novel, local } });
    return streams.set(key, known).get(key)!;
  };
  return {
    name: 'series',
    start: () => ({ owners: {}, sweptAt: 0 }),
    step(state, sample) {
      const abouts = aboutsOf(sample);
      if (abouts.length === 0 || !Number.isFinite(sample.at)) return NO_CHANGES;
      if (Math.abs(sample.at - state.sweptAt) >= SWEEP_MS) sweep(state, sample.at);
      const given = { numbers: numbers(), stream: streamOf(numbers()) };
      let changes = NO_CHANGES;
      for (const about of abouts) {
        const owner = entryOf(state.owners, `${about.kind} ${about.name}`, () => begin(about, sample.at));
        const said = advance(state, owner, sample.at, given);
        if (said.length > 0) changes = [...changes, ...said];
        if (owner.grain === grainOf(sample.at)) fill(owner, sample);
      }
      return changes;
    },
    entries: ({ owners }) => owners,
    *tell(state) {
      for (const owner of Object.values(state.owners)) {
        for (const [measure, series] of Object.entries(owner.series))
          yield accountOf(owner, measure, series, numbers());
      }
    },
  };
}

const NOBODY: readonly About[] = [];

/** Whom a sample is about. */
function aboutsOf(sample: Sample): readonly About[] {
  switch (sample.kind) {
    case 'requests':
      return [
        { kind: 'tenant', name: sample.tenant },
        { kind: 'workload', name: sample.workload },
      ];
    case 'tries':
    case 'memory':
      return [{ kind: 'instance', name: sample.instance }];
    case 'calls':
      return [{ kind: sample.callee.includes(' ') ? 'asset' : 'workload', name: sample.callee }];
    case 'level':
      return [sample.of];
    default:
      return NOBODY;
  }
}

function grainOf(at: number): number {
  return Math.floor(at / GRAIN_MS);
}

function begin({ kind, name }: About, at: number): Owner {
  const nothing = { series: {}, counts: {}, levels: {}, late: 0, refused: 0, refusedAt: 0 };
  return { kind, name, grain: grainOf(at), ...nothing };
}

/** Adds a sample to the grain that is being filled. What is no count is not known. */
function fill(owner: Owner, sample: Sample): void {
  switch (sample.kind) {
    case 'requests':
    case 'tries':
    case 'calls': {
      if (!isCount(sample.ok) || !isCount(sample.failed)) return;
      const at =
        sample.kind === 'calls'
          ? 'calls'
          : owner.kind === 'tenant' && sample.kind === 'requests'
            ? sample.workload
            : '';
      addCounts(entryOf(owner.counts, at, noCounts), sample);
      return;
    }
    case 'memory':
      return addTo(owner, 'memory', sample.residentBytes / MIB, 'MiB');
    case 'level':
      return addTo(owner, sample.measure, sample.level, '');
    default:
  }
}

function isCount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

function addTo({ levels }: Owner, measure: string, value: number, unit: string): void {
  if (!Number.isFinite(value)) return;
  const level = entryOf(levels, measure, () => ({ sum: 0, count: 0, unit }));
  level.sum += value;
  level.count += 1;
}

interface Given {
  readonly numbers: DetectionNumbers;
  readonly stream: StreamDetector;
}

/** Moves on to the grain of `at`: what was filled is looked at. What comes late is left out. */
function advance(state: State, owner: Owner, at: number, given: Given): readonly Change[] {
  const grain = grainOf(at);
  if (grain === owner.grain) return NO_CHANGES;
  owner.late = grain < owner.grain ? owner.late + 1 : 0;
  if (grain < owner.grain && owner.late < LATE_MAX) return NO_CHANGES;
  const endAt = (owner.grain + 1) * GRAIN_MS;
  for (const place in owner.counts) {
    for (const { measure, unit, value } of measuresOf(owner.counts[place]!, GRAIN_MS)) {
      take(state, owner, { measure: place === '' ? measure : `${place} ${measure}`, unit, value, at: endAt }, given);
    }
  }
  for (const measure in owner.levels) {
    const { sum, count, unit } = owner.levels[measure]!;
    take(state, owner, { measure, unit, value: sum / count, at: endAt }, given);
  }
  Object.assign(owner, { grain, counts: {}, levels: {}, late: 0 });
  return exploding(owner, at, given.numbers);
}

function take(
  state: State,
  owner: Owner,
  point: { readonly measure: string; readonly unit: string; readonly value: number; readonly at: number },
  { stream, numbers }: Given,
): void {
  const { measure, unit, value, at } = point;
  const known = owner.series[measure];
  if (known === undefined && !mayHaveMore(state, owner, numbers)) {
    owner.refused += 1;
    return;
  }
  const series = known ?? { stream: stream.start(), unit, unusual: [] };
  if (known === undefined) {
    owner.series[measure] = series;
  }
  const { explanation } = stream.step(series.stream, at, value);
  if (explanation === undefined) return;
  const { channel, severity, oneIn, views } = explanation;
  series.unusual.push({
    at,
    channel,
    severity,
    oneIn,
    views: views.map(({ view, seen, low, high }) => ({ view, seen, low, high })),
  });
  if (series.unusual.length > UNUSUAL_KEPT) series.unusual.shift();
}

function mayHaveMore(state: State, { series }: Owner, numbers: DetectionNumbers): boolean {
  return Object.keys(series).length < numbers['series.perOwnerMax'] && countOf(state) < numbers['series.max'];
}

/** Counted anew for each new series, which is seldom. */
function countOf({ owners }: State): number {
  let count = 0;
  for (const key in owners) count += Object.keys(owners[key]!.series).length;
  return count;
}

/** Told while there are more than it may have, with how many and none of their names: those are what it makes up. */
function exploding(owner: Owner, at: number, numbers: DetectionNumbers): readonly Change[] {
  const { kind, name, refused } = owner;
  if (refused === 0 || Math.abs(at - owner.refusedAt) < TOLD_EVERY_MS) return NO_CHANGES;
  owner.refusedAt = at;
  owner.refused = 0;
  const kept = Object.keys(owner.series).length;
  const isFull = kept < numbers['series.perOwnerMax'];
  const limit = isFull
    ? `all together may have ${numbers['series.max']}`
    : `one may have ${numbers['series.perOwnerMax']}`;
  // An instance of which nothing but its name is known is whoever sends: it is not to be replaced for that.
  const subject: Subject = kind === 'instance' ? { kind: 'actor', name } : { kind, name };
  const raise = {
    name: 'series-exploding' as const,
    subject,
    since: at,
    at,
    vantages: [],
    reason: `${kind} ${name} sends ${refused} values of further series than the ${kept} that are watched: ${limit}`,
    evidence: { kept, refused },
    staysMs: EXPLODING_STAYS_MS,
  };
  return [{ raise }];
}

function sweep(state: State, at: number): void {
  state.sweptAt = at;
  for (const key in state.owners) {
    const owner = state.owners[key]!;
    if (Math.abs(at - owner.grain * GRAIN_MS) > FORGET_MS[owner.kind]) delete state.owners[key];
    else sweepSeries(owner, at);
  }
}

function sweepSeries({ kind, series }: Owner, at: number): void {
  for (const measure in series) {
    if (at - series[measure]!.stream.lastAt > FORGET_MS[kind]) delete series[measure];
  }
}

function accountOf(
  owner: Owner,
  measure: string,
  { stream, unit, unusual }: Series,
  numbers: DetectionNumbers,
): Account {
  const { local } = stream.known;
  const reach = EXPECTED_SPREADS * Math.sqrt(local.variance);
  const isKnown = local.points > 1;
  const standing = unusual.at(-1);
  const points = pointsOf(stream);
  // What was never negative is not expected to be.
  const floor = points.every(({ value }) => value >= 0) ? 0 : Number.NEGATIVE_INFINITY;
  return {
    ...emptyAccount(owner, measure, stream.counter.kind === 'counter' ? `${unit}/s` : unit),
    points,
    expected: isKnown ? { low: Math.max(floor, local.mean - reach), high: local.mean + reach } : null,
    unusual: standing ?? null,
    numbers: {
      'series.sensitivityNovel': numbers['series.sensitivityNovel'],
      'series.sensitivityLocal': numbers['series.sensitivityLocal'],
      'series.perOwnerMax': numbers['series.perOwnerMax'],
    },
  };
}

/** The last values, of which the detector keeps no times: they are taken to have come in its usual rhythm. */
function pointsOf({ lastAt, intervalMs, known }: StreamState): readonly AccountPoint[] {
  const { history } = known.views;
  const count = Math.min(POINTS_SHOWN, history.length);
  return Array.from({ length: count }, (_, i) => {
    const back = count - i;
    return { at: Math.round(lastAt - (back - 1) * intervalMs), value: past(history, back) };
  });
}
