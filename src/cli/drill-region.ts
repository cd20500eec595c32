import { Agent, request } from 'undici';
import { toIso } from '../base/clock.ts';
import type { Tenant } from '../resources/tenant.ts';
import type { IncidentSummary } from './answers.ts';
import type { ControlFault } from './drill-control-fault.ts';
import { ControlWatch } from './drill-control-watch.ts';
import type { DrillResult } from './drill-fault.ts';
import type { Preparation } from './drill-faults.ts';
import { declaredWorkloads } from './drill-store.ts';
import { refuse } from './drill-target.ts';
import { untilInterrupted } from './interruption.ts';
import { epochMsOf } from './moment.ts';
import { readDeclared } from './plan-apply.ts';

const DOWN_S = 15;
const KILL_AGAIN_MS = 150;
const ASK_AGAIN_MS = 250;
/** Above what a gateway waits for an instance: what it answers is the answer. */
const ANSWER_MS = 12_000;

/** A tenant whose one region is to go down, and how its people reach it. */
interface Loss {
  readonly tenant: string;
  readonly region: string;
  /** Workloads that tenants call; they go on in other regions. */
  readonly workloads: readonly string[];
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Kills everything that serves tenants in a region, again and again for a time, while what is left stands in regions that the
 * tenant does not permit. Good is that its requests fail and that no other region serves one: `held`. Its people notice: use
 * it where they may. Ends by itself, also when it is killed.
 */
export async function loseRegion(preparation: Preparation, name: string, timeoutMs: number): Promise<DrillResult> {
  const { invocation, world, options } = preparation;
  const { clock } = invocation.context;
  const loss = await chooseLoss(preparation);
  const { tenant, region } = loss;
  const before = await world.posture();
  if (!before) throw refuse('control does not tell the posture');
  invocation.note(`drill: all that serves tenants in ${region} is killed; ${tenant} may be nowhere else`);
  const ledgerFrom = await world.ledgerSize();
  const injectedAt = clock.now();
  return await untilInterrupted(async (signal) => {
    const fault = residencyOf(loss);
    const watch = new ControlWatch({ world, fault, before, injectedAt, clock, signal });
    const asking = new Asking(preparation, loss);
    const over = new AbortController();
    const killing = killAll(preparation, loss, AbortSignal.any([signal, over.signal]));
    const asked = asking.run(AbortSignal.any([signal, over.signal]));
    const downMs = (options.parameter ?? DOWN_S) * 1_000;
    let escaped = await invocation.waiting(`${region} to stay away`, watch.detected(downMs));
    over.abort();
    await Promise.all([killing, asked]);
    const servedAt = await invocation.waiting('the region', asking.untilServed(signal, timeoutMs));
    escaped ||= await watch.detected(0);
    await asking.close();
    const incidents = (await world.incidents())?.filter((each) => isOf(each, loss, injectedAt)) ?? [];
    const [first] = incidents.toSorted((a, b) => epochMsOf(a.openedAt) - epochMsOf(b.openedAt));
    const since = (at: string | number | null | undefined) =>
      at == null ? null : Math.round(epochMsOf(at) - injectedAt);
    const ending = escaped ? 'escaped' : servedAt === null ? 'not restored' : 'held';
    return {
      fault: name,
      target: `tenant ${tenant}`,
      outcome: signal.aborted ? 'interrupted' : ending,
      incident: first?.id ?? null,
      incidentOutcome: first ? (first.outcome ?? first.state) : null,
      startedAt: toIso(injectedAt),
      endedAt: toIso(clock.now()),
      detectedMs: since(first?.detectedAt),
      openedMs: since(first?.openedAt),
      replacedMs: null,
      closedMs: since(first?.closedAt),
      restartedMs: null,
      satisfiedMs: since(servedAt),
      controls: watch.controls,
      tenants: (ledgerFrom === undefined ? undefined : await world.access(ledgerFrom, injectedAt)) ?? null,
      takenBack: true,
    };
  });
}

/** By which it would be seen that somebody else served the tenant. */
function residencyOf({ tenant, region }: Loss): ControlFault {
  return {
    target: `tenant ${tenant}`,
    about: `${region} is lost`,
    facts: ['residency.instances', 'residency.stores'],
    subjects: [tenant],
    words: [`tenant ${tenant}`],
    undo: { kind: 'all', undos: [] },
    inject: async () => undefined,
  };
}

async function chooseLoss(preparation: Preparation): Promise<Loss> {
  const { invocation, status, target, options } = preparation;
  const tenants = (await readDeclared(invocation)).filter((each): each is Tenant => each.kind === 'Tenant');
  const routed = (await declaredWorkloads(preparation)).filter(({ spec }) => spec.route);
  const others = (tenant: Tenant) =>
    routed.flatMap(({ spec }) => Object.keys(spec.instances).filter((each) => !tenant.spec.regions.includes(each)));
  const fits = (tenant: Tenant) => tenant.spec.regions.length === 1 && others(tenant).length > 0;
  const tenant = tenants.find((each) => (target === undefined ? fits(each) : each.metadata.name === target));
  if (!tenant || !fits(tenant))
    throw refuse(`${target ?? 'no tenant'} has one region alone, while others run beside it`);
  const [host] = tenant.spec.identify.hosts;
  const { gateway } = status.addresses;
  const path = routed[0]?.spec.route?.pathPrefix;
  if (options.key === undefined) throw refuse(`this drill needs --key with an API key of ${tenant.metadata.name}`);
  if (host === undefined || !gateway || path === undefined) throw refuse('it is not known how the tenant is reached');
  return {
    tenant: tenant.metadata.name,
    region: tenant.spec.regions[0]!,
    workloads: routed.map(({ metadata }) => metadata.name),
    url: new URL(options.path ?? path, gateway).href,
    headers: { host, 'x-api-key': options.key },
  };
}

async function killAll({ world, invocation }: Preparation, loss: Loss, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const workloads = (await world.status())?.workloads.filter(({ name }) => loss.workloads.includes(name)) ?? [];
    const running = workloads.flatMap(({ instances }) => instances.filter((each) => each.running));
    const here = running.filter(({ region }) => region === loss.region);
    // One that ended by itself meanwhile refuses the signal.
    if (!signal.aborted) await Promise.all(here.map(({ id }) => world.signal(id, 'SIGKILL').catch(() => undefined)));
    await invocation.context.clock.sleep(KILL_AGAIN_MS, signal).catch(() => undefined);
  }
}

