import { timesOf } from './demand.ts';
import { Restarts } from './restarts.ts';
import type { EventWords } from './words.ts';
import type { World } from './world.ts';

type HealerWords = NonNullable<EventWords['healer']>;
type LoadWords = NonNullable<EventWords['load']>;

/** What a scenario says will happen, made to happen at its time. */
export class Happenings {
  readonly #world: World;
  readonly #events: readonly EventWords[];
  readonly #restarts: Restarts;
  #next = 0;
  #loads: { readonly words: LoadWords; readonly untilMs: number }[] = [];
  /** Called when something happens to the healer itself. */
  onHealer: (words: HealerWords) => void = () => undefined;

  constructor(world: World) {
    this.#world = world;
    this.#restarts = new Restarts(world);
    this.#events = [...world.scenario.events].sort((a, b) => a.at - b.at);
  }

  get nextAt(): number {
    const event = this.#events[this.#next]?.at ?? Number.POSITIVE_INFINITY;
    const ends = this.#loads.map((each) => each.untilMs);
    return Math.min(this.#world.startAt + event, this.#restarts.nextAt, ...ends);
  }

  loadTimes(tenant: string, workload: string): number {
    if (this.#loads.length === 0) return 1;
    return timesOf(
      this.#loads.map((each) => each.words),
      tenant,
      workload,
    );
  }

  due(now: number): void {
    const before = this.#loads.length;
    this.#loads = this.#loads.filter((each) => now < each.untilMs);
    if (this.#loads.length < before) this.#world.stir();
    this.#restarts.due(now);
    for (;;) {
      const event = this.#events[this.#next];
      if (!event || this.#world.startAt + event.at > now) return;
      this.#next++;
      this.#world.stir();
      this.#happen(event, now);
    }
  }

  #happen(event: EventWords, now: number): void {
    const world = this.#world;
    if (event.set) world.settings.write(event.set.setting, event.set.value, event.set.by, now);
    if (event.deploy) {
      const { workload, version, rollout, every } = event.deploy;
      world.workload(workload).deploy(version, rollout, every, now);
    }
    if (event.fault) {
      const ended = world.faults.begin(event.fault, [...world.population.all()], now);
      for (const each of ended) world.population.kill(each, { code: null, signal: 'SIGKILL', line: '' });
    }
    if (event.load) {
      const untilMs = event.load.for === undefined ? Number.POSITIVE_INFINITY : now + event.load.for;
      this.#loads.push({ words: event.load, untilMs });
    }
    if (event.restart) {
      this.#restarts.begin(event.restart, now);
      this.#restarts.due(now);
    }
    if (event.poison) world.poisons.begin(event.poison);
    if (event.clock) world.population.setSkew(event.clock.host, event.clock.skew);
    if (event.actor) world.actors.set(event.actor.actor, event.actor.running, now);
    if (event.observer) world.observers.fault(event.observer);
    if (event.healer) this.onHealer(event.healer);
    if (event.person) this.#person(event.person, now);
    this.#assets(event);
  }

  #assets(event: EventWords): void {
    const assets = this.#world.assets();
    if (event.asset) assets.inject(event.asset.asset, event.asset.is, event.asset.for, event.asset.detail);
    if (event.ends) assets.end(event.ends.asset, [event.ends.is]);
    if (event.appears) {
      const { asset, ...words } = event.appears;
      assets.appear(asset, words);
    }
    if (event.record) {
      const queue = assets.get(event.record.queue);
      if (queue) queue.poison = [...queue.poison, event.record.record];
    }
    if (event.credential) {
      const { asset, to, keepOld, delivered } = event.credential;
      const credential = assets.get(asset);
      if (!credential) return;
      credential.accepts = keepOld ? [...credential.accepts, to] : [to];
      if (delivered) credential.current = to;
    }
  }

  #person(words: NonNullable<EventWords['person']>, now: number): void {
    const world = this.#world;
    const { does, scope, reason } = words;
    const until = words.for === undefined ? null : now + words.for;
    switch (does) {
      case 'stop':
      case 'pause':
        world.stops = [...world.stops, { id: `stop ${scope} ${now}`, scope, reason, by: 'operator', expiresAt: until }];
        return;
      case 'resume':
      case 'unpause':
        world.stops = world.stops.filter((each) => each.scope !== scope);
        return;
      case 'freeze': {
        const workloads = scope.startsWith('workload ') ? [scope.slice('workload '.length)] : [];
        world.freezes = [...world.freezes, { from: now, until: until ?? Number.MAX_SAFE_INTEGER, workloads, reason }];
        return;
      }
      case 'set':
        return;
    }
  }
}
