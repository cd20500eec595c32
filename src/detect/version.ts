import type { Sample, TriesSample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Account, emptyAccount, type ReleaseAccount } from './account.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { quantileMsOf } from './histogram.ts';
import { addBatch, type ProportionTest, resultOf, startTest } from './sequential/proportion-test.ts';
import { addAgainstPast, addServed, isWorse, startWorsening, type Worsening } from './sequential/worsening.ts';
import { type Change, type Subject, type Symptom, staysMsOf, versionSubject } from './symptom.ts';
import { errorsOf, latencyOf, latestOf, onsetOf, type Total, totalOf, vantagesOf } from './tally.ts';
import { followSpan, startTrack, type Track, usualFailedShare, usualQuantileMs } from './usual.ts';

const GRAIN = { bucketMs: 500, keepMs: 20_000 };
const COMPARE_EVERY_MS = 1_000;
/** Where both serve at once, less is proven too, with more requests; and counts as long as the latest are like that. */
const PROVEN_SHARE_MIN = 0.01;
const STILL = { ms: 15_000, count: 50 };
const LATENCIES_MIN = 20;
const LATENCY_EVERY_MS = 250;
/** Failures of a version that may be chance, however few its requests are. */
const DOUBTED_MIN = 3;
/** Versions of one workload that are remembered; who was not heard for longest goes first. */
const VERSIONS_KEPT = 6;

interface Watched {
  readonly track: Track;
  /** Requests by region since both sides were compared last: regions have other tenants. */
  batches: Record<string, { total: number; failed: number }>;
  /** Against the version that it followed, where both serve; `of` says which one that is, null when that is not known. */
  comparison: { readonly of: number | null; readonly test: ProportionTest };
  comparedAt: number;
  /** Evidence that it has become worse than the version before, and up to when that was gathered. */
  evidence: Worsening;
  gatheredTo: number;
  hasErrors: boolean;
  isSlow: boolean;
  /** Since when it is slower without a break; null while it is not. */
  slowSince: number | null;
  latencyAt: number;
}

type Versions = Record<number, Watched>;

/**
 * The newest version of a workload against the one that it followed: what changed last is the first suspect. Its
 * predecessor is the one that served when it came, and not one that was tried in between and gone back from. It is judged
 * by what it does now, where it still serves, since what hurts both is not the change; else by what is remembered.
 */
export function versionDetector(numbers: () => DetectionNumbers): Detector<Record<string, Versions>> {
  return {
    name: 'version',
    start: () => ({}),
    step: (state, sample) => step(state, sample, numbers()),
    *tell(state, now) {
      for (const workload in state) {
        const release = releaseOf(workload, state[workload]!, now, numbers());
        if (release !== undefined) yield accountOf(release, numbers());
      }
    },
  };
}

/** What is known of the newest version from all its requests; the first of them already raise doubts. */
function releaseOf(
  workload: string,
  versions: Versions,
  at: number,
  numbers: DetectionNumbers,
): ReleaseAccount | undefined {
  const version = Math.max(...Object.keys(versions).map(Number));
  const { comparison, track } = versions[version]!;
  const { of: previous } = comparison;
  if (previous === null || !(previous in versions)) return undefined;
  const recent = totalOf(track.recent, at - GRAIN.keepMs, at);
  const requests = recent.count + track.usual.ok + track.usual.failed;
  const failed = recent.failed + track.usual.failed;
  const failedShare = requests === 0 ? 0 : failed / requests;
  const previousFailedShare = shareOf(versions[previous]!, { at, spanMs: 0 }, numbers);
  const isDoubted = failed >= DOUBTED_MIN && isMuchWorse(failedShare, previousFailedShare, numbers);
  const of = `${Math.round(requests)} requests`;
  const summary = failuresOf(versionSubject(workload, version), of, failedShare, previous, previousFailedShare);
  return { workload, version, summary, isDoubted };
}

