import type { RequestsSample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { NO_CHANGES } from './detector.ts';
import type { Part } from './parts.ts';
import { addAgainstPast, addServed, isWorse, startWorsening, type Worsening } from './sequential/worsening.ts';
import { type Change, type Subject, staysMsOf, type Symptom } from './symptom.ts';
import { onsetOf, type Tally, type Total, totalOf, vantagesOf } from './tally.ts';

/** Of many requests a smaller share is no chance either, when it is more times that of the others. */
const FAILED_MIN = 2;
const MANY = { ofShare: 0.4, ofRequests: 4, ofTimes: 5 / 3, failed: 8 };
const COMPARE_EVERY_MS = 1_000;
/** A past of more requests than this is halved: what was long ago counts less. */
const PAST_MAX = 4_000;

/** One tenant at one workload: evidence that it fares worse than the others do at the same time, and than it did itself. */
export interface TenantComparison {
  readonly againstOthers: Worsening;
  readonly againstPast: Worsening;
  comparedTo: number;
  past: { total: number; failed: number };
  isClaimed: boolean;
}

export function startComparison(): TenantComparison {
  const evidence = { againstOthers: startWorsening(), againstPast: startWorsening() };
  return { ...evidence, comparedTo: 0, past: { total: 0, failed: 0 }, isClaimed: false };
}

/**
 * A tenant whose requests fail where the others are served, and were served before. Both are bets that chance wins once
 * in hours at most, however often one looks (`sequential/worsening.ts`). Changes `comparison` in place.
 */
export function judgeTenant(
  comparison: TenantComparison,
  part: Part,
  all: Tally,
  sample: RequestsSample,
  numbers: DetectionNumbers,
): readonly Change[] {
  const windowMs = numbers['tenant.windowMs'];
  // Up to the report before this one: of this one the others may not have been heard yet.
  const until = sample.at - sample.spanMs;
  gather(comparison, part, all, { until, numbers });
  if (!part.isFailing && !comparison.isClaimed) return NO_CHANGES;
  const own = totalOf(part.tally, until - windowMs, until);
  const othersShare = shareOf(without(totalOf(all, until - windowMs, until), own));
  const subject: Subject = { kind: 'tenant', name: sample.tenant };
  const isProven = comparison.isClaimed || isProvenWorse(comparison, numbers['tenant.pastMin']);
  if (!isProven || !isAlone(own, othersShare, comparison.isClaimed, numbers)) {
    if (!comparison.isClaimed) return NO_CHANGES;
    Object.assign(comparison, { ...startComparison(), past: comparison.past, comparedTo: comparison.comparedTo });
    return [{ clear: 'tenant-errors', subject }];
  }
  comparison.isClaimed = true;
  return [{ raise: claim(comparison, part, sample, own, othersShare) }];
}

/** About once a second, whether or not anything failed: who looks only at failures sees them too often. */
function gather(
  comparison: TenantComparison,
  part: Part,
  all: Tally,
  { until, numbers }: { readonly until: number; readonly numbers: DetectionNumbers },
): void {
  const from = Math.max(comparison.comparedTo, until - numbers['tenant.windowMs']);
  if (until - from < COMPARE_EVERY_MS) return;
  comparison.comparedTo = until;
  const seen = totalOf(part.tally, from, until);
  const own = whole(seen);
  if (own.total === 0) return;
  addServed(comparison.againstOthers, own, whole(without(totalOf(all, from, until), seen)));
  const { past } = comparison;
  if (past.total >= numbers['tenant.pastMin'])
    addAgainstPast(comparison.againstPast, own, (past.failed + 1) / (past.total + 2));
  if (comparison.isClaimed) return;
  past.total += own.total;
  past.failed += own.failed;
  if (past.total > PAST_MAX) comparison.past = { total: past.total / 2, failed: past.failed / 2 };
}

function isProvenWorse({ againstOthers, againstPast, past }: TenantComparison, pastMin: number): boolean {
  return past.total >= pastMin && isWorse(againstOthers) && isWorse(againstPast);
}

/** Alone in its trouble: much of what it sends fails, or so many that it is no chance, and not so with the others. */
function isAlone(own: Total, othersShare: number, isClaimed: boolean, numbers: DetectionNumbers): boolean {
  const share = numbers['tenant.failedShareMin'];
  const requests = numbers['tenant.requestsMin'];
  const timesWorse = numbers['tenant.timesWorse'];
  const much = { share, requests, timesWorse, failed: FAILED_MIN };
  const many = {
    share: MANY.ofShare * share,
    requests: MANY.ofRequests * requests,
    timesWorse: MANY.ofTimes * timesWorse,
    failed: MANY.failed,
  };
  return [much, many].some(
    (least) =>
      own.count >= least.requests &&
      own.failed >= (isClaimed ? 1 : least.failed) &&
      own.failedShare >= (isClaimed ? least.share / 3 : least.share) &&
      own.failedShare >= least.timesWorse * othersShare,
  );
}

type Counted = Pick<Total, 'count' | 'failed'>;

function without(all: Counted, own: Counted): Counted {
  const count = Math.max(0, all.count - own.count);
  return { count, failed: Math.min(count, Math.max(0, all.failed - own.failed)) };
}

/** Nobody else is no comparison: then all may fail alike. */
function shareOf({ count, failed }: Counted): number {
  return count < 1 ? 1 : failed / count;
}

/** Parts of buckets are no requests. */
function whole({ count, failed }: Counted) {
  const total = Math.round(count);
  return { total, failed: Math.min(Math.round(failed), total) };
}

function claim(
  { past }: TenantComparison,
  { tally }: Part,
  { at, tenant, workload, spanMs }: RequestsSample,
  own: Total,
  othersShare: number,
): Symptom {
  const pastShare = past.failed / Math.max(1, past.total);
  const [percent, others, before] = [own.failedShare, othersShare, pastShare].map((share) => Math.round(share * 100));
  return {
    name: 'tenant-errors',
    subject: { kind: 'tenant', name: tenant },
    since: onsetOf(tally, own.failedShare / 3, at),
    at,
    vantages: vantagesOf(tally, own.from),
    reason: `${percent} % of the requests of ${tenant} to ${workload} fail, ${others} % of the others and ${before} % before`,
    evidence: {
      workload,
      failedShare: own.failedShare,
      requests: Math.round(own.count),
      othersFailedShare: othersShare,
      pastFailedShare: pastShare,
    },
    staysMs: staysMsOf(spanMs),
  };
}
