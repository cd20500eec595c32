import { sumMsOf } from '../../../src/detect/histogram.ts';
import type { LatencySketch } from '../../../src/base/latency-sketch.ts';
import type { AssetKind } from '../../../src/diagnose/fleet-view.ts';
import type { ConditionName, ErrorClass, ErrorCounts } from '../../../src/observe/condition.ts';
import type { Sample } from '../../../src/observe/sample.ts';
import type { VantageView } from '../../../src/heal/situation.ts';
import type { Assets, Standing } from './assets.ts';
import { LOOKED_FOR } from './condition-rules.ts';
import type { Flow } from './demand.ts';
import { type Instance, refOf } from './instance.ts';
import type { Noise } from './noise.ts';
import { type Peer, PeerBook } from './peer-book.ts';
import { sketchOf } from './sketches.ts';
import type { EventWords } from './words.ts';

type ObserverWords = NonNullable<EventWords['observer']>;

interface Fault {
  readonly words: ObserverWords;
  readonly untilMs: number;
}

interface Calls {
  readonly instance: Instance;
  readonly callee: string;
  tries: number;
  failed: number;
  readonly weights: Map<ErrorClass, number>;
  latencyMs: number;
}

/** Who calls more than this does not tell them apart. */
const PEERS_MAX = 16;

export interface ObservedWorld {
  readonly noise: Noise;
  readonly gateways: number;
  readonly probeLoss: number;
  /** In a large fleet who is well is looked at less often. */
  readonly isLarge: boolean;
  /** Nothing changes anywhere. */
  isQuiet(): boolean;
  now(): number;
  instances(): Iterable<Instance>;
  /** MiB at which it is killed. */
  memoryLimitOf(instance: Instance): number;
  assets(): Assets;
}

const FALL = 2;
const RISE = 1;
/** A stale observer tells what was so this long ago. */
const STALE_MS = 60_000;
const LARGE = { probeMs: 5_000, memoryMs: 10_000, callsMs: 5_000, conditionMs: 10_000 };
/** While nothing changes anywhere. */
const QUIET = { probeMs: 300_000, memoryMs: 300_000, callsMs: 300_000, conditionMs: 600_000 };
const SMALL = { probeMs: 1_000, memoryMs: 1_000, callsMs: 1_000, conditionMs: 2_000 };

/** Everything that looks at the world: what it sees becomes samples, unless something is wrong with the observer itself. */
export class Observers {
  readonly #world: ObservedWorld;
  #faults: Fault[] = [];
  #samples: Sample[] = [];
  #late: { readonly at: number; readonly sample: Sample }[] = [];
  readonly #heard = new Map<string, number>();
  readonly #against = new Map<string, number>();
  readonly #memoryAt = new Map<string, number>();
  readonly #watched = new Map<string, { toldAt: number; readonly holding: Set<ConditionName> }>();
  readonly #buried = new Set<string>();
  readonly #calls = new Map<string, Calls>();
  readonly #peers = new PeerBook();
  #callsAt: number;

  constructor(world: ObservedWorld) {
    this.#world = world;
    this.#callsAt = world.now();
    for (const name of ['keeper', 'prober', 'control']) this.#heard.set(name, world.now());
    for (let i = 0; i < world.gateways; i++) this.#heard.set(this.gatewayOf(i), world.now());
  }

  get #rhythm(): typeof LARGE {
    if (!this.#world.isLarge) return SMALL;
    return this.#world.isQuiet() ? QUIET : LARGE;
  }

  fault(words: ObserverWords): void {
    const untilMs = words.for === undefined ? Number.POSITIVE_INFINITY : this.#world.now() + words.for;
    this.#faults.push({ words, untilMs });
  }

  expire(): boolean {
    const before = this.#faults.length;
    this.#faults = this.#faults.filter((each) => this.#world.now() < each.untilMs);
    return this.#faults.length < before;
  }

