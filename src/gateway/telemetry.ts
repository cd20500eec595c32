import type { LatencySketch } from '../base/latency-sketch.ts';
import type { LostRequest } from './inflight-journal.ts';

/** How many tries of requests went to one instance, and how they ended. What the instance did, not what clients felt. */
export interface TryCounts {
  readonly tenant: string;
  readonly workload: string;
  readonly version: number;
  readonly instance: string;
  /** Answers below 500. */
  readonly ok: number;
  /** Answers from 500 up. */
  readonly serverErrors: number;
  /** No connection, or a connection that broke before the answer was whole. */
  readonly connectErrors: number;
  /** No answer within the time of a try. */
  readonly timeouts: number;
  /** Of answers below 500, until the head arrived. */
  readonly latency: LatencySketch;
}

/** What one tenant's clients felt at one workload, after retries. */
export interface RequestCounts {
  readonly tenant: string;
  readonly workload: string;
  readonly ok: number;
  /** 5xx that the client got, whoever made it. Refusals below are not among them. */
  readonly failed: number;
  /** 429: over the rate. */
  readonly limited: number;
  /** 503: over the concurrency, quarantined, not recordable, or no lawful instance. */
  readonly refused: number;
  readonly retries: number;
  readonly concurrencyMax: number;
  readonly latency: LatencySketch;
  /** Of these, those of classes of routes that have objectives of their own. */
  readonly classes?: readonly ClassCounts[];
}

/** What one tenant's clients felt on a class of routes of a workload. */
export interface ClassCounts {
  readonly name: string;
  readonly ok: number;
  readonly failed: number;
  readonly latency: LatencySketch;
}

/** How the calls of one instance to a workload ended, by the trace that they carry: what the caller got, after retries. */
export interface CallCounts {
  readonly workload: string;
  readonly version: number;
  readonly instance: string;
  readonly callee: string;
  /** Answers below 500. */
  readonly ok: number;
  readonly serverErrors: number;
  /** There was no instance, or the connection to it broke. */
  readonly connectErrors: number;
  readonly timeouts: number;
  /** Of answers below 500, as the caller waited for them. */
  readonly latency: LatencySketch;
}

/** How tries at one version of a workload went on one route: `GET /patients/:id`, or `other routes`. */
export interface RouteCounts {
  readonly workload: string;
  readonly version: number;
  readonly route: string;
  readonly ok: number;
  readonly failed: number;
  /** Sum over those that were answered. */
  readonly latencyMs: number;
  /** Of the same; a gateway of before says nothing of it. */
  readonly latency?: LatencySketch;
}

/** What one gateway saw since its last report. Sent at least every 500 ms, also when nothing happened: silence is a fault. */
export interface TelemetryReport {
  readonly gateway: number;
  readonly pid: number;
  /** Grows by one with each report of a process, so that a lost report is seen. */
  readonly sequence: number;
  readonly from: string;
  readonly to: string;
  readonly snapshotRevision: number;
  readonly tries: readonly TryCounts[];
  readonly requests: readonly RequestCounts[];
  /** Who called whom, and how that ended. */
  readonly calls: readonly CallCounts[];
  /** Tries by route; a gateway of before says nothing of them. */
  readonly routes?: readonly RouteCounts[];
  /** Requests in progress per instance at the end of the span. */
  readonly inflight: Readonly<Record<string, number>>;
  /** Instances that this gateway has ejected for itself. */
  readonly ejected: readonly string[];
  /** Requests that were with an instance when the connection to it broke, or when a gateway died; kept until reported. */
  readonly lost: readonly LostRequest[];
  /** Access records that wait for the ledger. */
  readonly recordsWaiting: number;
}