function accountOf(release: ReleaseAccount, numbers: DetectionNumbers): Account {
  const { 'version.failedShareMin': failedShareMin, 'version.timesWorseAtOnce': timesWorseAtOnce } = numbers;
  return {
    ...emptyAccount(versionSubject(release.workload, release.version), 'requests', ''),
    release,
    numbers: { 'version.failedShareMin': failedShareMin, 'version.timesWorseAtOnce': timesWorseAtOnce },
  };
}

function isMuchWorse(share: number, beforeShare: number, numbers: DetectionNumbers): boolean {
  return share >= numbers['version.failedShareMin'] && share >= numbers['version.timesWorseAtOnce'] * beforeShare;
}

function step(state: Record<string, Versions>, sample: Sample, numbers: DetectionNumbers): readonly Change[] {
  if (sample.kind !== 'tries') return NO_CHANGES;
  const { workload, version } = sample;
  const versions = entryOf(state, workload, (): Versions => ({}));
  const watched = entryOf(versions, version, () => begin(versions));
  followSpan(watched.track, GRAIN, sample, watched.hasErrors || watched.isSlow);
  const batch = entryOf(watched.batches, sample.region, () => ({ total: 0, failed: 0 }));
  batch.total += sample.ok + sample.failed;
  batch.failed += sample.failed;
  const previous = predecessorOf(versions, version, sample.at);
  if (previous === undefined) return NO_CHANGES;
  const before = versions[previous]!;
  const changes: Change[] = [];
  compare(watched, before, sample);
  gather(watched, before, sample, numbers);
  if (sample.failed > 0 || watched.hasErrors) changes.push(...judgeErrors(watched, before, previous, sample, numbers));
  if (Math.abs(sample.at - watched.latencyAt) >= LATENCY_EVERY_MS) {
    watched.latencyAt = sample.at;
    changes.push(...judgeLatency(watched, before, previous, sample, numbers));
  }
  return changes.length === 0 ? NO_CHANGES : changes;
}

/** Once a second; a report that does not say how many requests there were is not compared. */
function compare(own: Watched, before: Watched, { at }: TriesSample): void {
  if (Math.abs(at - own.comparedAt) < COMPARE_EVERY_MS) return;
  own.comparedAt = at;
  for (const region in own.batches) {
    const [tested, reference] = [own.batches[region]!, before.batches[region]];
    if (reference !== undefined) addBatch(own.comparison.test, tested, reference);
  }
  own.batches = {};
  before.batches = {};
}

/** Once a second, whether or not it failed: who looks only at failures sees them too often. */
function gather(own: Watched, before: Watched, sample: TriesSample, numbers: DetectionNumbers): void {
  // Up to the report before this one: of this one the other may not have been heard yet.
  const until = sample.at - sample.spanMs;
  const from = Math.max(own.gatheredTo, until - GRAIN.keepMs);
  if (until - from < COMPARE_EVERY_MS) return;
  own.gatheredTo = until;
  const tested = whole(totalOf(own.track.recent, from, until));
  if (servesNow(before, sample, numbers))
    addServed(own.evidence, tested, whole(totalOf(before.track.recent, from, until)));
  else addAgainstPast(own.evidence, tested, usualWithDoubt(before));
}

/** Parts of buckets are no requests. */
function whole({ count, failed }: Total) {
  return { total: Math.round(count), failed: Math.min(Math.round(failed), Math.round(count)) };
}

/** Of a hundred requests without a failure it is not known that none ever fails. */
function usualWithDoubt({ track }: Watched): number {
  const { ok, failed } = track.usual;
  return Math.min(0.5, (failed + 1) / (ok + failed + 2));
}

/** Its share of failures in the comparison, when that is proven to be worse, by enough, and goes on. */
function provenShare({ comparison, track }: Watched, at: number, numbers: DetectionNumbers): number | undefined {
  const { verdict, timesWorse } = resultOf(comparison.test, numbers['version.alpha']);
  if (verdict !== 'worse' || (timesWorse ?? Number.POSITIVE_INFINITY) < numbers['version.timesWorse']) return undefined;
  const { total, failed } = comparison.test.tested;
  const share = failed / total;
  const recent = latestOf(track.recent, at, STILL);
  return share >= PROVEN_SHARE_MIN && recent !== undefined && recent.failedShare >= share / 2 ? share : undefined;
}

