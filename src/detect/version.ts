import type { TriesSample } from '../observe/sample.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { quantileMsOf } from './histogram.ts';
import { type Change, type Symptom, staysMsOf, versionSubject } from './symptom.ts';
import { errorsOf, latencyOf, latestOf, onsetOf, type Total, vantagesOf } from './tally.ts';
import { followSpan, startTrack, type Track, usualFailedShare, usualQuantileMs } from './usual.ts';

const WINDOW_MS = 5_000;
const GRAIN = { bucketMs: 500, keepMs: 20_000 };
const REQUESTS_MIN = 15;
const LEAST = { ms: WINDOW_MS, count: REQUESTS_MIN };
const FAILED_SHARE_MIN = 0.05;
const TIMES_WORSE = 3;
const TIMES_SLOWER = 3;
const SLOWER_MS_MIN = 100;
const LATENCIES_MIN = 20;
const LATENCY_EVERY_MS = 250;
/** A process that has just started is slow at first. */
const SLOW_FOR_MS = 8_000;
/** Versions of one workload that are remembered; the oldest go first. */
const VERSIONS_KEPT = 6;

interface Watched {
  readonly track: Track;
  hasErrors: boolean;
  isSlow: boolean;
  /** Since when it is slower without a break; null while it is not. */
  slowSince: number | null;
  latencyAt: number;
}

type Versions = Record<number, Watched>;

/**
 * The newest version of a workload against the one before: what changed last is the first suspect. Its predecessor is
 * judged by what it does now, where it still serves, since what hurts both is not the change; else by what is remembered.
 */
export const versionDetector: Detector<Record<string, Versions>> = {
  name: 'version',
  start: () => ({}),
  step(state, sample) {
    if (sample.kind !== 'tries') return NO_CHANGES;
    const { workload, version } = sample;
    const versions = entryOf(state, workload, (): Versions => ({}));
    const watched = entryOf(versions, version, () => begin(versions));
    followSpan(watched.track, GRAIN, sample, watched.hasErrors || watched.isSlow);
    const previous = previousOf(versions, version);
    if (previous === undefined) return NO_CHANGES;
    const before = versions[previous]!;
    const changes: Change[] = [];
    if (sample.failed > 0 || watched.hasErrors) changes.push(...judgeErrors(watched, before, previous, sample));
    if (Math.abs(sample.at - watched.latencyAt) >= LATENCY_EVERY_MS) {
      watched.latencyAt = sample.at;
      changes.push(...judgeLatency(watched, before, previous, sample));
    }
    return changes.length === 0 ? NO_CHANGES : changes;
  },
};

function begin(versions: Versions): Watched {
  const known = Object.keys(versions).map(Number);
  if (known.length >= VERSIONS_KEPT) delete versions[Math.min(...known)];
  return { track: startTrack(), hasErrors: false, isSlow: false, slowSince: null, latencyAt: 0 };
}

/** The one before the newest; undefined when `version` is not the newest or the only one. */
function previousOf(versions: Versions, version: number): number | undefined {
  let previous: number | undefined;
  for (const key in versions) {
    const other = Number(key);
    if (other > version) return undefined;
    if (other < version && other > (previous ?? -1)) previous = other;
  }
  return previous;
}

function judgeErrors(own: Watched, before: Watched, previous: number, sample: TriesSample): readonly Change[] {
  const recent = latestOf(own.track.recent, sample.at, LEAST, sample.at - sample.spanMs);
  if (recent === undefined) return NO_CHANGES;
  const concurrent = servesNow(before, sample);
  const beforeShare = shareOf(before, sample);
  const subject = versionSubject(sample.workload, sample.version);
  const isWorse = recent.failedShare >= FAILED_SHARE_MIN && recent.failedShare >= TIMES_WORSE * beforeShare;
  if (!isWorse) {
    if (!own.hasErrors || recent.failedShare >= FAILED_SHARE_MIN / 2) return NO_CHANGES;
    own.hasErrors = false;
    return [{ clear: 'version-errors', subject }];
  }
  own.hasErrors = true;
  const percent = Math.round(recent.failedShare * 100);
  const reason = `${percent} % of requests to ${subject.name} fail, ${Math.round(beforeShare * 100)} % did at version ${previous}`;
  const evidence = {
    failedShare: recent.failedShare,
    requests: Math.round(recent.count),
    previous,
    previousFailedShare: beforeShare,
    concurrent,
    errors: errorsOf(own.track.recent, recent.from),
  };
  const since = onsetOf(own.track.recent, FAILED_SHARE_MIN / 2, sample.at);
  return [{ raise: claim('version-errors', own, sample, { since, reason, evidence }) }];
}

/** Now, where it serves; else as it was. */
function shareOf(watched: Watched, sample: TriesSample): number {
  const { at } = sample;
  const until = at - sample.spanMs;
  const usual = usualFailedShare(watched.track);
  const now: Total | undefined = latestOf(watched.track.recent, at, LEAST, until);
  if (now === undefined) return usual;
  return servesNow(watched, sample) ? now.failedShare : Math.max(usual, now.failedShare);
}

function servesNow({ track }: Watched, { at, spanMs }: TriesSample): boolean {
  const last = track.recent.buckets.at(-1);
  const isHeard = last !== undefined && last.to > at - spanMs - WINDOW_MS;
  return isHeard && latestOf(track.recent, at, LEAST, at - spanMs) !== undefined;
}

function judgeLatency(own: Watched, before: Watched, previous: number, sample: TriesSample): readonly Change[] {
  const medianMs = medianMsOf(own, sample.at);
  const beforeMs = medianMsOf(before, sample.at) ?? usualQuantileMs(before.track, 0.5, LATENCIES_MIN);
  if (medianMs === undefined || beforeMs === undefined) return NO_CHANGES;
  const subject = versionSubject(sample.workload, sample.version);
  if (medianMs < TIMES_SLOWER * beforeMs || medianMs < beforeMs + SLOWER_MS_MIN) {
    own.slowSince = null;
    if (!own.isSlow || medianMs >= (TIMES_SLOWER / 2) * beforeMs) return NO_CHANGES;
    own.isSlow = false;
    return [{ clear: 'version-slow', subject }];
  }
  own.slowSince ??= sample.at;
  if (sample.at - own.slowSince < SLOW_FOR_MS) return NO_CHANGES;
  own.isSlow = true;
  const reason = `${subject.name} takes ${Math.round(medianMs)} ms in the median, version ${previous} takes ${Math.round(beforeMs)} ms`;
  const evidence = { medianMs, previous, previousMedianMs: beforeMs, concurrent: servesNow(before, sample) };
  return [{ raise: claim('version-slow', own, sample, { since: own.slowSince, reason, evidence }) }];
}

function medianMsOf({ track }: Watched, at: number): number | undefined {
  const recent = latestOf(track.recent, at, { ms: WINDOW_MS, count: LATENCIES_MIN });
  const latency =
    recent && track.recent.buckets.at(-1)!.to > at - WINDOW_MS ? latencyOf(track.recent, recent.from) : undefined;
  return latency && quantileMsOf(latency, 0.5);
}

function claim(
  name: 'version-errors' | 'version-slow',
  { track }: Watched,
  sample: TriesSample,
  what: Pick<Symptom, 'since' | 'reason' | 'evidence'>,
): Symptom {
  const subject = versionSubject(sample.workload, sample.version);
  const vantages = vantagesOf(track.recent, sample.at - WINDOW_MS);
  return { name, subject, at: sample.at, vantages, staysMs: staysMsOf(sample.spanMs), ...what };
}
