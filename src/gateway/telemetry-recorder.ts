import { addLatency, type OpenSketch, openSketch } from '../base/latency-sketch.ts';
import type { LostRequest } from './inflight-journal.ts';
import type { Instance } from './instance.ts';
import { RouteTally } from './route-tally.ts';
import type { CallCounts, ClassCounts, RequestCounts, RouteCounts, TryCounts } from './telemetry.ts';

/** A death breaks all its connections at once; more than this tells nothing more. */
const LOST_MAX = 512;

/** In one span; who calls more is told apart no further. */
const CALLS_MAX = 1_000;

/** How a try, or a call with its retries, ended. */
export type TryKind = 'ok' | 'serverErrors' | 'connectErrors' | 'timeouts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type OpenTries = Writable<TryCounts> & { latency: OpenSketch };
type OpenCalls = Writable<CallCounts> & { latency: OpenSketch };
type OpenClass = Writable<ClassCounts> & { latency: OpenSketch };
type OpenRequests = Writable<RequestCounts> & { latency: OpenSketch; inflight: number; classes?: OpenClass[] };

/** What was counted in a span. */
export interface Counts {
  readonly tries: readonly TryCounts[];
  readonly requests: readonly RequestCounts[];
  readonly calls: readonly CallCounts[];
  readonly routes: readonly RouteCounts[];
}

/** Totals since the process began, for whoever scrapes. */
export interface Totals {
  readonly tenant: string;
  readonly workload: string;
  /** `2xx` to `5xx`, `499` for clients that left, or `retries`. */
  readonly kind: string;
  readonly count: number;
}

/** How a request that was let in ended. */
export interface EndedRequest {
  readonly status: number;
  readonly latencyMs: number;
  /** The gateway gave the 503, and no instance. */
  readonly refused: boolean;
  /** Of those that the tenant has objectives for. */
  readonly routeClass: string | undefined;
}

/** Counts what instances did and what clients felt, in spans that `take` ends. */
export class TelemetryRecorder {
  readonly #tries = new Map<Instance, Map<string, OpenTries>>();
  readonly #requests = new Map<string, Map<string, OpenRequests>>();
  readonly #routes = new RouteTally();
  readonly #calls = new Map<string, OpenCalls>();
  #lost: LostRequest[] = [];
  readonly #totals = new Map<string, Writable<Totals>>();

  /** One try ended. Without a `route` nothing is counted by it. */
  tried(tenant: string, instance: Instance, kind: TryKind, latencyMs: number, route?: string): void {
    const { workload, version } = instance.entry;
    if (route !== undefined) this.#routes.add(workload, version, route, kind === 'ok', latencyMs);
    const byTenant = this.#tries.get(instance) ?? new Map<string, OpenTries>();
    this.#tries.set(instance, byTenant);
    const counts = byTenant.get(tenant) ?? openTries(tenant, instance);
    byTenant.set(tenant, counts);
    counts[kind] += 1;
    if (kind === 'ok') addLatency(counts.latency, latencyMs);
  }

