import type { LatencySketch } from '../base/latency-sketch.ts';
import type { RequestsSample, RouteClassCounts } from '../observe/sample.ts';

/** What a tenant was promised. */
export interface Promised {
  /** Share of requests that do not fail. */
  readonly availability: number;
  /** 99 of 100 requests are answered within this time. */
  readonly latencyMs: number;
  readonly periodMs: number;
  /** Classes of routes for which something else was promised. */
  readonly routes?: readonly RoutePromise[];
}

interface RoutePromise {
  readonly name: string;
  readonly availability?: number | undefined;
  readonly latencyMs?: number | undefined;
}

/** Requests of a tenant at a workload for which one thing was promised: those of a class of routes, or all others. */
export interface Part {
  /** `records`, or `records exports`. */
  readonly key: string;
  readonly promised: Promised;
  readonly sample: RequestsSample;
}

/** The parts of a sample, each request in one of them. Classes of which nothing is promised any more are among the others. */
export function partsOf(sample: RequestsSample, promised: Promised): readonly Part[] {
  const { workload, classes = [] } = sample;
  const { routes = [] } = promised;
  const own = classes.filter(({ name }) => routes.some((route) => route.name === name));
  if (own.length === 0) return [{ key: workload, promised, sample }];
  return [
    { key: workload, promised, sample: without(sample, own) },
    ...own.map(({ name, ok, failed, latency }) => {
      const key = `${workload} ${name}`;
      return { key, promised: promisedFor(key, promised)!, sample: { ...sample, ok, failed, latency } };
    }),
  ];
}

/** What is promised for a part by its key; undefined when nothing is any more. */
export function promisedFor(key: string, promised: Promised): Promised | undefined {
  const [, name] = key.split(' ');
  if (name === undefined) return promised;
  const route = promised.routes?.find((each) => each.name === name);
  const { availability, latencyMs, periodMs } = promised;
  return (
    route && {
      availability: route.availability ?? availability,
      latencyMs: route.latencyMs ?? latencyMs,
      periodMs,
    }
  );
}

/** `records`, or `exports of records`, as people are told. */
export function placeOf(key: string): string {
  return key.split(' ').toReversed().join(' of ');
}

function without(sample: RequestsSample, classes: readonly RouteClassCounts[]): RequestsSample {
  const sum = (of: (counts: RouteClassCounts) => number) => classes.reduce((total, each) => total + of(each), 0);
  return {
    ...sample,
    ok: sample.ok - sum(({ ok }) => ok),
    failed: sample.failed - sum(({ failed }) => failed),
    latency: sketchWithout(
      sample.latency,
      classes.map(({ latency }) => latency),
    ),
  };
}

function sketchWithout(all: LatencySketch, parts: readonly LatencySketch[]): LatencySketch {
  const buckets = { ...all.buckets };
  let count = all.count;
  for (const part of parts) {
    count -= part.count;
    for (const [bucket, n] of Object.entries(part.buckets)) buckets[bucket] = (buckets[bucket] ?? 0) - n;
  }
  return { count, buckets };
}
