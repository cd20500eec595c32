/** How long a leader may be silent before another may lead; as control has it. */
const LEASE_TTL_MS = 2_000;

/** The lease as the database has it, on the database's clock. */
export class LeaseTable {
  epoch = 0;
  holder: string | null = null;
  expiresAt = Number.NEGATIVE_INFINITY;
  /** Times at which the lead changed hands. */
  readonly takeovers: number[] = [];

  /** Takes a lease that is free or has run out. Returns the new epoch, or undefined while somebody holds it. */
  acquire(holder: string, now: number): number | undefined {
    if (now < this.expiresAt) return undefined;
    if (this.epoch > 0) this.takeovers.push(now);
    this.epoch++;
    this.holder = holder;
    this.expiresAt = now + LEASE_TTL_MS;
    return this.epoch;
  }

  /** False when it ran out or changed hands. `aheadMs` is how long nobody will look at the clock. */
  renew(epoch: number, now: number, aheadMs: number): boolean {
    if (epoch !== this.epoch || now >= this.expiresAt) return false;
    this.expiresAt = now + LEASE_TTL_MS + aheadMs;
    return true;
  }
}
