import type { RequestKey } from '../../../src/observe/sample.ts';
import { type Instance, refOf } from './instance.ts';
import type { EventWords } from './words.ts';
import type { World } from './world.ts';

type PoisonWords = NonNullable<EventWords['poison']>;

interface Poison {
  readonly words: PoisonWords;
  readonly untilMs: number;
  dueAt: number;
}

/** Requests that are in progress besides, when a process dies. */
const OTHERS_MAX = 6;
/** A second of requests is more than what is ever in progress at once. */
const INFLIGHT_S = 0.2;

/** Requests that kill whoever serves them, and what the gateways wrote down before they passed any on. */
export class Poisons {
  readonly #world: World;
  #poisons: Poison[] = [];
  /** The request that a process is dying of at this moment. */
  #fatal: RequestKey | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  begin(words: PoisonWords): void {
    const now = this.#world.now();
    const untilMs = words.for === undefined ? Number.POSITIVE_INFINITY : now + words.for;
    this.#poisons.push({ words, untilMs, dueAt: now });
  }

  step(now: number): void {
    this.#poisons = this.#poisons.filter((each) => now < each.untilMs);
    for (const poison of this.#poisons) {
      if (now < poison.dueAt) continue;
      poison.dueAt = now + poison.words.every;
      this.#send(poison.words);
    }
  }

  turningPoints(): readonly number[] {
    return this.#poisons.map((each) => each.dueAt);
  }

  /** The journal of the gateways tells what was in progress on a process that died. */
  inflightAt(instance: Instance): void {
    const { noise, scenario } = this.#world;
    const keys: RequestKey[] = this.#fatal ? [this.#fatal] : [];
    const route = this.#world.workloads.get(instance.workload)?.words.route;
    const senders = Object.entries(scenario.fleet.tenants).filter(
      ([, words]) => words.uses.length === 0 || words.uses.includes(instance.workload),
    );
    const perSecond = senders.reduce((sum, [, words]) => sum + words.perSecond, 0);
    const siblings = Math.max(1, this.#world.population.of(instance.workload).length);
    const inflight = route === undefined ? 0 : noise.count((perSecond * INFLIGHT_S) / siblings);
    const count = Math.min(OTHERS_MAX, inflight);
    for (let i = 0; i < count; i++) {
      const tenant = noise.pick(senders)?.[0];
      if (tenant !== undefined) keys.push({ tenant, route: route ?? '', fingerprint: `f-${noise.token(6)}` });
    }
    if (keys.length === 0) return;
    const vantage = this.#world.observers.gatewayOf(count);
    this.#world.emit({ kind: 'inflight', at: this.#world.now(), vantage, ...refOf(instance), keys });
  }

  #send(words: PoisonWords): void {
    const { mitigations, noise, population, felt } = this.#world;
    const { tenant, workload, route, fingerprint } = words;
    const now = this.#world.now();
    const passed = mitigations.pass({ tenant, workload, route, fingerprint }, 1, 1_000, now, noise);
    const counts = { requests: 1, ok: 0, failed: passed.admitted, limited: passed.limited, slow: 0, exposed: 0 };
    felt.add(tenant, { ...counts, refused: passed.refused }, now);
    if (passed.admitted === 0) return;
    const regions = this.#world.scenario.fleet.tenants[tenant]?.regions ?? [];
    const ready = population.of(workload).filter((each) => each.ready && regions.includes(each.region));
    const victim = noise.pick(ready);
    if (!victim || !words.kills) return;
    if (words.version !== undefined && victim.version !== words.version) return;
    this.#fatal = { tenant, route, fingerprint };
    population.kill(victim, { code: 134, signal: null, line: 'fatal: cannot handle the request' });
    this.#fatal = undefined;
  }
}
