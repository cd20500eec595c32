import type { RequestsSample } from '../observe/sample.ts';
import { entryOf } from './entry.ts';
import { sumMsOf } from './histogram.ts';

/** Requests of a stretch of time. */
export interface Batch {
  /** Number of it since 1970. */
  readonly at: number;
  requests: number;
  failed: number;
  latencyMs: number;
}

/** What clients feel at a workload, all of them or those of one tenant: a quarter of an hour, the open batch last. */
export interface Course {
  readonly batches: Batch[];
}

/** Under the name of the workload, or of the workload and the tenant. Changed in place; plain JSON; bounded. */
export type Courses = Record<string, Course>;

export type Metric = 'failures' | 'latency';
export const METRICS: readonly Metric[] = ['failures', 'latency'];

export const BATCH_MS = 10_000;
const KEPT = 90;
const COURSES_MAX = 2_000;

/** Adds a report to a course; whether it is the first of a new batch. What is late is left out. */
export function addToCourse(courses: Courses, sample: RequestsSample, tenant: string | null): boolean {
  const key = courseKey(sample.workload, tenant);
  if (courses[key] === undefined && Object.keys(courses).length >= COURSES_MAX) return false;
  const { batches } = entryOf(courses, key, (): Course => ({ batches: [] }));
  const at = Math.floor(sample.at / BATCH_MS);
  const open = batches.at(-1);
  if (open !== undefined && at < open.at) {
    if (open.at - at > KEPT) batches.length = 0;
    return false;
  }
  const batch = open?.at === at ? open : { at, requests: 0, failed: 0, latencyMs: 0 };
  if (batch !== open) batches.push(batch);
  if (batches.length > KEPT + 1) batches.shift();
  batch.requests += sample.ok + sample.failed;
  batch.failed += sample.failed;
  batch.latencyMs += sumMsOf(sample.latency);
  return batch !== open;
}

export function courseKey(workload: string, tenant: string | null): string {
  return tenant === null ? workload : `${workload} ${tenant}`;
}

/** Share that failed, or mean of those that were answered. */
export function readingOf({ requests, failed, latencyMs }: Omit<Batch, 'at'>, metric: Metric): number {
  if (metric === 'failures') return failed / requests;
  return latencyMs / Math.max(1, requests - failed);
}

export function sumOf(batches: readonly Batch[]): Omit<Batch, 'at'> {
  const sum = { requests: 0, failed: 0, latencyMs: 0 };
  for (const { requests, failed, latencyMs } of batches) {
    sum.requests += requests;
    sum.failed += failed;
    sum.latencyMs += latencyMs;
  }
  return sum;
}
