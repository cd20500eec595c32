import type { Clock } from '../base/clock.ts';
import type { World } from '../drivers/world.ts';
import type { LevelSample, RequestsSample } from '../observe/sample.ts';

const SPAN_MS = 10_000;
/** Who was never near its limit is not followed; and no more than so many are, each of which costs tens of KiB. */
const FOLLOWED_SHARE = 0.25;
const FOLLOWED_MAX = 500;

export interface TenantLevelsOptions {
  readonly world: World;
  readonly clock: Clock;
  readonly onSample: (sample: LevelSample) => void;
}

/** What a tenant asked for in a span. */
interface Asked {
  requests: number;
  /** Most in progress at one time, by gateway and workload: each gateway grants its part of the limit. */
  readonly atOnce: Map<string, number>;
}

/** How much each tenant uses of what it may send: levels with a limit, which are looked ahead on as any other is. */
export class TenantLevels {
  readonly #options: TenantLevelsOptions;
  readonly #followed = new Set<string>();
  #asked = new Map<string, Asked>();
  #stop: () => void = () => undefined;

  constructor(options: TenantLevelsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stop = this.#options.clock.every(SPAN_MS, () => this.tell());
  }

  close(): void {
    this.#stop();
  }

  /** What workloads ask of each other is not held against the tenant. */
  take({ tenant, workload, vantage, ok, failed, limited, refused, concurrencyMax = 0 }: RequestsSample): void {
    const declared = this.#options.world.declared.workloads.find(({ name }) => name === workload);
    if (declared?.spec.route === undefined) return;
    const asked = this.#asked.get(tenant) ?? { requests: 0, atOnce: new Map<string, number>() };
    this.#asked.set(tenant, asked);
    asked.requests += ok + failed + limited + refused;
    const at = `${vantage} ${workload}`;
    asked.atOnce.set(at, Math.max(asked.atOnce.get(at) ?? 0, concurrencyMax));
  }

  /** Once in a span: each tenant that has been near what it may send, also when it sent nothing. */
  tell(): void {
    const { world } = this.#options;
    const all = this.#asked;
    this.#asked = new Map();
    for (const { metadata, spec } of world.declared.tenants) {
      const { requests, atOnce } = all.get(metadata.name) ?? { requests: 0, atOnce: new Map<string, number>() };
      const { requestsPerSecond, concurrency } = spec.limits;
      this.#tell(metadata.name, 'requests per second', requests / (SPAN_MS / 1_000), requestsPerSecond);
      const most = [...atOnce.values()].reduce((sum, each) => sum + each, 0);
      this.#tell(metadata.name, 'requests at one time', most, concurrency);
    }
  }

  #tell(name: string, measure: string, level: number, limit: number): void {
    const { clock, onSample } = this.#options;
    if (!this.#isFollowed(`${measure} of ${name}`, level >= FOLLOWED_SHARE * limit)) return;
    const of = { kind: 'tenant' as const, name };
    onSample({ kind: 'level', at: clock.now(), vantage: 'control', of, measure, level, limit, isSeasonal: true });
  }

  #isFollowed(level: string, isNear: boolean): boolean {
    if (isNear && this.#followed.size < FOLLOWED_MAX) this.#followed.add(level);
    return this.#followed.has(level);
  }
}