/** A client of the tenant that asks again and again. */
class Asking {
  readonly #clock;
  readonly #loss: Loss;
  readonly #agent = new Agent({ connections: 4 });

  constructor({ invocation }: Preparation, loss: Loss) {
    this.#clock = invocation.context.clock;
    this.#loss = loss;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#isServed(signal);
      await this.#clock.sleep(ASK_AGAIN_MS, signal).catch(() => undefined);
    }
  }

  /** When the first request was served; null when none was in time. */
  async untilServed(signal: AbortSignal, timeoutMs: number): Promise<number | null> {
    const untilMs = this.#clock.monotonicMs() + timeoutMs;
    while (!signal.aborted && this.#clock.monotonicMs() < untilMs) {
      if (await this.#isServed(signal)) return this.#clock.now();
      await this.#clock.sleep(ASK_AGAIN_MS, signal).catch(() => undefined);
    }
    return null;
  }

  async #isServed(signal: AbortSignal): Promise<boolean> {
    const { url, headers } = this.#loss;
    const deadline = this.#clock.deadline(ANSWER_MS, signal);
    const options = { dispatcher: this.#agent, headers, signal: deadline };
    const answer = await request(url, options).catch(() => undefined);
    await answer?.body.dump().catch(() => undefined);
    return answer !== undefined && answer.statusCode < 300;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

function isOf({ workload, openedAt }: IncidentSummary, { workloads }: Loss, sinceMs: number): boolean {
  return workload !== null && workloads.includes(workload) && epochMsOf(openedAt) >= sinceMs;
}