  get isFaulty(): boolean {
    return this.#faults.length > 0;
  }

  gatewayOf(turn: number): string {
    return `gateway-${(turn % this.#world.gateways) + 1}`;
  }

  /** Who looks, and when each was heard of last. */
  vantages(): readonly VantageView[] {
    return [...this.#heard].map(([name, lastHeardAt]) => ({ name, host: hostOf(name), lastHeardAt }));
  }

  /** What was seen since it was asked last. */
  take(): readonly Sample[] {
    if (this.#late.length > 0) {
      // In the order in which they were seen, which is that in which they come.
      const first = this.#late.findIndex((each) => each.at > this.#world.now());
      const due = this.#late.splice(0, first < 0 ? this.#late.length : first);
      for (const { sample } of due) this.#samples.push(sample);
    }
    const samples = this.#samples;
    this.#samples = [];
    return samples;
  }

  emit(sample: Sample): void {
    const { noise } = this.#world;
    const fault = this.#faults.find(
      ({ words }) => words.vantage === 'all' || words.vantage === groupOf(sample.vantage),
    );
    if (fault) {
      const { does, share } = fault.words;
      if (does === 'silent' || (does === 'loses' && noise.chance(share))) return;
      if (does === 'stale') {
        this.#late.push({ at: this.#world.now() + STALE_MS, sample });
        return;
      }
      if (does === 'lies-down' && noise.chance(share)) return this.#hear(slandered(sample));
    }
    this.#hear(sample);
  }

