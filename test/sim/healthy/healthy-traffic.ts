import { toIso } from '../../../src/base/clock.ts';
import { addLatency, openSketch, type OpenSketch } from '../../../src/base/latency-sketch.ts';
import type {
  CallCounts,
  RequestCounts,
  RouteCounts,
  TelemetryReport,
  TryCounts,
} from '../../../src/gateway/telemetry.ts';
import type { Noise } from '../world/noise.ts';
import type { HealthyWorkload } from './healthy-workload.ts';
import { latencyOf, type Process } from './processes.ts';
import { rateOf, type TenantPlan } from './tenants.ts';

/** What is wrong with an instance, for the hours that are not healthy. */
export interface Fault {
  readonly workload: string;
  /** All of them, when left out. */
  readonly ordinal?: number;
  readonly failedShare: number;
}

type Open<T> = { -readonly [Name in keyof T]: T[Name] } & { latency: OpenSketch };

type OpenRoute = { -readonly [Name in keyof RouteCounts]: RouteCounts[Name] } & { latency: OpenSketch };

/** Share of tries that fail without any reason, by what their tenant was promised. */
const ERRORS_OF_PROMISE = 0.25;
const REPEATED_SHARE = 0.7;
const SMOOTHED_MS = 4_000;
/** Routes differ in how often they are asked and in how long they take, by nature. */
const ROUTES = [
  { route: 'GET /items', until: 0.7, times: 1 },
  { route: 'GET /items/:id', until: 0.97, times: 0.6 },
  { route: 'POST /items', until: 1, times: 5 },
];

/** What one gateway carries in one span, as it counts it: latencies one by one, failures that have no reason, retries. */
export class HealthyTraffic {
  readonly #workloads: ReadonlyMap<string, HealthyWorkload>;
  readonly #tenants: readonly TenantPlan[];
  readonly #noise: Noise;
  #sequence = 0;
  fault: Fault | undefined;
  #tries = new Map<string, Open<TryCounts>>();
  #requests = new Map<string, Open<RequestCounts>>();
  #calls = new Map<string, Open<CallCounts>>();
  #routes = new Map<string, OpenRoute>();

  constructor(workloads: ReadonlyMap<string, HealthyWorkload>, tenants: readonly TenantPlan[], noise: Noise) {
    this.#workloads = workloads;
    this.#tenants = tenants;
    this.#noise = noise;
  }

