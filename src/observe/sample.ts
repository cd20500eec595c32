import type { JsonObject } from '../base/json.ts';
import type { LatencySketch } from '../base/latency-sketch.ts';
import type { ViolatedControl } from './violated-control.ts';
import type { ConditionName, ErrorCounts } from './condition.ts';
import type { FactName } from '../resources/fact-kinds.ts';

/** The region of an instance that nobody knows any more. */
export const NOWHERE = 'unknown';

/** What a sample is about. Every part of the loop names an instance in full, so that nothing has to be looked up. */
export interface InstanceRef {
  readonly instance: string;
  readonly workload: string;
  readonly version: number;
  readonly region: string;
}

interface Reading {
  /** Milliseconds since 1970, on the clock of the observer. */
  readonly at: number;
  /** Who saw it: `keeper`, `prober`, `gateway-1`... Two vantages are independent when they are different processes. */
  readonly vantage: string;
}

/** A process ended. */
export interface ExitSample extends Reading, InstanceRef {
  readonly kind: 'exit';
  readonly expected: boolean;
  /** From its start to its end. */
  readonly livedMs: number;
  readonly code: number | null;
  readonly signal: string | null;
  readonly lastLines: readonly string[];
}

/** One probe was asked. `fall` and `rise` travel with it, so that the fold that judges it needs no configuration. */
export interface ProbeSample extends Reading, InstanceRef {
  readonly kind: 'probe';
  readonly probe: 'readiness' | 'liveness';
  readonly ok: boolean;
  readonly latencyMs: number;
  /** `timeout`, `refused`, `status 503`, `exit 1`: short and without data. */
  readonly reason: string;
  readonly fall: number;
  readonly rise: number;
}

/** What one gateway saw of one instance for one tenant in a span. */
export interface TriesSample extends Reading, InstanceRef {
  readonly kind: 'tries';
  readonly tenant: string;
  /** The span that the counts are of ends at `at`. */
  readonly spanMs: number;
  readonly ok: number;
  readonly failed: number;
  readonly errors: ErrorCounts;
  readonly latency: LatencySketch;
}

/**
 * How the calls of an instance to something went in a span, as it saw it or as a gateway did that carried them: to a
 * workload, a store, a service of others.
 */
export interface CallsSample extends Reading, InstanceRef {
  readonly kind: 'calls';
  readonly callee: string;
  readonly spanMs: number;
  readonly ok: number;
  readonly failed: number;
  readonly errors: ErrorCounts;
  readonly latency: LatencySketch;
  /** The same calls by the instance of the callee that was asked; left out when the caller does not know. */
  readonly peers?: readonly PeerCounts[];
  /** A gateway carried them: what it tells of requests and tries holds the same once more. */
  readonly byGateway?: true;
}

/** What one gateway saw of one version of a workload on one route in a span; the same tries that `TriesSample` tells of. */
export interface RouteSample extends Reading {
  readonly kind: 'route';
  readonly workload: string;
  readonly version: number;
  /** A template, never a raw path; what is one too many is `other routes`. */
  readonly route: string;
  readonly spanMs: number;
  readonly ok: number;
  readonly failed: number;
  /** Sum over those that were answered. */
  readonly latencyMs: number;
  /** Of the same; left out when nobody told them apart. */
  readonly latency?: LatencySketch;
}

export interface PeerCounts extends Omit<InstanceRef, 'workload'> {
  readonly ok: number;
  readonly failed: number;
  /** Of those that were answered; left out when the caller does not time them one by one. */
  readonly latency?: LatencySketch;
}

/**
 * What is known of a thing that is not an instance: whether one condition holds of it. Sent again while it is looked at,
 * also when nothing changed: silence is no data, neither good nor bad.
 */
export interface ConditionSample extends Reading {
  readonly kind: 'condition';
  /** Id of the asset, `certificate ingress`: kind and name. */
  readonly asset: string;
  readonly condition: ConditionName;
  readonly holds: boolean;
  /** One sentence for people; no personal data. */
  readonly reason: string;
  /** What the condition is about: `{ instances: [...] }`, `{ record: '4711' }`, `{ used: 98, limit: 100 }`. */
  readonly detail: JsonObject;
}

/**
 * A fact was measured by which controls of tenants are judged. Sent with each measurement that breaks a control, and often
 * enough otherwise that a claim against it can end. `at` is when the measurement began: what was changed later is not in it.
 */