  /** A call of an instance to a workload ended. */
  called(caller: Instance, callee: string, kind: TryKind, latencyMs: number): void {
    const key = `${caller.entry.id} ${callee}`;
    const known = this.#calls.get(key);
    if (known === undefined && this.#calls.size >= CALLS_MAX) return;
    const counts = known ?? openCalls(caller, callee);
    this.#calls.set(key, counts);
    counts[kind] += 1;
    if (kind === 'ok') addLatency(counts.latency, latencyMs);
  }

  /** A request was let in. */
  began(tenant: string, workload: string): void {
    const counts = this.#of(tenant, workload);
    counts.inflight += 1;
    counts.concurrencyMax = Math.max(counts.concurrencyMax, counts.inflight);
  }

  /** A request that was let in is over. `refused` tells a 503 of the gateway from one that an instance gave. */
  ended(tenant: string, workload: string, { status, latencyMs, refused, routeClass }: EndedRequest): void {
    const counts = this.#of(tenant, workload);
    counts.inflight -= 1;
    this.#total(tenant, workload, `${Math.floor(status / 100)}xx`);
    if (refused) {
      counts.refused += 1;
      return;
    }
    const counted = routeClass === undefined ? [counts] : [counts, classIn(counts, routeClass)];
    for (const each of counted) {
      if (status >= 500) each.failed += 1;
      else {
        each.ok += 1;
        addLatency(each.latency, latencyMs);
      }
    }
  }

  /** A request that was let in is over because its client left: nobody's fault and nobody's success. */
  abandoned(tenant: string, workload: string): void {
    this.#of(tenant, workload).inflight -= 1;
    this.#total(tenant, workload, '499');
  }

  /** A request was not let in. */
  refused(tenant: string, workload: string, kind: 'limited' | 'refused'): void {
    this.#of(tenant, workload)[kind] += 1;
    this.#total(tenant, workload, kind === 'limited' ? '4xx' : '5xx');
  }

  /** A request was with an instance when its connection broke. The newest are kept until `reported` takes them away. */
  lost(request: LostRequest): void {
    this.#lost.push(request);
    if (this.#lost.length > LOST_MAX) this.#lost.shift();
  }

  get lostRequests(): readonly LostRequest[] {
    return [...this.#lost];
  }

  /** The first `count` of them have arrived where they matter. */
  lostReported(requests: readonly LostRequest[]): void {
    this.#lost = this.#lost.filter((each) => !requests.includes(each));
  }

  /** A request is tried once more. */
  repeated(tenant: string, workload: string): void {
    this.#of(tenant, workload).retries += 1;
    this.#total(tenant, workload, 'retries');
  }

  get inflight(): number {
    let sum = 0;
    for (const byWorkload of this.#requests.values()) for (const counts of byWorkload.values()) sum += counts.inflight;
    return sum;
  }

  totals(): Iterable<Totals> {
    return this.#totals.values();
  }

  /** Ends the span: what was counted since the last one. */
  take(): Counts {
    const tries = [...this.#tries.values()].flatMap((byTenant) => [...byTenant.values()]);
    this.#tries.clear();
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    const requests: RequestCounts[] = [];
    for (const [tenant, byWorkload] of this.#requests) {
      for (const [workload, { inflight, ...counts }] of byWorkload) {
        requests.push(counts);
        if (inflight === 0) byWorkload.delete(workload);
        else byWorkload.set(workload, openRequests(tenant, workload, inflight));
      }
      if (byWorkload.size === 0) this.#requests.delete(tenant);
    }
    return { tries, requests, calls, routes: this.#routes.take() };
  }

  #of(tenant: string, workload: string): OpenRequests {
    const byWorkload = this.#requests.get(tenant) ?? new Map<string, OpenRequests>();
    this.#requests.set(tenant, byWorkload);
    const counts = byWorkload.get(workload) ?? openRequests(tenant, workload, 0);
    byWorkload.set(workload, counts);
    return counts;
  }

  #total(tenant: string, workload: string, kind: string): void {
    const key = `${tenant}/${workload}/${kind}`;
    const total = this.#totals.get(key) ?? { tenant, workload, kind, count: 0 };
    total.count += 1;
    this.#totals.set(key, total);
  }
}

function openTries(tenant: string, { entry }: Instance): OpenTries {
  const { workload, version, id } = entry;
  const latency = openSketch();
  return { tenant, workload, version, instance: id, ok: 0, serverErrors: 0, connectErrors: 0, timeouts: 0, latency };
}

function openCalls({ entry }: Instance, callee: string): OpenCalls {
  const { workload, version, id: instance } = entry;
  const latency = openSketch();
  return { workload, version, instance, callee, ok: 0, serverErrors: 0, connectErrors: 0, timeouts: 0, latency };
}

function openRequests(tenant: string, workload: string, inflight: number): OpenRequests {
  const latency = openSketch();
  const counts = { ok: 0, failed: 0, limited: 0, refused: 0, retries: 0, concurrencyMax: inflight, latency };
  return { tenant, workload, ...counts, inflight };
}

/** There are as many as the tenant declares, which is few. */
function classIn(counts: OpenRequests, name: string): OpenClass {
  counts.classes ??= [];
  const known = counts.classes.find((each) => each.name === name);
  if (known) return known;
  const opened = { name, ok: 0, failed: 0, latency: openSketch() };
  counts.classes.push(opened);
  return opened;
}