  #hear(sample: Sample): void {
    this.#heard.set(sample.vantage, Math.max(sample.at, this.#heard.get(sample.vantage) ?? 0));
    this.#samples.push(sample);
  }

  requests(
    vantage: string,
    flow: Flow,
    seen: { readonly ok: number; readonly failed: number; readonly latency: LatencySketch },
    spanMs: number,
  ): void {
    const { tenant, workload, limited, refused } = flow;
    const at = this.#world.now();
    this.emit({ kind: 'requests', at, vantage, tenant, workload: workload.name, spanMs, limited, refused, ...seen });
  }

  tries(
    vantage: string,
    tenant: string,
    seen: {
      readonly instance: Instance;
      readonly ok: number;
      readonly failed: number;
      readonly errors: ErrorCounts;
      readonly latency: LatencySketch;
    },
    spanMs: number,
  ): void {
    const { instance, ok, failed, errors, latency } = seen;
    const at = this.#world.now();
    this.emit({ kind: 'tries', at, vantage, ...refOf(instance), tenant, spanMs, ok, failed, errors, latency });
  }

  route(
    vantage: string,
    { workload, version }: Instance,
    seen: { readonly route: string; readonly ok: number; readonly failed: number; readonly latency: LatencySketch },
    spanMs: number,
  ): void {
    const { route, ok, failed, latency } = seen;
    if (ok + failed === 0) return;
    const answeredMs = (sumMsOf(latency) * ok) / (ok + failed);
    const of = { workload, version, route, spanMs, ok, failed, latencyMs: answeredMs, latency } as const;
    this.emit({ kind: 'route', at: this.#world.now(), vantage, ...of });
  }

  /** An instance called something, and it went like this. Told in a rhythm, at once when it fails. */
  called(
    instance: Instance,
    callee: string,
    tries: number,
    oneTry: { readonly failedShare: number; readonly cause: ErrorClass; readonly latencyMs: number },
    peers: readonly Peer[] = [],
  ) {
    if (tries <= 0) return;
    const { failedShare, cause, latencyMs } = oneTry;
    const key = `${instance.instance} ${callee}`;
    const nothing = { tries: 0, failed: 0, weights: new Map(), latencyMs: 0 };
    const calls = this.#calls.get(key) ?? { instance, callee, ...nothing };
    const count = this.#world.noise.count(tries);
    const failed = this.#world.noise.of(count, failedShare);
    calls.tries += count;
    calls.failed += failed;
    if (failed > 0) calls.weights.set(cause, (calls.weights.get(cause) ?? 0) + failed);
    calls.latencyMs = latencyMs;
    this.#calls.set(key, calls);
    if (peers.length <= PEERS_MAX) this.#peers.add(key, peers, count, failed);
  }

  /** Looks at everything that is looked at in a rhythm. */
  look(): void {
    const now = this.#world.now();
    for (const instance of this.#world.instances()) {
      if (instance.state === 'exited' || instance.external) continue;
      this.#probe(instance, now);
      this.#weigh(instance, now);
    }
    if (now - this.#callsAt >= this.#rhythm.callsMs) this.#tellCalls(now);
    for (const { id, words } of this.#world.assets().all()) this.#lookAt(id, words.kind, now);
    this.#tellLies(now);
    this.#heard.set('control', now);
    if (!this.#faults.some(({ words }) => words.vantage === 'keeper' || words.vantage === 'all')) {
      this.#heard.set('keeper', now);
    }
  }

  #probe(instance: Instance, now: number): void {
    const isWell = instance.ready;
    const wasWell = instance.toldReady && (this.#against.get(instance.instance) ?? 0) === 0;
    if (isWell && wasWell && now - instance.probedAt < this.#rhythm.probeMs) return;
    instance.probedAt = now;
    const { behaviour, state } = instance;
    const isSilent = state === 'starting' || behaviour.hangs || behaviour.unreachable;
    const ready = this.#outcome(instance.ready, isSilent ? 'timeout' : 'status 503');
    const alive = this.#outcome(!isSilent, 'timeout');
    const timing = { fall: FALL, rise: RISE, latencyMs: isSilent ? 200 : 2 + behaviour.latencyMs };
    const common = { kind: 'probe' as const, at: now, vantage: 'prober', ...refOf(instance), ...timing };
    this.emit({ ...common, probe: 'readiness', ...ready });
    this.emit({ ...common, probe: 'liveness', ...alive });
    this.#believe(instance, this.#isProberLying() ? false : ready.ok, now);
  }

  /** What the fleet's picture says of it: as the probes do, with their fall and rise. */
  #believe(instance: Instance, ok: boolean, now: number): void {
    if (this.#faults.some(({ words }) => words.does === 'silent' && ['prober', 'all'].includes(words.vantage))) return;
    instance.seenAt = ok || instance.state === 'running' ? now : instance.seenAt;
    const against = ok ? 0 : (this.#against.get(instance.instance) ?? 0) + 1;
    this.#against.set(instance.instance, against);
    if (ok) instance.toldReady = true;
    else if (against >= FALL) instance.toldReady = false;
  }

  #isProberLying(): boolean {
    const lie = this.#faults.find(
      ({ words }) => words.does === 'lies-down' && ['prober', 'all'].includes(words.vantage),
    );
    return lie !== undefined && this.#world.noise.chance(lie.words.share);
  }

  /** A keeper that lies reports deaths of those who live, each once. */
  #tellLies(now: number): void {
    const lie = this.#faults.find(
      ({ words }) => words.does === 'lies-down' && ['keeper', 'all'].includes(words.vantage),
    );
    if (!lie) return;
    for (const instance of this.#world.instances()) {
      if (instance.state !== 'running' || this.#buried.has(instance.instance)) continue;
      this.#buried.add(instance.instance);
      if (!this.#world.noise.chance(lie.words.share)) continue;
      const livedMs = now - instance.startedAt;
      const end = { expected: false, livedMs, code: null, signal: 'SIGKILL', lastLines: [] };
      this.#hear({ kind: 'exit', at: now, vantage: 'keeper', ...refOf(instance), ...end });
    }
  }

  #outcome(isGood: boolean, reason: string): { ok: boolean; reason: string } {
    if (isGood && this.#world.noise.chance(this.#world.probeLoss)) return { ok: false, reason: 'timeout' };
    return { ok: isGood, reason: isGood ? '' : reason };
  }

  #weigh(instance: Instance, now: number): void {
    if (instance.state !== 'running') return;
    const everyMs = instance.behaviour.leakPerS > 0 ? SMALL.memoryMs : this.#rhythm.memoryMs;
    if (now - (this.#memoryAt.get(instance.instance) ?? 0) < everyMs) return;
    this.#memoryAt.set(instance.instance, now);
    const residentBytes = Math.round(instance.memoryMib * 2 ** 20);
    const limitBytes = this.#world.memoryLimitOf(instance) * 2 ** 20;
    this.emit({ kind: 'memory', at: now, vantage: 'control', ...refOf(instance), residentBytes, limitBytes });
  }

  #tellCalls(now: number): void {
    const { noise } = this.#world;
    for (const [key, { instance, callee, tries, failed, weights, latencyMs }] of this.#calls) {
      if (tries === 0 || instance.state === 'exited') continue;
      const peers = this.#peers.take(key, noise.uniform());
      const [strongest] = [...weights].sort((a, b) => b[1] - a[1]);
      this.emit({
        kind: 'calls',
        at: now,
        vantage: instance.instance,
        ...refOf(instance),
        callee,
        spanMs: now - this.#callsAt,
        ok: tries - failed,
        failed,
        errors: strongest ? { [strongest[0]]: failed } : {},
        latency: sketchOf(tries, latencyMs, noise.uniform()),
        ...(peers.length > 0 ? { peers } : {}),
      });
    }
    this.#calls.clear();
    this.#callsAt = now;
  }

  /** Each condition that is looked for, and each that holds besides; told again in a rhythm, at once when it turned. */
  #lookAt(asset: string, kind: AssetKind, now: number): void {
    const held = this.#world.assets().conditionsOf(asset);
    const watch = this.#watched.get(asset) ?? { toldAt: Number.NEGATIVE_INFINITY, holding: new Set<ConditionName>() };
    const isDue = now - watch.toldAt >= this.#rhythm.conditionMs;
    if (!isDue && held.size === 0 && watch.holding.size === 0) return;
    const names = new Set<ConditionName>([...LOOKED_FOR[kind], ...held.keys(), ...watch.holding]);
    for (const condition of names) {
      const standing = held.get(condition);
      const turned = (standing !== undefined) !== watch.holding.has(condition);
      if (isDue || turned) this.#tellCondition(asset, condition, standing, now);
      if (standing) watch.holding.add(condition);
      else watch.holding.delete(condition);
    }
    if (isDue) watch.toldAt = now;
    this.#watched.set(asset, watch);
  }

  #tellCondition(asset: string, condition: ConditionName, standing: Standing | undefined, now: number): void {
    this.emit({
      kind: 'condition',
      at: now,
      vantage: Math.floor(now / 1_000) % 2 === 0 ? 'prober' : 'control',
      asset,
      condition,
      holds: standing !== undefined,
      reason: standing?.reason ?? `${asset} is not ${condition}`,
      detail: standing?.detail ?? {},
    });
  }
}

function groupOf(vantage: string): ObserverWords['vantage'] {
  if (vantage.startsWith('gateway')) return 'gateways';
  return vantage === 'keeper' || vantage === 'prober' ? vantage : 'all';
}

function hostOf(vantage: string): string {
  return vantage.startsWith('gateway') ? `edge-${vantage.slice('gateway-'.length)}` : vantage;
}

/** What a liar makes of a reading: everything is down. */
function slandered(sample: Sample): Sample {
  switch (sample.kind) {
    case 'probe':
      return { ...sample, ok: false, reason: 'timeout' };
    case 'tries':
    case 'calls':
      return { ...sample, ok: 0, failed: sample.ok + sample.failed, errors: { timeout: sample.ok + sample.failed } };
    case 'requests':
      return { ...sample, ok: 0, failed: sample.ok + sample.failed };
    default:
      return sample;
  }
}
