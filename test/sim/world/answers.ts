import { type LatencySketch, mergeSketches } from '../../../src/base/latency-sketch.ts';
import type { ErrorClass, ErrorCounts } from '../../../src/observe/condition.ts';
import { Chances, errorsOf } from './calls.ts';
import type { Flow } from './demand.ts';
import type { Instance } from './instance.ts';
import { shareAbove } from './queueing.ts';
import { sketchOf } from './sketches.ts';
import type { TrafficWorld } from './traffic-world.ts';

/** A gateway gives up a try after this time. */
const TRY_MS = 2_000;
/** Retries of the gateways stay below this share of the requests (a few are always free). */
const RETRY_SHARE = 0.2;
const RETRIES_FREE_PER_S = 1;
/** Of the answers of a process that mixes tenants up, this many hold data of another. */
const EXPOSED_SHARE = 0.02;
const EJECT_STEP_MS = 1_000;
const EJECT_CAP_MS = 30_000;
const EJECT_SHARE = 0.5;
const EJECT_TRIES_MIN = 3;

interface Tried {
  tries: number;
  failed: number;
}

/** Gives the tenants their answers: which of their requests fail, how long they take, what the gateways see of it. */
export class Answers {
  readonly #world: TrafficWorld;
  #step = 0;
  /** Failed share of the tries of the last step, by workload. */
  readonly #meanFailed = new Map<string, number>();

  constructor(world: TrafficWorld) {
    this.#world = world;
  }

  /** Returns whether more fails than noise would let. `failing` keeps the failed share by tenant and workload. */
  give(
    flows: readonly Flow[],
    chances: ReadonlyMap<string, Chances>,
    failing: Map<string, number>,
    dtMs: number,
  ): boolean {
    this.#step++;
    const tried = new Map<Instance, Tried>();
    let requests = 0;
    let failed = 0;
    for (const flow of flows) {
      if (flow.requests === 0) continue;
      const lost = this.#answer(flow, chances, tried, dtMs);
      failing.set(`${flow.tenant} ${flow.workload.name}`, flow.admitted === 0 ? 0 : lost / flow.admitted);
      requests += flow.admitted;
      failed += lost;
    }
    this.#eject(tried);
    return failed > 3 && failed > 0.02 * requests;
  }

  #answer(flow: Flow, chances: ReadonlyMap<string, Chances>, tried: Map<Instance, Tried>, dtMs: number): number {
    const { noise, felt, observers } = this.#world;
    const now = this.#world.now();
    const tries = flow.parts.map((part) => this.#try(flow, part.instance, part.count, chances));
    let failed = flow.parts.length === 0 ? flow.admitted : tries.reduce((sum, each) => sum + each.failed, 0);
    // What failed goes elsewhere once, within the budget of retries; it fares there as the others do.
    const meanFailed = this.#meanFailed.get(flow.workload.name) ?? 0;
    if (flow.servers > 1 && failed > 0) {
      const free = (RETRIES_FREE_PER_S * dtMs) / 1_000;
      const budget = Math.round(Math.max(RETRY_SHARE * flow.admitted, free));
      const again = Math.min(failed, budget);
      failed -= noise.of(again, 1 - meanFailed);
    }
    const ok = flow.admitted - failed;
    const medianMs = medianOf(tries, ok);
    const slow = noise.of(ok, shareAbove(flow.words.latency, medianMs));
    const exposed = tries.reduce((sum, each) => sum + (each.leaks ? noise.of(each.ok, EXPOSED_SHARE) : 0), 0);
    const { tenant, requests, limited, refused } = flow;
    felt.add(tenant, { requests, ok, failed, limited, refused, slow, exposed }, now);
    this.#world.invariants.conserved(requests, [ok, failed, limited, refused], now);
    const spread = flow.parts.map((part) => part.count);
    if (spread.length > 0) this.#world.invariants.conserved(flow.admitted, spread, now);
    const gateway = observers.gatewayOf(this.#step + tenant.length);
    const latency = sketchOf(
      ok + failed,
      failed > ok ? Math.max(medianMs, failedMsOf(tries)) : medianMs,
      noise.uniform(),
    );
    observers.requests(gateway, flow, { ok, failed, latency }, dtMs);
    for (const each of tries) {
      const sum = tried.get(each.instance) ?? { tries: 0, failed: 0 };
      sum.tries += each.count;
      sum.failed += each.failed;
      tried.set(each.instance, sum);
      observers.tries(gateway, flow.tenant, each, dtMs);
      for (const route of each.routes) observers.route(gateway, each.instance, route, dtMs);
      if (each.ok > 0) this.#world.residency.served(flow.tenant, each.instance.region);
    }
    return failed;
  }

  #try(flow: Flow, instance: Instance, count: number, chances: ReadonlyMap<string, Chances>) {
    const { noise } = this.#world;
    const oneTry = chances.get(instance.instance)?.copy() ?? refused();
    const own = instance.behaviour.failing.filter((each) => each.tenants !== undefined);
    oneTry.addAll(own, flow.tenant);
    const routes = this.#byRoute(flow, instance, count, oneTry);
    oneTry.limit(TRY_MS);
    if (routes.length > 0) return { instance, count, ...sumOf(routes), leaks: instance.behaviour.leaks, routes };
    const failed = noise.of(count, oneTry.failedShare);
    const medianMs = Math.min(oneTry.latencyMs, TRY_MS) * (1 + 0.05 * noise.gauss());
    const errors = errorsOf(failed, oneTry.weights);
    const { leaks } = instance.behaviour;
    const latency = sketchOf(count, medianMs, noise.uniform());
    return { instance, count, ok: count - failed, failed, errors, medianMs, latency, leaks, routes };
  }