  /** The report about the span that ends at `at`; `gateways` share the traffic. */
  report(gateway: number, gateways: number, at: number, spanMs: number, hourAt: number): TelemetryReport {
    this.#tries = new Map();
    this.#requests = new Map();
    this.#calls = new Map();
    this.#routes = new Map();
    for (const workload of this.#workloads.values()) this.#slowDown(workload, spanMs / gateways);
    for (const tenant of this.#tenants) {
      const expected = (rateOf(tenant, at - hourAt) * spanMs) / 1_000 / gateways;
      for (const workload of this.#workloads.values()) {
        if (!workload.plan.routed) continue;
        const count = this.#noise.count(expected / 2);
        for (let i = 0; i < count; i++) this.#carry(tenant, workload, at - spanMs * this.#noise.uniform());
      }
    }
    const counts = {
      tries: [...this.#tries.values()],
      requests: [...this.#requests.values()],
      calls: [...this.#calls.values()],
      routes: [...this.#routes.values()],
    };
    const span = { from: toIso(at - spanMs), to: toIso(at) };
    const rest = { snapshotRevision: 1, inflight: {}, ejected: [], lost: [], recordsWaiting: 0 };
    return { gateway, pid: gateway, sequence: ++this.#sequence, ...span, ...counts, ...rest };
  }

  #slowDown({ processes }: HealthyWorkload, passedMs: number): void {
    for (const each of processes) each.perSecond *= Math.exp(-passedMs / SMOOTHED_MS);
  }

  /** What it calls is carried as well, and waited for; a call that fails fails the request. */
  #carry(tenant: TenantPlan, workload: HealthyWorkload, at: number): { readonly ms: number; readonly failed: boolean } {
    const { name, calls } = workload.plan;
    const servers = workload.servers(at);
    const counts = this.#requestsOf(tenant.name, name);
    const route = this.#route();
    let process = this.#pick(servers);
    const called = calls.map((callee) => this.#call(tenant, process, callee, at));
    let ms = called.reduce((sum, each) => sum + each.ms, this.#try(tenant, workload, process, at));
    if (this.#fails(tenant, process) || called.some(({ failed }) => failed)) {
      this.#triesOf(tenant.name, process).serverErrors++;
      route.count(process).failed++;
      if (!this.#noise.chance(REPEATED_SHARE)) {
        counts.failed++;
        return { ms, failed: true };
      }
      counts.retries++;
      process = this.#pick(servers.filter((each) => each !== process));
      ms += this.#try(tenant, workload, process, at);
    }
    const tries = this.#triesOf(tenant.name, process);
    tries.ok++;
    addLatency(tries.latency, ms);
    const counted = route.count(process);
    counted.ok++;
    counted.latencyMs += route.times * ms;
    addLatency(counted.latency, route.times * ms);
    counts.ok++;
    addLatency(counts.latency, ms);
    return { ms, failed: false };
  }

  /** Through the gateway again, which knows by the trace who calls. */
  #call(tenant: TenantPlan, { instance, workload, version }: Process, callee: string, at: number) {
    const key = `${instance} ${callee}`;
    const nothing = { ok: 0, serverErrors: 0, connectErrors: 0, timeouts: 0, latency: openSketch() };
    const counts = this.#calls.get(key) ?? { instance, workload, version, callee, ...nothing };
    this.#calls.set(key, counts);
    const answer = this.#carry(tenant, this.#workloads.get(callee)!, at);
    if (answer.failed) counts.serverErrors++;
    else {
      counts.ok++;
      addLatency(counts.latency, answer.ms);
    }
    return answer;
  }

  /** One of the routes, and where what is seen of it is counted. */
  #route() {
    const at = this.#noise.uniform();
    const { route, times } = ROUTES.find(({ until }) => at < until)!;
    const count = ({ workload, version }: Process): OpenRoute => {
      const key = `${workload} ${version} ${route}`;
      const nothing = { ok: 0, failed: 0, latencyMs: 0, latency: openSketch() };
      const known = this.#routes.get(key) ?? { workload, version, route, ...nothing };
      this.#routes.set(key, known);
      return known;
    };
    return { times, count };
  }

  #try(_tenant: TenantPlan, { plan }: HealthyWorkload, process: Process, at: number): number {
    process.perSecond += 1_000 / SMOOTHED_MS;
    return latencyOf(process, at, plan.medianMs, plan.capacity, this.#noise);
  }

  #fails({ availability }: TenantPlan, { workload, ordinal }: Process): boolean {
    const { fault } = this;
    const isHit = fault?.workload === workload && (fault.ordinal ?? ordinal) === ordinal;
    return this.#noise.chance(isHit ? fault.failedShare : ERRORS_OF_PROMISE * (1 - availability));
  }

  /** The one of two that is less loaded. */
  #pick(servers: readonly Process[]): Process {
    const [one, other] = [this.#noise.pick(servers)!, this.#noise.pick(servers)!];
    return one.perSecond * one.slowness <= other.perSecond * other.slowness ? one : other;
  }

  #triesOf(tenant: string, { workload, version, instance }: Process): Open<TryCounts> {
    const key = `${tenant} ${instance}`;
    const known = this.#tries.get(key);
    if (known) return known;
    const nothing = { ok: 0, serverErrors: 0, connectErrors: 0, timeouts: 0, latency: openSketch() };
    const counts = { tenant, workload, version, instance, ...nothing };
    this.#tries.set(key, counts);
    return counts;
  }

  #requestsOf(tenant: string, workload: string): Open<RequestCounts> {
    const key = `${tenant} ${workload}`;
    const known = this.#requests.get(key);
    if (known) return known;
    const nothing = { ok: 0, failed: 0, limited: 0, refused: 0, retries: 0, concurrencyMax: 1 };
    const counts = { tenant, workload, ...nothing, latency: openSketch() };
    this.#requests.set(key, counts);
    return counts;
  }
}
