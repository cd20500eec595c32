import { ReportIntake, samplesOf } from '../../../src/api/telemetry-intake.ts';
import { seededRandom } from '../../../src/base/random.ts';
import { createDetectors, MOVES } from '../../../src/builtin.ts';
import { PERIOD_MS } from '../../../src/detect/burn-rate/burn-rate.ts';
import { symptomKey } from '../../../src/detect/symptom.ts';
import type { FleetView } from '../../../src/diagnose/fleet-view.ts';
import type { Fleet } from '../../../src/heal/fleet.ts';
import type { Incident } from '../../../src/heal/memory.ts';
import type { Policy } from '../../../src/heal/situation.ts';
import { createHealer } from '../../../src/healer.ts';
import { loop, type Stages } from '../../../src/loop.ts';
import type { Sample } from '../../../src/observe/sample.ts';
import { UserSignal } from '../../../src/observe/user-signal.ts';
import { detectionNumbers } from '../../../src/resources/detection-number.ts';
import { Replica } from '../calamity.ts';
import { tenantView } from '../fleet-views.ts';
import { MemoryInMemory } from '../memory-in-memory.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { Noise } from '../world/noise.ts';
import { type Fault, HealthyTraffic } from './healthy-traffic.ts';
import { HealthyWorkload, type WorkloadPlan } from './healthy-workload.ts';
import { type Oddity, OddReports } from './oddities.ts';
import { memoryOf, type Process } from './processes.ts';
import { type TenantPlan, tenantPlans } from './tenants.ts';

export interface HourOptions {
  readonly seed: number;
  readonly minutes?: number;
  /** Of each workload in that time; 2 when left out. */
  readonly deploys?: number;
  /** Something that is really wrong, from when on. */
  readonly fault?: Fault & { readonly fromMs: number };
  /** People add an instance to each workload and take it away again, and tenants come and go. */
  readonly comings?: boolean;
  /** Odd things that happen to reports, and that are nobody's fault. */
  readonly oddities?: readonly Oddity[];
}

export interface Hour {
  readonly startedAt: number;
  readonly incidents: readonly Incident[];
  /** Every claim that was made, with when it was made first, whether or not it became an incident. */
  readonly claims: readonly string[];
  readonly faults: readonly unknown[];
  readonly samples: number;
}

const PLANS: readonly WorkloadPlan[] = [
  {
    name: 'portal',
    instances: 3,
    medianMs: 18,
    capacity: 80,
    calls: ['search'],
    declares: false,
    routed: true,
    limitMib: 512,
  },
  {
    name: 'records',
    instances: 4,
    medianMs: 11,
    capacity: 60,
    calls: [],
    declares: true,
    routed: true,
    limitMib: null,
  },
  {
    name: 'search',
    instances: 2,
    medianMs: 30,
    capacity: 140,
    calls: [],
    declares: true,
    routed: false,
    limitMib: 512,
  },
];
const GATEWAYS = 2;
const STEP_MS = 250;
const LOOK_MS = 1_000;
const MIB = 2 ** 20;
const PROBES_LOST = 0.002;
const NUMBERS = detectionNumbers();
const HANDS_OFF: Policy = {
  stops: [],
  freezes: [],
  playbooks: [],
  rules: [],
  destructive: [],
  autonomyMax: 'observe',
  drillAgeMaxMs: null,
  harmMax: 0,
  harmWindowMs: 1,
};

/**
 * An hour of traffic in which nothing is wrong, in virtual time, through the path that control takes: reports of gateways
 * are turned into samples, detectors fold them, claims are diagnosed, incidents opened. Whoever acts finds no hands.
 */
export async function liveHour(options: HourOptions): Promise<Hour> {
  const world = new HealthyWorld(options);
  const { clock, startAt } = world;
  const healer = healerOf(world, options.seed);
  const ended = new AbortController();
  const claims = new Map<string, string>();
  const stages: Stages = {
    ...healer.stages,
    async woken() {
      if (world.isOver) return ended.abort();
      await clock.advance(STEP_MS);
      world.step();
    },
    detect(given) {
      const symptoms = healer.stages.detect(given);
      for (const { name, subject, reason } of symptoms.values()) {
        const key = symptomKey(name, subject);
        if (!claims.has(key)) claims.set(key, `${Math.round((clock.now() - startAt) / 1_000)} s ${name}: ${reason}`);
      }
      return symptoms;
    },
  };
  const faults: unknown[] = [];
  await loop(stages, ended.signal, (error) => faults.push(error));
  const { incidents } = healer.memory;
  return { startedAt: startAt, incidents, claims: [...claims.values()], faults, samples: world.samples };
}

/** Three workloads, eight tenants, and who looks at them. */
class HealthyWorld {
  readonly clock = new VirtualClock();
  readonly startAt = this.clock.now();
  readonly tenants: readonly TenantPlan[];
  /** What was seen and not yet taken. */
  readonly observed: Sample[] = [];
  samples = 0;
  readonly #lengthMs: number;
  readonly #noise: Noise;
  readonly #workloads: ReadonlyMap<string, HealthyWorkload>;
  readonly #traffic: HealthyTraffic;
  readonly #fault: HourOptions['fault'];
  readonly #odd: OddReports;
  readonly #intake = new ReportIntake();

