import { bucketOf } from '../base/latency-sketch.ts';
import type { RequestsSample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Account, type BudgetAccount, emptyAccount } from './account.ts';
import { type BudgetWatch, firstEnd, lookAhead, startBudgetWatch } from './budget-watch.ts';
import {
  type BurnState,
  type BurnStatus,
  burnStatus,
  countRequests,
  type Quiet,
  type ServiceObjective,
  startBurn,
} from './burn-rate/burn-rate.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { type Part, partsOf, placeOf, type Promised, promisedFor } from './promised.ts';
import { type Change, type Subject, type Symptom, staysMsOf } from './symptom.ts';
import { addSpan, emptyTally, onsetOf, type Tally, vantagesOf } from './tally.ts';

/** The latency objective is a 99th percentile. */
const IN_TIME_SHARE = 0.99;
/** What people are shown, and when the failures began. */
const GRAIN = { bucketMs: 1_000, keepMs: 60_000 };
const JUST_MS = 5_000;

interface Watched extends BudgetWatch {
  readonly burn: BurnState;
  readonly tally: Tally;
  /** Seen last on this clock: a sum of the windows is asked for then. */
  at: number;
  failing: boolean;
  slow: boolean;
}

/** By tenant and part of its requests. */
type State = Record<string, Record<string, Watched>>;

/**
 * A tenant whose error budget, of failures or of slow answers, is spent so fast that it will be gone before its time, by
 * the burn rates of the SRE workbook in all their windows at once. A claim needs harm that is there now: of what a long
 * window still holds, nothing is left to heal. That, and what is left of the budget, is in its account.
 */
export function objectiveDetector(
  promisedTo: (tenant: string) => Promised | undefined,
  numbers: () => DetectionNumbers,
): Detector<State> {
  const quiet = (): Quiet => {
    const { 'objective.requestsMin': requestsMin, 'objective.badMin': badMin } = numbers();
    return { requestsMin, badMin };
  };
  const follow = (parts: Record<string, Watched>, part: Part): readonly Change[] => {
    const { key, promised, sample } = part;
    const watched = entryOf(parts, key, () => begin(promised));
    // Another period was declared: what was counted for the one before cannot be told apart by it.
    if (watched.burn.periodMs !== promised.periodMs) parts[key] = begin(promised);
    const burning = judge(parts, part, quiet());
    const ending = lookAhead(parts, { key, sample }, (at) => spentOf(parts[key]!, promised, at), numbers());
    return ending.length === 0 ? burning : [...burning, ...ending];
  };
  return {
    name: 'objective',
    start: () => ({}),
    step(state, sample) {
      if (sample.kind !== 'requests') return NO_CHANGES;
      const promised = promisedTo(sample.tenant);
      if (promised === undefined) return NO_CHANGES;
      const parts = entryOf(state, sample.tenant, (): Record<string, Watched> => ({}));
      forget(parts, promised);
      const own = partsOf(sample, promised);
      return own.length === 1 ? follow(parts, own[0]!) : own.flatMap((part) => follow(parts, part));
    },
    entries: (state) => state,
    *tell(state, now) {
      for (const [tenant, parts] of Object.entries(state)) {
        const whole = promisedTo(tenant);
        for (const [key, watched] of Object.entries(parts)) {
          const promised = whole && promisedFor(key, whole);
          if (promised) yield accountOf(tenant, key, watched, { promised, now, quiet: quiet(), numbers: numbers() });
        }
      }
    },
  };
}

/** Classes of routes of which nothing is promised any more. */
function forget(parts: Record<string, Watched>, promised: Promised): void {
  for (const key in parts) if (key.includes(' ') && promisedFor(key, promised) === undefined) delete parts[key];
}

function begin({ periodMs }: Promised): Watched {
  return { burn: startBurn(periodMs), tally: emptyTally(), at: 0, failing: false, slow: false, ...startBudgetWatch() };
}

function objectivesOf({ availability }: Promised): readonly ServiceObjective[] {
  return [
    { target: availability, counts: 'failed' },
    { target: IN_TIME_SHARE, counts: 'slow' },
  ];
}

