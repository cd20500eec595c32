import type { Clock } from '../base/clock.ts';
import type { World } from '../drivers/world.ts';
import type { LevelSample, RequestsSample } from '../observe/sample.ts';

const SPAN_MS = 10_000;
const MEASURE = 'requests per second';
/** Who was never near its limit is not followed; and no more than so many are, each of which costs tens of KiB. */
const FOLLOWED_SHARE = 0.25;
const FOLLOWED_MAX = 500;

export interface TenantLevelsOptions {
  readonly world: World;
  readonly clock: Clock;
  readonly onSample: (sample: LevelSample) => void;
}

/** How much each tenant uses of what it may send: a level with a limit, which is looked ahead on as any other is. */
export class TenantLevels {
  readonly #options: TenantLevelsOptions;
  readonly #followed = new Set<string>();
  #counts = new Map<string, number>();
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
  take({ tenant, workload, ok, failed, limited, refused }: RequestsSample): void {
    const asked = this.#options.world.declared.workloads.find(({ name }) => name === workload);
    if (asked?.spec.route === undefined) return;
    this.#counts.set(tenant, (this.#counts.get(tenant) ?? 0) + ok + failed + limited + refused);
  }

  /** Once in a span: each tenant that has been near what it may send, also when it sent nothing. */
  tell(): void {
    const { world, clock, onSample } = this.#options;
    const counts = this.#counts;
    this.#counts = new Map();
    for (const { metadata, spec } of world.declared.tenants) {
      const of = { kind: 'tenant' as const, name: metadata.name };
      const level = (counts.get(of.name) ?? 0) / (SPAN_MS / 1_000);
      const limit = spec.limits.requestsPerSecond;
      if (!this.#isFollowed(of.name, level >= FOLLOWED_SHARE * limit)) continue;
      onSample({
        kind: 'level',
        at: clock.now(),
        vantage: 'control',
        of,
        measure: MEASURE,
        level,
        limit,
        isSeasonal: true,
      });
    }
  }
  #isFollowed(tenant: string, isNear: boolean): boolean {
    if (isNear && this.#followed.size < FOLLOWED_MAX) this.#followed.add(tenant);
    return this.#followed.has(tenant);
  }
}
