import type { Noise } from './noise.ts';
import { type Instance, slotNameOf } from './instance.ts';
import type { FaultWords } from './words.ts';

/** A fault that lasts. `bound` are the processes that it sticks to; without them it sticks to the place. */
interface Fault {
  readonly words: FaultWords;
  readonly untilMs: number;
  readonly bound: ReadonlySet<string> | undefined;
}

/** A process in a crash loop dies this long after its start. */
const CRASH_LOOP_MS = 4_000;
const BURNT_CAPACITY = 0.1;

/** What is broken by itself, on machines, in processes and between them. */
export class Faults {
  #faults: Fault[] = [];
  readonly #noise: Noise;

  constructor(noise: Noise) {
    this.#noise = noise;
  }

  /** Begins a fault; returns who dies of it at once. */
  begin(words: FaultWords, instances: readonly Instance[], now: number): readonly Instance[] {
    const hit = instances.filter((each) => each.state !== 'exited' && matches(words, each));
    const some = isShareOfInstances(words) ? this.#someOf(hit, words.share) : hit;
    if (words.kind === 'kill') return some;
    // What is wrong with a machine, or comes again with each start, meets whoever comes next as well.
    const inPlace = words.host !== undefined || words.region !== undefined || words.kind === 'crash-loop';
    const bound = inPlace ? undefined : new Set(some.map((each) => each.instance));
    const untilMs = words.for === undefined ? Number.POSITIVE_INFINITY : now + words.for;
    this.#faults.push({ words, untilMs, bound });
    return words.kind === 'host-down' ? hit : [];
  }

  isHostDown(host: string): boolean {
    return this.#faults.some(({ words }) => words.kind === 'host-down' && words.host === host);
  }

  isRegionDown(region: string): boolean {
    return this.#faults.some(({ words }) => words.kind === 'host-down' && words.region === region);
  }

  /** Adds what it does to an instance, to its behaviour. Returns whether the process ends of it now. */
  afflict(instance: Instance, now: number): boolean {
    let dies = false;
    for (const { words, bound } of this.#faults) {
      if (bound ? !bound.has(instance.instance) : !matches(words, instance)) continue;
      if (words.kind === 'host-down') dies = true;
      else if (words.kind === 'crash-loop') dies ||= now - instance.startedAt >= CRASH_LOOP_MS;
      else worsen(instance, words);
    }
    return dies;
  }

  /** Forgets what is over and what stuck to processes that are gone. True when anything ended. */
  expire(now: number, isAlive: (id: string) => boolean): boolean {
    const before = this.#faults.length;
    this.#faults = this.#faults.filter(
      ({ untilMs, bound }) => now < untilMs && (bound === undefined || [...bound].some(isAlive)),
    );
    return this.#faults.length < before;
  }

  turningPoints(): readonly number[] {
    return this.#faults.map((each) => each.untilMs).filter(Number.isFinite);
  }

  get any(): boolean {
    return this.#faults.length > 0;
  }

  #someOf(instances: readonly Instance[], share: number): readonly Instance[] {
    if (share >= 1) return instances;
    const count = Math.max(1, Math.round(instances.length * share));
    const drawn = instances.map((each) => [this.#noise.uniform(), each] as const).sort((a, b) => a[0] - b[0]);
    return drawn.slice(0, count).map(([, each]) => each);
  }
}

function isShareOfInstances(words: FaultWords): boolean {
  return !['errors', 'loss', 'burn'].includes(words.kind);
}

function matches(words: FaultWords, instance: Instance): boolean {
  if (words.instance !== undefined) return slotNameOf(instance) === words.instance;
  return (
    (words.workload === undefined || words.workload === instance.workload) &&
    (words.host === undefined || words.host === instance.host) &&
    (words.region === undefined || words.region === instance.region)
  );
}

function worsen({ behaviour }: Instance, words: FaultWords): void {
  switch (words.kind) {
    case 'stop':
    case 'block':
      behaviour.hangs = true;
      return;
    case 'slow':
    case 'delay':
      behaviour.latencyMs += words.latency;
      return;
    case 'errors':
      behaviour.failing.push({ errors: words.share, class: 'server-error', latencyMs: 0 });
      return;
    case 'loss':
      behaviour.failing.push({ errors: words.share, class: 'timeout', latencyMs: 0 });
      return;
    case 'leak':
      behaviour.leakPerS += words.perSecond;
      return;
    case 'burn':
      behaviour.capacityTimes *= 1 - words.share * (1 - BURNT_CAPACITY);
      return;
    case 'partition':
      behaviour.unreachable = true;
      return;
    default:
      return;
  }
}