export interface ViolationSample extends Reading {
  readonly kind: 'violation';
  readonly fact: FactName;
  /** Of the fact, without its kind: `postgresql/records/eu`. */
  readonly subject: string;
  /** None: every control that asks for it is satisfied by it. */
  readonly violated: readonly ViolatedControl[];
  /** One sentence for people: what was measured. */
  readonly reason: string;
  /** Places in which it was found, where the collector says so: slots or stores. */
  readonly where?: readonly string[];
  /** The subject is no more: whatever was said of it is forgotten. */
  readonly gone?: true;
}

/**
 * An instance died with these requests in progress. A key says tenant, route and a fingerprint of the request, and holds
 * no personal data; gateways write it down before they pass a request on.
 */
export interface InflightSample extends Reading, InstanceRef {
  readonly kind: 'inflight';
  readonly keys: readonly RequestKey[];
}

export interface RequestKey {
  readonly tenant: string;
  /** Route template, never the raw path. */
  readonly route: string;
  readonly fingerprint: string;
}

/** What the clients of one tenant felt at one workload in a span. */
export interface RequestsSample extends Reading {
  readonly kind: 'requests';
  readonly tenant: string;
  readonly workload: string;
  readonly spanMs: number;
  readonly ok: number;
  readonly failed: number;
  readonly limited: number;
  readonly refused: number;
  readonly latency: LatencySketch;
  /** Most that were in progress at one time; left out by who does not count that. */
  readonly concurrencyMax?: number;
  /** Of these, those of classes of routes that the tenant has objectives for. */
  readonly classes?: readonly RouteClassCounts[];
}

/** What the clients of a tenant felt on a class of routes. */
export interface RouteClassCounts {
  readonly name: string;
  readonly ok: number;
  readonly failed: number;
  readonly latency: LatencySketch;
}

/** Memory in use by an instance. */
export interface MemorySample extends Reading, InstanceRef {
  readonly kind: 'memory';
  readonly residentBytes: number;
  /** What it may use; left out when nobody set a limit. */
  readonly limitBytes?: number;
}

/** The level of anything that can be counted or measured: open files of an instance, the length of a queue. */
export interface LevelSample extends Reading {
  readonly kind: 'level';
  readonly of: { readonly kind: 'instance' | 'workload' | 'tenant' | 'asset'; readonly name: string };
  /** What is measured: `descriptors`. Whoever makes up names is held to a number of them. */
  readonly measure: string;
  readonly level: number;
  /** At which it is gone; left out when there is none. */
  readonly limit?: number;
  /** It goes up and down with the day: before more than a day is known, no slope of it says anything. */
  readonly isSeasonal?: true;
}

/** Whether the artefact of a version is still what was declared. */
export interface ArtefactSample extends Reading {
  readonly kind: 'artefact';
  readonly workload: string;
  readonly version: number;
  readonly matches: boolean;
}

/** An instance could not be started, or did not become ready in time. */
export interface StartFailedSample extends Reading, InstanceRef {
  readonly kind: 'start-failed';
  readonly reason: string;
}

/** Somebody changed a setting, as its history says; `at` is when. */
export interface ChangeSample extends Reading {
  readonly kind: 'change';
  readonly setting: string;
  /** Whose behaviour it governs. */
  readonly workloads: readonly string[];
  /** Governs this tenant only. */
  readonly tenant: string | null;
  /** `person anna`, `kintsugi rep_x`. */
  readonly by: string;
}

/** How many instances of a workload are wanted in a region, and how many of them repairs added: 0 once the last is gone. */
export interface AddedSample extends Reading {
  readonly kind: 'added';
  readonly workload: string;
  readonly region: string;
  readonly wanted: number;
  readonly added: number;
}

/** An instance is no longer part of the fleet: folds forget it. */
export interface RetiredSample extends Reading, InstanceRef {
  readonly kind: 'retired';
}

export type Sample =
  | ExitSample
  | ProbeSample
  | TriesSample
  | CallsSample
  | RouteSample
  | ConditionSample
  | ViolationSample
  | InflightSample
  | RequestsSample
  | MemorySample
  | LevelSample
  | ArtefactSample
  | StartFailedSample
  | ChangeSample
  | AddedSample
  | RetiredSample;
