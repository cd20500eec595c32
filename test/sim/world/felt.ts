import type { FeltBucket } from './trial.ts';

const BUCKET_MS = 5_000;

type Counts = Omit<FeltBucket, 'at' | 'spanMs'>;
type Sum = { -readonly [Key in keyof Counts]: number };

const nothing = (): Sum => ({ requests: 0, ok: 0, failed: 0, limited: 0, refused: 0, slow: 0, exposed: 0 });

/** What tenants felt, in buckets of five seconds; a step that is longer than a bucket makes one of its own length. */
export class FeltBook {
  readonly #isKept: boolean;
  readonly #startAt: number;
  readonly #buckets = new Map<string, FeltBucket[]>();
  readonly #now = new Map<string, Sum>();
  #from: number;
  /** Of everybody, since the start. */
  readonly total: Sum = nothing();
  /** The last time that more than a few requests of a tenant failed. */
  troubleAt = Number.NEGATIVE_INFINITY;

  constructor(tenants: readonly string[], startAt: number, isKept: boolean) {
    this.#isKept = isKept;
    this.#startAt = startAt;
    this.#from = startAt;
    for (const tenant of tenants) this.#buckets.set(tenant, []);
  }

  add(tenant: string, counts: Counts, now: number): void {
    add(this.total, counts);
    if (counts.failed > 5 && counts.failed > 0.05 * counts.requests) this.troubleAt = now;
    if (!this.#isKept) return;
    const sum = this.#now.get(tenant) ?? nothing();
    add(sum, counts);
    this.#now.set(tenant, sum);
  }

  /** A step is over. */
  turn(now: number): void {
    if (!this.#isKept || now - this.#from < BUCKET_MS) return;
    for (const [tenant, buckets] of this.#buckets) {
      const counts = this.#now.get(tenant) ?? nothing();
      buckets.push({ at: this.#from - this.#startAt, spanMs: now - this.#from, ...counts });
    }
    this.#now.clear();
    this.#from = now;
  }

  byTenant(): Readonly<Record<string, readonly FeltBucket[]>> {
    return Object.fromEntries(this.#buckets);
  }
}

function add(sum: Sum, counts: Counts): void {
  for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += counts[key];
}
