import type { CallsSample, InstanceRef, Sample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { countOf, quantileMsOf } from './histogram.ts';
import { type Change, instanceSubject, staysMsOf, type Subject } from './symptom.ts';
import { addServed, isWorse, startWorsening, type Worsening } from './sequential/worsening.ts';
import {
  addSpan,
  emptyTally,
  errorsOf,
  latencyOf,
  latestOf,
  onsetOf,
  totalOf,
  type Span,
  type Tally,
  type Total,
  vantagesOf,
} from './tally.ts';

const GRAIN = { bucketMs: 500, keepMs: 20_000 };
/** A standing claim of slowness goes when the gap is this small again. */
const TIMES_NORMAL = 1.5;
/** A slow instance gets few requests, because the least loaded is chosen: latency looks back until it has enough. */
const LATENCY_REQUESTS_MIN = 10;
const LATENCY_WINDOW_MIN_MS = 2_000;
/** Latencies are compared at most this often: sorting them is what costs. */
const LATENCY_EVERY_MS = 250;
/** Standing claims go when the instance is this close to normal again. */
const FAILED_SHARE_CLEAR = 0.05;
const COMPARE_EVERY_MS = 1_000;
const STRAYS_MS = 5_000;

interface Watched {
  readonly workload: string;
  readonly version: number;
  readonly region: string;
  readonly tally: Tally;
  /** Evidence that it fails more than its siblings do at the same time. */
  evidence: Worsening;
  /** Up to when that was gathered, and what had failed in the whole group when it was the last time and the one before. */
  comparedTo: number;
  failedThen: number;
  failedBefore: number;
  hasErrors: boolean;
  isSlow: boolean;
  /** When it was slower last and not for long enough to be called slow; null when that is not claimed. */
  strayedAt: number | null;
  /** Median of its latest requests, or null while there are too few. */
  medianMs: number | null;
  medianAt: number;
  /** Since when it is slower than its siblings without a break; null while it is not. */
  slowSince: number | null;
  readonly firstAt: number;
}

/** What was seen of an instance in a span: by a gateway that tried it, or by an instance that called it. */
type Seen = InstanceRef & Span;

interface State {
  readonly instances: Record<string, Watched>;
  /** Ids by workload and region: equal work only, since another region has other tenants and another load. */
  readonly groups: Record<string, Record<string, string[]>>;
  /** Failures so far, by workload and region: what failed nowhere says nothing. */
  readonly failed: Record<string, Record<string, number>>;
}

/**
 * Error rate and latency of an instance against its siblings: equal code under equal load should behave equally. Calls
 * between workloads count as requests do, where the caller knows whom it asked.
 */
export function siblingDetector(numbers: () => DetectionNumbers): Detector<State> {
  return {
    name: 'sibling',
    start: () => ({ instances: {}, groups: {}, failed: {} }),
    step: (state, sample) => step(state, sample, numbers()),
  };
}

function step(state: State, sample: Sample, numbers: DetectionNumbers): readonly Change[] {
  if (sample.kind === 'retired' || sample.kind === 'exit') {
    forget(state, sample.instance);
    const subject = instanceSubject(sample);
    return [
      { clear: 'instance-errors', subject },
      { clear: 'instance-slow', subject },
      { clear: 'instance-outlier', subject },
    ];
  }
  if (sample.kind === 'calls') return addCalls(state, sample, numbers);
  if (sample.kind !== 'tries') return NO_CHANGES;
  const watched = entryOf(state.instances, sample.instance, () => join(state, sample));
  return addTimed(state, watched, sample, numbers);
}

/** Counts, and latencies now and then. */
function addTimed(
  state: State,
  watched: Watched,
  sample: Seen,
  numbers: DetectionNumbers,
  windowMs = numbers['sibling.windowMs'],
): readonly Change[] {
  const errors = addSeen(state, watched, sample, numbers, windowMs);
  if (sample.at - watched.medianAt < LATENCY_EVERY_MS && sample.at >= watched.medianAt) return errors;
  watched.medianAt = sample.at;
  const latency = judgeLatency(state, watched, sample, numbers);
  return errors.length === 0 ? latency : latency.length === 0 ? errors : [...errors, ...latency];
}

function addCalls(
  state: State,
  { at, spanMs, vantage, callee, peers, failed, errors }: CallsSample,
  numbers: DetectionNumbers,
): readonly Change[] {
  const changes: Change[] = [];
  for (const peer of peers ?? []) {
    const seen = { ...peer, workload: callee, at, spanMs, vantage, ...(peer.failed === failed ? { errors } : {}) };
    const watched = entryOf(state.instances, peer.instance, () => join(state, seen));
    changes.push(...addTimed(state, watched, seen, numbers, numbers['sibling.callsWindowMs']));
  }
  return changes.length === 0 ? NO_CHANGES : changes;
}

function addSeen(
  state: State,
  watched: Watched,
  seen: Seen,
  numbers: DetectionNumbers,
  windowMs: number,
): readonly Change[] {
  addSpan(watched.tally, GRAIN, seen);
  const failed = entryOf(state.failed, seen.workload, (): Record<string, number> => ({}));
  failed[seen.region] = (failed[seen.region] ?? 0) + seen.failed;
  compare(state, watched, seen);
  return seen.failed > 0 || watched.hasErrors ? judgeErrors(state, watched, seen, { windowMs, numbers }) : NO_CHANGES;
}

/** Gathers evidence about once a second, whether or not it failed itself: who looks only at failures sees them too often. */
function compare(state: State, watched: Watched, seen: Seen): void {
  // Up to the report before this one: of this one the siblings may not have been heard yet.
  const until = seen.at - seen.spanMs;
  const from = Math.max(watched.comparedTo, until - GRAIN.keepMs);
  if (until - from < COMPARE_EVERY_MS) return;
  watched.comparedTo = until;
  const failed = state.failed[seen.workload]![seen.region]!;
  // Others may have reported before what is only now looked at.
  const { failedBefore } = watched;
  watched.failedBefore = watched.failedThen;
  watched.failedThen = failed;
  if (failed === failedBefore) return;
  const own = totalOf(watched.tally, from, until);
  const others = { total: 0, failed: 0 };
  for (const sibling of siblingsOf(state, seen)) {
    const { count, failed } = totalOf(sibling.tally, from, until);
    others.total += count;
    others.failed += failed;
  }
  addServed(watched.evidence, whole({ total: own.count, failed: own.failed }), whole(others));
}

/** Parts of buckets are no requests. */
function whole({ total, failed }: { total: number; failed: number }) {
  return { total: Math.round(total), failed: Math.min(Math.round(failed), Math.round(total)) };
}

function join({ groups }: State, { instance, workload, version, region, at: firstAt }: Seen): Watched {
  const regions = entryOf(groups, workload, (): Record<string, string[]> => ({}));
  entryOf(regions, region, (): string[] => []).push(instance);
  const nothing = { hasErrors: false, isSlow: false, strayedAt: null, medianMs: null, medianAt: 0, slowSince: null };
  const unseen = { evidence: startWorsening(), comparedTo: 0, failedThen: 0, failedBefore: 0 };
  return { workload, version, region, tally: emptyTally(), firstAt, ...unseen, ...nothing };
}

function forget(state: State, instance: string): void {
  const watched = state.instances[instance];
  if (!watched) return;
  delete state.instances[instance];
  const regions = state.groups[watched.workload]!;
  regions[watched.region] = regions[watched.region]!.filter((each) => each !== instance);
}

function siblingsOf({ groups, instances }: State, { instance, workload, region }: InstanceRef): readonly Watched[] {
  return groups[workload]![region]!.filter((each) => each !== instance).map((each) => instances[each]!);
}

function judgeErrors(
  state: State,
  watched: Watched,
  sample: Seen,
  { windowMs, numbers }: { readonly windowMs: number; readonly numbers: DetectionNumbers },
): readonly Change[] {
  const shareMin = numbers['sibling.failedShareMin'];
  // Up to the report before this one: of this one the siblings may not have been heard yet.
  const until = sample.at - sample.spanMs;
  const count = numbers['sibling.requestsMin'];
  const least = { ms: numbers['sibling.windowMs'], count };
  const just = latestOf(watched.tally, sample.at, least, until);
  // What lies between two instances loses calls for a moment: the fewer fail, the longer it is watched.
  const own = latestOf(watched.tally, sample.at, { ms: windowMs, count }, until);
  if (just === undefined || own === undefined) return NO_CHANGES;
  const subject = instanceSubject(sample);
  if (just.failedShare < FAILED_SHARE_CLEAR) {
    if (!watched.hasErrors) return NO_CHANGES;
    watched.hasErrors = false;
    watched.evidence = startWorsening();
    return [{ clear: 'instance-errors', subject }];
  }
  if (own.failedShare < shareMin || own.failed < numbers['sibling.failedMin']) return NO_CHANGES;
  const others = siblingsOf(state, sample)
    .filter((each) => (each.tally.buckets.at(-1)?.to ?? 0) > own.from)
    .flatMap((each) => latestOf(each.tally, sample.at, least, until) ?? []);
  // Without others to compare with, it is a matter of the workload.
  const usual = medianOf(others.map((each) => each.failedShare));
  if (usual === undefined || own.failedShare < numbers['sibling.timesWorse'] * usual) return NO_CHANGES;
  if (!watched.hasErrors && !isWorse(watched.evidence)) return NO_CHANGES;
  watched.hasErrors = true;
  return [{ raise: errorsClaim(watched, sample, own, usual, shareMin) }];
}

function errorsClaim({ tally }: Watched, sample: Seen, own: Total, usual: number, shareMin: number) {
  const percent = Math.round(own.failedShare * 100);
  const requests = Math.round(own.count);
  return {
    name: 'instance-errors' as const,
    subject: instanceSubject(sample),
    since: onsetOf(tally, shareMin / 2, sample.at),
    at: sample.at,
    vantages: vantagesOf(tally, own.from),
    reason: `${percent} % of ${requests} requests to ${sample.instance} failed, ${Math.round(usual * 100)} % elsewhere`,
    evidence: {
      failedShare: own.failedShare,
      requests,
      siblingsFailedShare: usual,
      errors: errorsOf(tally, own.from),
    },
    staysMs: staysMsOf(sample.spanMs),
  };
}

function judgeLatency(state: State, watched: Watched, sample: Seen, numbers: DetectionNumbers): readonly Change[] {
  const slowerMs = numbers['sibling.slowerMinMs'];
  watched.medianMs = latestMedianMs(watched.tally, sample.at);
  const { medianMs } = watched;
  const mayBeSlow = medianMs !== null && (medianMs >= slowerMs || watched.isSlow);
  // Too little to compare is no news.
  if (medianMs === null) return NO_CHANGES;
  const oldest = sample.at - GRAIN.keepMs - sample.spanMs;
  const others = mayBeSlow ? siblingsOf(state, sample).filter((each) => each.medianAt > oldest) : [];
  const usualMs = medianOf(others.flatMap((each) => each.medianMs ?? []));
  if (mayBeSlow && usualMs === undefined) return NO_CHANGES;
  const isSlower =
    mayBeSlow && medianMs >= numbers['sibling.timesSlower'] * usualMs! && medianMs >= usualMs! + slowerMs;
  const isWarm = sample.at - watched.firstAt >= numbers['sibling.warmMs'];
  watched.slowSince = isSlower && isWarm ? (watched.slowSince ?? sample.at) : null;
  const subject = instanceSubject(sample);
  if (watched.isSlow && medianMs < TIMES_NORMAL * (usualMs ?? medianMs)) {
    watched.isSlow = false;
    return [{ clear: 'instance-slow', subject }];
  }
  if (watched.slowSince === null) return noOutlier(watched, subject, sample.at - STRAYS_MS);
  const seenBy = vantagesOf(watched.tally, sample.at - numbers['sibling.windowMs']);
  const claim = slowClaim(watched, sample, { medianMs, usualMs: usualMs!, seenBy });
  if (sample.at - watched.slowSince < numbers['sibling.slowForMs']) {
    if (watched.isSlow) return NO_CHANGES;
    watched.strayedAt = sample.at;
    return [{ raise: { ...claim, name: 'instance-outlier' } }];
  }
  watched.isSlow = true;
  return [{ raise: claim }, ...noOutlier(watched, subject, sample.at)];
}

/** One slow request less does not make it like the others at once: it is told of until it last strayed before `until`. */
function noOutlier(watched: Watched, subject: Subject, until: number): readonly Change[] {
  if (watched.strayedAt === null || watched.strayedAt > until) return NO_CHANGES;
  watched.strayedAt = null;
  return [{ clear: 'instance-outlier', subject }];
}

function slowClaim(
  { slowSince }: Watched,
  sample: Seen,
  { medianMs, usualMs, seenBy }: { medianMs: number; usualMs: number; seenBy: readonly string[] },
) {
  return {
    name: 'instance-slow' as const,
    subject: instanceSubject(sample),
    since: slowSince!,
    at: sample.at,
    vantages: seenBy,
    reason: `${sample.instance} takes ${Math.round(medianMs)} ms in the median, its siblings ${Math.round(usualMs)} ms`,
    evidence: { medianMs, siblingsMedianMs: usualMs },
    staysMs: staysMsOf(sample.spanMs),
  };
}

/** Of the latest requests: as far back as it takes to have enough, and never less than the shortest window. */
function latestMedianMs(tally: Tally, at: number): number | null {
  for (let backMs = LATENCY_WINDOW_MIN_MS; backMs <= GRAIN.keepMs; backMs *= 2) {
    const latency = latencyOf(tally, at - backMs);
    if (latency !== undefined && countOf(latency) >= LATENCY_REQUESTS_MIN) return quantileMsOf(latency, 0.5) ?? null;
  }
  return null;
}

/** The lower one of two in the middle: with one bad sibling of two, the good one is what is usual. */
function medianOf(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}