  constructor({ seed, minutes = 60, deploys = 2, fault, oddities = [], comings = false }: HourOptions) {
    this.#odd = new OddReports(oddities);
    this.#lengthMs = minutes * 60_000;
    this.#noise = new Noise(seededRandom(seed));
    this.#fault = fault;
    const plans = tenantPlans(this.#noise, this.#lengthMs);
    this.tenants = comings ? plans.map((each, i) => comingAndGoing(each, i, this.#lengthMs)) : plans;
    const given = { lengthMs: this.#lengthMs, deploys, comings };
    this.#workloads = new Map(PLANS.map((plan) => [plan.name, workloadOf(plan, this.#noise, this.startAt, given)]));
    this.#traffic = new HealthyTraffic(this.#workloads, this.tenants, this.#noise);
  }

  get isOver(): boolean {
    return this.clock.now() - this.startAt >= this.#lengthMs;
  }

  step(): void {
    const { clock, startAt, observed } = this;
    const at = clock.now();
    const hourMs = at - startAt;
    const before = observed.length;
    this.#traffic.fault = this.#fault && hourMs >= this.#fault.fromMs ? this.#fault : undefined;
    for (const workload of this.#workloads.values()) {
      for (const gone of workload.step(at)) observed.push({ kind: 'retired', at, vantage: 'control', ...refOf(gone) });
    }
    for (let gateway = 1; gateway <= GATEWAYS; gateway++) {
      const report = this.#traffic.report(gateway, GATEWAYS, at, STEP_MS, startAt);
      for (const each of this.#odd.arriving(report, hourMs)) {
        const news = this.#intake.take(each, at);
        if (news) observed.push(...samplesOf(news, () => 'eu'));
      }
    }
    if (hourMs % LOOK_MS < STEP_MS) {
      for (const { processes, plan } of this.#workloads.values())
        for (const each of processes) this.#look(each, plan, at);
    }
    this.samples += observed.length - before;
  }

  view(): FleetView {
    const at = this.clock.now();
    return {
      at,
      workloads: [...this.#workloads.values()].map((each) => each.view(at)),
      tenants: this.tenants.map(({ name }) => tenantView(name)),
      settings: [],
      assets: [],
      actors: [],
      room: { eu: 10 },
    };
  }

  #look(process: Process, { limitMib }: WorkloadPlan, at: number): void {
    const ref = refOf(process);
    const isReady = at >= process.readyAt;
    for (const probe of ['readiness', 'liveness'] as const) {
      const ok = isReady && !this.#noise.chance(PROBES_LOST);
      const reading = { probe, ok, latencyMs: 2, reason: ok ? '' : isReady ? 'timeout' : 'refused', fall: 2, rise: 1 };
      this.observed.push({ kind: 'probe', at, vantage: 'prober', ...ref, ...reading });
    }
    if (!isReady) return;
    const limit = limitMib === null ? {} : { limitBytes: limitMib * MIB };
    const residentBytes = memoryOf(process, at, this.#noise) * MIB;
    this.observed.push({ kind: 'memory', at, vantage: 'control', ...ref, residentBytes, ...limit });
    const level = 30 + Math.round(3 * process.perSecond);
    const of = { kind: 'instance' as const, name: process.instance };
    this.observed.push({ kind: 'level', at, vantage: 'control', of, measure: 'descriptors', level, limit: 1_024 });
  }
}

function workloadOf(
  plan: WorkloadPlan,
  noise: Noise,
  startAt: number,
  { lengthMs, deploys, comings }: { readonly lengthMs: number; readonly deploys: number; readonly comings: boolean },
): HealthyWorkload {
  const times = Array.from({ length: deploys }, () => startAt + (0.1 + 0.75 * noise.uniform()) * lengthMs);
  const scaled = [0.2, 0.4, 0.6, 0.8].map((share, i) => ({ at: startAt + share * lengthMs, by: i % 2 === 0 ? 1 : -1 }));
  return new HealthyWorkload(plan, noise, startAt, times, comings ? scaled : []);
}

/** The second largest leaves, the third comes, and so on; who sends most of all stays. */
function comingAndGoing(tenant: TenantPlan, index: number, lengthMs: number): TenantPlan {
  if (index === 0) return tenant;
  const at = lengthMs * (0.15 + 0.1 * index);
  return index % 2 === 0 ? { ...tenant, comesAt: at } : { ...tenant, leavesAt: at };
}

function refOf({ instance, workload, version, region }: Process) {
  return { instance, workload, version, region };
}

function healerOf(world: HealthyWorld, seed: number) {
  const { clock, tenants, observed } = world;
  const memory = new MemoryInMemory(clock);
  const userSignal = new UserSignal();
  const promises = new Map(tenants.map((each) => [each.name, { ...each, periodMs: PERIOD_MS }]));
  const healer = createHealer({
    memory: memory.of(new Replica(1)),
    fleet: {} as Fleet,
    moves: MOVES,
    detectors: createDetectors({ promisedTo: (tenant) => promises.get(tenant), numbers: () => NUMBERS }),
    userSignal,
    clock,
    random: seededRandom(seed),
    log: { info() {}, debug() {}, warn() {}, error() {} } as never,
    takeSamples() {
      const taken = observed.splice(0);
      for (const sample of taken) if (sample.kind === 'requests') userSignal.add(sample);
      return taken;
    },
    woken: () => Promise.resolve(),
    wake: () => undefined,
    epoch: () => 1,
    leadership: () => new AbortController().signal,
    view: () => world.view(),
    lookAgain: () => Promise.resolve(world.view()),
    look: () => Promise.resolve(world.view()),
    policy: () => HANDS_OFF,
    surroundings: () =>
      Promise.resolve({ vantages: [], healer: { takeovers: 0, overdue: 0, canWrite: true, standsOn: [] } }),
    measureAgain: () => undefined,
    isBusy: () => false,
    converge: () => undefined,
  });
  return { ...healer, memory };
}
