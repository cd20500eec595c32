import type { ChangeSample, RequestsSample } from '../observe/sample.ts';
import {
  addToCourse,
  BATCH_MS,
  type Batch,
  type Courses,
  courseKey,
  METRICS,
  type Metric,
  readingOf,
  sumOf,
} from './courses.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { addReading, chanceOf, type Exchangeability, startExchangeability } from './sequential/exchangeability.ts';
import type { Change, Subject, Symptom } from './symptom.ts';

/** One setting that was changed, held against one course. */
interface Trial {
  readonly setting: string;
  readonly workload: string;
  readonly tenant: string | null;
  readonly by: string;
  readonly changedAt: number;
  readonly before: Readonly<Record<Metric, number>>;
  readonly requestsBefore: number;
  readonly tests: Readonly<Record<Metric, Exchangeability>>;
  readonly after: Batch[];
  /** By what it was found to be worse. */
  found: Metric | null;
  /** The setting was written again: from then on it may get well. */
  writtenAgainAt: number | null;
}

interface State {
  readonly courses: Courses;
  readonly trials: Record<string, Trial>;
}

const BEFORE_MIN = 30;
/** So many batches after the change are held against those before it; then it has proven to do no harm. */
const AFTER_MAX = 90;
/** What does harm does it from its beginning: what is well for so many batches is not followed. */
const FIRST = 3;
/** Who begins anew is cold for a while. */
const AFTER_MIN = 8;
const TRIALS_MAX = 100;
/** A change that does no harm is accused once in so many changes, at most. */
const ALPHA = 1e-3;
/** What is claimed is a difference that somebody feels, besides one that is no chance. */
const WORSE: Readonly<Record<Metric, { readonly times: number; readonly by: number }>> = {
  failures: { times: 2, by: 0.005 },
  latency: { times: 1.5, by: 15 },
};
const FAILED_MIN = 10;
/** More load explains more than a setting does. */
const LOAD_MAX = 1.5;
const STAYS_MS = 60_000;

/**
 * Before and after a setting was changed: whether requests of what it governs fail more or take longer since, also where
 * no threshold is reached. The error is bounded however long it is looked at (`exchangeability.ts`).
 */
export const beforeAfterDetector: Detector<State> = {
  name: 'before-after',
  start: () => ({ courses: {}, trials: {} }),
  step(state, sample) {
    if (sample.kind === 'change') return change(state, sample);
    if (sample.kind !== 'requests') return NO_CHANGES;
    const closed = [null, sample.tenant].map((tenant) => addToCourse(state.courses, sample, tenant));
    return closed.some(Boolean) ? judge(state, sample) : NO_CHANGES;
  },
  entries: ({ courses }) => courses,
};

function change(state: State, { setting, workloads, tenant, by, at }: ChangeSample): readonly Change[] {
  for (const trial of Object.values(state.trials)) {
    if (trial.setting === setting && trial.changedAt < at) trial.writtenAgainAt = at;
  }
  if (by.startsWith('kintsugi')) return NO_CHANGES;
  for (const workload of workloads) begin(state, { setting, workload, tenant, by, at });
  return NO_CHANGES;
}

function begin(
  { courses, trials }: State,
  {
    setting,
    workload,
    tenant,
    by,
    at,
  }: { setting: string; workload: string; tenant: string | null; by: string; at: number },
): void {
  const key = `${setting} ${workload}`;
  if (trials[key]?.found || trials[key]?.changedAt === at) return;
  if (trials[key] === undefined && Object.keys(trials).length >= TRIALS_MAX) return;
  const changed = Math.floor(at / BATCH_MS);
  const batches = (courses[courseKey(workload, tenant)]?.batches ?? []).filter((each) => each.at < changed);
  const served = batches.filter(({ requests }) => requests > 0);
  if (served.length < BEFORE_MIN) return;
  const readings = (metric: Metric) => served.map((each) => readingOf(each, metric));
  const whole = sumOf(served);
  trials[key] = {
    setting,
    workload,
    tenant,
    by,
    changedAt: at,
    before: { failures: readingOf(whole, 'failures'), latency: readingOf(whole, 'latency') },
    requestsBefore: whole.requests / served.length,
    tests: {
      failures: startExchangeability(readings('failures')),
      latency: startExchangeability(readings('latency')),
    },
    after: [],
    found: null,
    writtenAgainAt: null,
  };
}

/** Takes the batches that have closed into the trials of this workload. */
function judge(state: State, { workload, at, vantage }: RequestsSample): readonly Change[] {
  const changes: Change[] = [];
  for (const [key, trial] of Object.entries(state.trials)) {
    if (trial.workload !== workload) continue;
    const { batches } = state.courses[courseKey(workload, trial.tenant)] ?? { batches: [] };
    const from = Math.max(Math.floor(trial.changedAt / BATCH_MS), trial.after.at(-1)?.at ?? 0);
    // The one that is open is not known yet.
    const closed = batches.slice(0, -1).filter((each) => each.at > from && each.requests > 0);
    for (const batch of closed) take(trial, batch);
    if (closed.length === 0) continue;
    if (trial.found !== null) {
      const isWell = isWellAgain(trial, trial.found);
      if (isWell) delete state.trials[key];
      changes.push(
        isWell ? { clear: 'worse-since-change', subject: subjectOf(trial) } : { raise: claim(trial, at, vantage) },
      );
    } else if (isOver(trial)) delete state.trials[key];
    else {
      trial.found = verdictOf(trial, state, at);
      if (trial.found !== null) changes.push({ raise: claim(trial, at, vantage) });
    }
  }
  return changes.length === 0 ? NO_CHANGES : changes;
}