function begin(versions: Versions): Watched {
  const known = Object.keys(versions).map(Number);
  if (known.length >= VERSIONS_KEPT)
    delete versions[known.reduce((gone, each) => (heardAt(versions[each]!) < heardAt(versions[gone]!) ? each : gone))];
  return {
    track: startTrack(),
    batches: {},
    comparison: { of: null, test: startTest() },
    comparedAt: 0,
    evidence: startWorsening(),
    gatheredTo: 0,
    hasErrors: false,
    isSlow: false,
    slowSince: null,
    latencyAt: 0,
  };
}

function heardAt({ track }: Watched): number {
  return track.recent.buckets.at(-1)?.to ?? Number.NEGATIVE_INFINITY;
}

/** Chosen once and kept while it is remembered; undefined when `version` is not the newest or the only one. */
function predecessorOf(versions: Versions, version: number, at: number): number | undefined {
  for (const key in versions) if (Number(key) > version) return undefined;
  const own = versions[version]!;
  const { of } = own.comparison;
  if (of !== null && of in versions) return of;
  const older = Object.keys(versions)
    .map(Number)
    .filter((other) => other < version);
  const found = mostHeard(versions, older, at);
  if (found !== undefined) own.comparison = { of: found, test: startTest() };
  return found;
}

/** Who served most of late; where nobody did, the newest that was not found to be worse itself. */
function mostHeard(versions: Versions, among: readonly number[], at: number): number | undefined {
  const weights = among.map((version) => {
    const { track, hasErrors, isSlow } = versions[version]!;
    const { count } = totalOf(track.recent, at - GRAIN.keepMs, at);
    return { version, count, isSound: !hasErrors && !isSlow };
  });
  weights.sort((a, b) => b.count - a.count || Number(b.isSound) - Number(a.isSound) || b.version - a.version);
  return weights[0]?.version;
}

function judgeErrors(
  own: Watched,
  before: Watched,
  previous: number,
  sample: TriesSample,
  numbers: DetectionNumbers,
): readonly Change[] {
  const recent = recentOf(own, sample, numbers);
  if (recent === undefined) return NO_CHANGES;
  const concurrent = servesNow(before, sample, numbers);
  const beforeShare = shareOf(before, sample, numbers);
  const subject = versionSubject(sample.workload, sample.version);
  const shareMin = numbers['version.failedShareMin'];
  const isWorseNow = isMuchWorse(recent.failedShare, beforeShare, numbers);
  const proven = concurrent ? provenShare(own, sample.at, numbers) : undefined;
  if (!isWorseNow && proven === undefined) {
    if (!own.hasErrors || recent.failedShare >= shareMin / 2) return NO_CHANGES;
    own.hasErrors = false;
    own.evidence = startWorsening();
    return [{ clear: 'version-errors', subject }];
  }
  // Much worse in the last seconds may be chance, and who looks at all seconds finds it.
  if (!own.hasErrors && proven === undefined && !isWorse(own.evidence)) return NO_CHANGES;
  own.hasErrors = true;
  const failedShare = isWorseNow ? recent.failedShare : proven!;
  const reason = failuresOf(subject, 'requests', failedShare, previous, beforeShare);
  const { p, timesWorse } = resultOf(own.comparison.test, numbers['version.alpha']);
  const evidence = {
    failedShare,
    ...(concurrent ? { compared: own.comparison.test.tested.total, chance: p, timesWorse } : {}),
    requests: Math.round(recent.count),
    previous,
    previousFailedShare: beforeShare,
    concurrent,
    errors: errorsOf(own.track.recent, recent.from),
  };
  const since = onsetOf(own.track.recent, shareMin / 2, sample.at);
  return [{ raise: claim('version-errors', own, sample, { since, reason, evidence }, numbers) }];
}