  /** The same tries by route, where routes are told apart: what is the matter with one is added to what is with all. */
  #byRoute(flow: Flow, instance: Instance, count: number, all: Chances): readonly RouteTries[] {
    const { noise } = this.#world;
    let [left, shareLeft] = [count, 1];
    return Object.entries(flow.workload.words.routes).map(([route, share], i, { length }) => {
      const here = i === length - 1 ? left : noise.of(left, Math.min(1, share / shareLeft));
      left -= here;
      shareLeft -= share;
      const oneTry = all.copy();
      oneTry.addAll(
        instance.behaviour.ofRoutes.filter((each) => each.route === route),
        null,
      );
      oneTry.limit(TRY_MS);
      const failed = noise.of(here, oneTry.failedShare);
      const medianMs = Math.min(oneTry.latencyMs, TRY_MS) * (1 + 0.05 * noise.gauss());
      const latency = sketchOf(here, medianMs, noise.uniform());
      return { route, ok: here - failed, failed, errors: errorsOf(failed, oneTry.weights), medianMs, latency };
    });
  }

  /** A gateway's reflex: who fails far more than the others gets nothing for a while, each time a little longer. */
  #eject(tried: ReadonlyMap<Instance, Tried>): void {
    const now = this.#world.now();
    const sums = new Map<string, Tried>();
    for (const [{ workload }, { tries, failed }] of tried) {
      const sum = sums.get(workload) ?? { tries: 0, failed: 0 };
      sums.set(workload, { tries: sum.tries + tries, failed: sum.failed + failed });
    }
    for (const [workload, { tries, failed }] of sums) this.#meanFailed.set(workload, tries === 0 ? 0 : failed / tries);
    for (const [instance, { tries, failed }] of tried) {
      instance.last.failedShare = tries === 0 ? 0 : failed / tries;
      if (tries < EJECT_TRIES_MIN) continue;
      if (failed < EJECT_SHARE * tries) {
        if (now - instance.ejectedUntil > EJECT_CAP_MS) instance.ejections = 0;
        continue;
      }
      const all = sums.get(instance.workload)!;
      const others = { tries: all.tries - tries, failed: all.failed - failed };
      if (others.tries === 0 || failed / tries < 2 * (others.failed / others.tries)) continue;
      instance.ejections++;
      instance.ejectedUntil = now + Math.min(EJECT_STEP_MS * instance.ejections, EJECT_CAP_MS);
    }
  }
}

/** Tries at one instance to one route. */
interface RouteTries {
  readonly route: string;
  readonly ok: number;
  readonly failed: number;
  readonly errors: ErrorCounts;
  readonly medianMs: number;
  readonly latency: LatencySketch;
}

function sumOf(routes: readonly RouteTries[]) {
  const errors: Partial<Record<ErrorClass, number>> = {};
  let [ok, failed, ms] = [0, 0, 0];
  for (const each of routes) {
    ok += each.ok;
    failed += each.failed;
    ms += (each.ok + each.failed) * each.medianMs;
    for (const [name, count] of Object.entries(each.errors)) {
      errors[name as ErrorClass] = (errors[name as ErrorClass] ?? 0) + count;
    }
  }
  const latency = mergeSketches(routes.map((each) => each.latency));
  return { ok, failed, errors, medianMs: ms / Math.max(1, ok + failed), latency };
}

function refused(): Chances {
  const chances = new Chances();
  chances.add('refused', 1);
  return chances;
}

function medianOf(tries: readonly { readonly ok: number; readonly medianMs: number }[], ok: number): number {
  if (ok <= 0) return 0;
  const answered = tries.reduce((sum, each) => sum + each.ok, 0);
  return answered === 0 ? TRY_MS : tries.reduce((sum, each) => sum + each.ok * each.medianMs, 0) / answered;
}

function failedMsOf(tries: readonly { readonly failed: number; readonly medianMs: number }[]): number {
  const failed = tries.reduce((sum, each) => sum + each.failed, 0);
  return failed === 0 ? 0 : tries.reduce((sum, each) => sum + each.failed * each.medianMs, 0) / failed;
}