function take(trial: Trial, batch: Batch): void {
  trial.after.push({ ...batch });
  if (trial.found !== null) return void (trial.after.length > AFTER_MAX && trial.after.shift());
  for (const metric of METRICS) addReading(trial.tests[metric], readingOf(batch, metric));
}

/** It was written again, or it began well, or has been looked at for long enough. */
function isOver(trial: Trial): boolean {
  const { after, writtenAgainAt } = trial;
  if (writtenAgainAt !== null || after.length > AFTER_MAX) return true;
  const first = after.slice(0, FIRST);
  return after.length >= FIRST && !METRICS.some((metric) => isWorse(trial, metric, first));
}

function verdictOf(trial: Trial, state: State, at: number): Metric | null {
  const { after, tests, tenant, workload, requestsBefore } = trial;
  if (after.length < AFTER_MIN) return null;
  const whole = sumOf(after);
  if (whole.requests / after.length > LOAD_MAX * requestsBefore) return null;
  const found = METRICS.find(
    (metric) =>
      chanceOf(tests[metric]) <= ALPHA / METRICS.length &&
      isWorse(trial, metric, after) &&
      isWorse(trial, metric, after.slice(-FIRST)) &&
      (metric !== 'failures' || whole.failed >= FAILED_MIN),
  );
  if (found === undefined) return null;
  // What hits the others as well is not of the setting of one.
  const isOfAll = tenant !== null && othersAreWorse(state, { ...trial, workload }, found, at);
  return isOfAll ? null : found;
}

function isWorse({ before }: Trial, metric: Metric, after: readonly Batch[]): boolean {
  const now = readingOf(sumOf(after), metric);
  const { times, by } = WORSE[metric];
  return now >= times * before[metric] && now >= before[metric] + by;
}

/** The workload without this tenant has become worse by half as much, measured over the same times. */
function othersAreWorse({ courses }: State, trial: Trial, metric: Metric, at: number): boolean {
  const changed = Math.floor(trial.changedAt / BATCH_MS);
  const own = courses[courseKey(trial.workload, trial.tenant)]?.batches ?? [];
  const all = courses[courseKey(trial.workload, null)]?.batches ?? [];
  const others = (isIn: (each: Batch) => boolean) => {
    const [whole, part] = [sumOf(all.filter(isIn)), sumOf(own.filter(isIn))];
    return readingOf(
      {
        requests: Math.max(1, whole.requests - part.requests),
        failed: Math.max(0, whole.failed - part.failed),
        latencyMs: Math.max(0, whole.latencyMs - part.latencyMs),
      },
      metric,
    );
  };
  const before = others((each) => each.at < changed);
  const after = others((each) => each.at > changed && each.at < Math.floor(at / BATCH_MS));
  const { times, by } = WORSE[metric];
  return after >= (1 + (times - 1) / 2) * before && after >= before + by / 2;
}

/** Since it was written again the last two batches are nearer to before than to after. */
function isWellAgain({ writtenAgainAt, after, before, changedAt }: Trial, metric: Metric): boolean {
  if (writtenAgainAt === null) return false;
  const again = Math.floor(writtenAgainAt / BATCH_MS);
  const bad = after.filter((each) => each.at < again && each.at * BATCH_MS > changedAt);
  const since = after.filter((each) => each.at > again).slice(-2);
  if (since.length < 1) return false;
  const worst = bad.length === 0 ? Number.POSITIVE_INFINITY : readingOf(sumOf(bad), metric);
  return readingOf(sumOf(since), metric) < (before[metric] + worst) / 2;
}

function subjectOf({ setting }: Trial): Subject {
  return { kind: 'setting', name: setting };
}

function claim(trial: Trial, at: number, vantage: string): Symptom {
  const { workload, tenant, before, after, tests, changedAt, by } = trial;
  const metric = trial.found!;
  const now = readingOf(sumOf(after), metric);
  const whose = tenant === null ? `requests to ${workload}` : `requests of ${tenant} to ${workload}`;
  const [was, is] = [before[metric], now].map((value) => printed(value, metric));
  const what =
    metric === 'failures' ? `${is} of the ${whose} fail, ${was} did before` : `${whose} take ${is}, ${was} before`;
  return {
    name: 'worse-since-change',
    subject: subjectOf(trial),
    since: changedAt,
    at,
    vantages: [vantage],
    reason: `since ${trial.setting} was changed ${what}`,
    evidence: {
      workload,
      ...(tenant === null ? {} : { tenants: [tenant] }),
      metric,
      before: before[metric],
      after: now,
      requests: sumOf(after).requests,
      chance: chanceOf(tests[metric]),
      changedAt,
      by,
    },
    staysMs: STAYS_MS,
  };
}

function printed(value: number, metric: Metric): string {
  return metric === 'failures' ? `${Number((value * 100).toPrecision(2))} %` : `${Math.round(value)} ms`;
}