/** Where it is proven that it became worse, few requests will do: gateways keep requests from a canary that fails. */
function recentOf({ track, evidence }: Watched, { at, spanMs }: TriesSample, numbers: DetectionNumbers) {
  const until = at - spanMs;
  const enough = latestOf(track.recent, at, leastOf(numbers), until);
  if (enough !== undefined || !isWorse(evidence)) return enough;
  const few = totalOf(track.recent, until - GRAIN.keepMs, until);
  return few.failed >= DOUBTED_MIN ? few : undefined;
}

/** Less than this says nothing. */
function leastOf(numbers: DetectionNumbers) {
  return { ms: numbers['version.windowMs'], count: numbers['version.requestsMin'] };
}

function failuresOf({ name }: Subject, of: string, share: number, previous: number, previousShare: number): string {
  return `${percent(share)} of ${of} to ${name} fail, ${percent(previousShare)} did at version ${previous}`;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}

/** When a report was made, and of how long a time. */
type Moment = Pick<TriesSample, 'at' | 'spanMs'>;

/** Now, where it serves; else as it was. */
function shareOf(watched: Watched, moment: Moment, numbers: DetectionNumbers): number {
  const { at } = moment;
  const until = at - moment.spanMs;
  const usual = usualFailedShare(watched.track);
  const now: Total | undefined = latestOf(watched.track.recent, at, leastOf(numbers), until);
  if (now === undefined) return usual;
  return servesNow(watched, moment, numbers) ? now.failedShare : Math.max(usual, now.failedShare);
}

function servesNow({ track }: Watched, { at, spanMs }: Moment, numbers: DetectionNumbers): boolean {
  const last = track.recent.buckets.at(-1);
  const isHeard = last !== undefined && last.to > at - spanMs - numbers['version.windowMs'];
  return isHeard && latestOf(track.recent, at, leastOf(numbers), at - spanMs) !== undefined;
}

function judgeLatency(
  own: Watched,
  before: Watched,
  previous: number,
  sample: TriesSample,
  numbers: DetectionNumbers,
): readonly Change[] {
  const windowMs = numbers['version.windowMs'];
  const timesSlower = numbers['version.timesSlower'];
  const medianMs = medianMsOf(own, sample.at, windowMs);
  const beforeMs = medianMsOf(before, sample.at, windowMs) ?? usualQuantileMs(before.track, 0.5, LATENCIES_MIN);
  if (medianMs === undefined || beforeMs === undefined) return NO_CHANGES;
  const subject = versionSubject(sample.workload, sample.version);
  if (medianMs < timesSlower * beforeMs || medianMs < beforeMs + numbers['version.slowerMinMs']) {
    own.slowSince = null;
    if (!own.isSlow || medianMs >= (timesSlower / 2) * beforeMs) return NO_CHANGES;
    own.isSlow = false;
    return [{ clear: 'version-slow', subject }];
  }
  own.slowSince ??= sample.at;
  if (sample.at - own.slowSince < numbers['version.slowForMs']) return NO_CHANGES;
  own.isSlow = true;
  const reason = `${subject.name} takes ${Math.round(medianMs)} ms in the median, version ${previous} takes ${Math.round(beforeMs)} ms`;
  const evidence = { medianMs, previous, previousMedianMs: beforeMs, concurrent: servesNow(before, sample, numbers) };
  return [{ raise: claim('version-slow', own, sample, { since: own.slowSince, reason, evidence }, numbers) }];
}

function medianMsOf({ track }: Watched, at: number, windowMs: number): number | undefined {
  const recent = latestOf(track.recent, at, { ms: windowMs, count: LATENCIES_MIN });
  const latency =
    recent && track.recent.buckets.at(-1)!.to > at - windowMs ? latencyOf(track.recent, recent.from) : undefined;
  return latency && quantileMsOf(latency, 0.5);
}

function claim(
  name: 'version-errors' | 'version-slow',
  { track }: Watched,
  sample: TriesSample,
  what: Pick<Symptom, 'since' | 'reason' | 'evidence'>,
  numbers: DetectionNumbers,
): Symptom {
  const subject = versionSubject(sample.workload, sample.version);
  const vantages = vantagesOf(track.recent, sample.at - numbers['version.windowMs']);
  return { name, subject, at: sample.at, vantages, staysMs: staysMsOf(sample.spanMs), ...what };
}