function judge(parts: Record<string, Watched>, part: Part, quiet: Quiet): readonly Change[] {
  const { key, promised, sample } = part;
  const { at, tenant, vantage, spanMs, ok, failed } = sample;
  const watched = parts[key]!;
  const slow = slowerThan(sample, promised.latencyMs);
  countRequests(watched.burn, at, { total: ok + failed, failed, slow });
  addSpan(watched.tally, GRAIN, {
    vantage,
    at,
    spanMs,
    ok: ok + failed - Math.max(failed, slow),
    failed: Math.max(failed, slow),
  });
  watched.at = at;
  const wasBurning = isBurning(parts);
  if (failed === 0 && slow === 0 && !watched.failing && !watched.slow) return NO_CHANGES;
  const [failing, slowing] = objectivesOf(promised).map((objective) => burnStatus(watched.burn, objective, at, quiet));
  watched.failing = isNow(failing!);
  watched.slow = isNow(slowing!);
  const subject: Subject = { kind: 'tenant', name: tenant };
  if (!isBurning(parts)) return wasBurning ? [{ clear: 'objective-burning', subject }] : NO_CHANGES;
  if (!watched.failing && !watched.slow) return NO_CHANGES;
  const counts = watched.failing ? 'failed' : 'slow';
  return [{ raise: claim(watched, part, counts, watched.failing ? failing! : slowing!) }];
}

/** Shares of both budgets that are spent. */
function spentOf({ burn }: Watched, promised: Promised, at: number): Record<'failed' | 'slow', number> {
  const [failed, slow] = objectivesOf(promised).map((each) => 1 - (burnStatus(burn, each, at).budgetLeft ?? 1));
  return { failed: failed!, slow: slow! };
}

function isBurning(parts: Record<string, Watched>): boolean {
  for (const key in parts) if (parts[key]!.failing || parts[key]!.slow) return true;
  return false;
}

/** One of the pairs that cannot wait for office hours burns, and the last seconds do. */
function isNow({ burns }: BurnStatus): boolean {
  const [atOnce] = burns;
  return burns.some(
    (burn) => burn.isBurning && burn.severity !== 'ticket' && atOnce!.short >= Math.min(burn.factor, burn.short),
  );
}

function slowerThan({ latency }: RequestsSample, latencyMs: number): number {
  const last = bucketOf(latencyMs);
  let slow = 0;
  for (const bucket in latency.buckets) if (Number(bucket) > last) slow += latency.buckets[bucket]!;
  return slow;
}

function claim(
  { tally }: Watched,
  { key, sample, promised }: Part,
  counts: 'failed' | 'slow',
  { burns, budgetLeft, exhaustedInMs }: BurnStatus,
): Symptom {
  const { at, tenant, workload, spanMs } = sample;
  const { availability, latencyMs } = promised;
  const target = counts === 'failed' ? availability : IN_TIME_SHARE;
  const burning = burns.find((each) => each.isBurning)!;
  const { short } = burns[0]!;
  const what = counts === 'failed' ? 'error budget' : `budget of answers later than ${latencyMs} ms`;
  const of = key === workload ? '' : ` for ${placeOf(key)}`;
  const allowed = Math.min(1, burning.factor * (1 - target));
  return {
    name: 'objective-burning',
    subject: { kind: 'tenant', name: tenant },
    since: onsetOf(tally, allowed / 2, at),
    at,
    vantages: vantagesOf(tally, at - JUST_MS),
    reason: `${tenant} spends its ${what}${of} ${Math.round(short)} times too fast`,
    evidence: {
      counts,
      failedShare: short * (1 - target),
      objective: target,
      sentTo: placeOf(key),
      pair: burning.pair,
      budgetLeft,
      budgetSpentInMs: exhaustedInMs,
    },
    staysMs: staysMsOf(spanMs),
  };
}

function accountOf(
  tenant: string,
  key: string,
  { burn, tally, ahead }: Watched,
  given: {
    readonly promised: Promised;
    readonly now: number;
    readonly quiet: Quiet;
    readonly numbers: DetectionNumbers;
  },
): Account {
  const { promised, now, quiet, numbers } = given;
  const account = emptyAccount({ kind: 'tenant', name: tenant }, `objectives ${key}`, 'share not served well');
  return {
    ...account,
    points: tally.buckets.map(({ to, ok, failed }) => ({ at: to, value: failed / Math.max(1, ok + failed) })),
    budgets: objectivesOf(promised).map((objective) =>
      budgetOf(objective, promised, burnStatus(burn, objective, now, quiet)),
    ),
    // Of the two the one that ends first is what counts.
    outlook: firstEnd(ahead),
    numbers: {
      'objective.requestsMin': numbers['objective.requestsMin'],
      'objective.badMin': numbers['objective.badMin'],
    },
  };
}

function budgetOf({ counts, target }: ServiceObjective, { periodMs }: Promised, status: BurnStatus): BudgetAccount {
  return {
    counts,
    target,
    periodMs,
    left: status.budgetLeft,
    spentInMs: status.exhaustedInMs,
    burns: status.burns.map(({ pair, factor, long, short, isBurning: burns, isTooQuiet }) => ({
      pair,
      factor,
      long,
      short,
      state: burns ? 'burning' : isTooQuiet ? 'too-quiet' : 'well',
    })),
  };
}
