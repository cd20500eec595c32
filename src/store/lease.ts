import { EventEmitter } from 'node:events';
import { sql } from 'kysely';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import type { Database, DatabaseTransaction } from './database.ts';

/** Takes a lease that is free or has run out. Resolves with the new epoch, or undefined while somebody holds it. */
export async function acquireLease(
  database: Database,
  name: string,
  holder: string,
  ttlMs: number,
): Promise<number | undefined> {
  const { rows } = await sql<{ epoch: number }>`
    insert into lease as held (name, holder, epoch, expires_at)
    values (${name}, ${holder}, 1, clock_timestamp() + ${ttlMs} * interval '1 millisecond')
    on conflict (name) do update
      set holder = excluded.holder, epoch = held.epoch + 1, expires_at = excluded.expires_at
      where held.expires_at <= clock_timestamp()
    returning epoch`.execute(database.kysely);
  return rows[0]?.epoch;
}

/** Extends a lease that is still held under `epoch`. Resolves with false when it ran out or changed hands. */
export async function renewLease(database: Database, name: string, epoch: number, ttlMs: number): Promise<boolean> {
  const { rows } = await sql`
    update lease set expires_at = clock_timestamp() + ${ttlMs} * interval '1 millisecond'
    where name = ${name} and epoch = ${epoch} and expires_at > clock_timestamp()
    returning epoch`.execute(database.kysely);
  return rows.length === 1;
}

/** Frees a lease at once if it is still held under `epoch`. The next holder gets a higher epoch. */
export async function releaseLease(database: Database, name: string, epoch: number): Promise<void> {
  await sql`update lease set expires_at = clock_timestamp() where name = ${name} and epoch = ${epoch}`.execute(
    database.kysely,
  );
}

/**
 * Rejects with `lease.stale` unless `epoch` is the current one, and keeps it current until the transaction ends: a new
 * holder waits for that long. Renewals do not.
 */
export async function assertEpoch(tx: DatabaseTransaction, name: string, epoch: number): Promise<void> {
  const { rows } = await sql<{ epoch: number }>`
    select epoch from lease where name = ${name} for key share`.execute(tx);
  const current = rows[0]?.epoch;
  if (current === epoch) return;
  throw new KinError('lease.stale', `epoch ${epoch} of lease ${name} is not the current ${current ?? 'none'}`, {
    details: { name, epoch, current: current ?? null },
  });
}

/** A replica's part in the election of the leader. */
export interface LeaderLease {
  readonly name: string;
  readonly holder: string;
  /**
   * The epoch under which this replica leads; undefined from the moment, by the local monotonic clock, at which the
   * lease could have run out. That clock may stand still while a machine is suspended: writes are fenced besides.
   */
  current(): { readonly epoch: number } | undefined;
  /** Calls `run` at each gain of the lease. Returns a function that ends that. */
  onGained(run: (epoch: number) => void): () => void;
  /** Calls `run` once for each gain, when it has ended: run out, taken over, or given up by `close`. */
  onLost(run: (epoch: number) => void): () => void;
  /** Releases the lease, so that another replica leads at once, and stops trying. Never rejects. */
  close(): Promise<void>;
}

export interface LeaderLeaseOptions {
  readonly database: Database;
  readonly name: string;
  /** Names this replica and its process: for people, not for safety. */
  readonly holder: string;
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Hears what an attempt failed with, for the log. The attempts go on. */
  readonly onFault?: (error: unknown) => void;
}

/** How much faster than the database's the local clock may be thought to run: the lease ends here before it ends there. */
const CLOCK_DRIFT_SHARE = 0.05;

/** How often a replica that does not lead asks. */
const ASK_INTERVAL_MS = 250;

/**
 * Tries to lead until it is closed: asks while another replica leads, renews after a third of the time while it leads.
 * An unreachable database is one more reason to ask again; it is handed to `onFault`, never thrown.
 */
export function leaderLease(options: LeaderLeaseOptions): LeaderLease {
  assert(options.ttlMs >= 100, 'a lease is held for at least 100 ms');
  return new PollingLease(options);
}

class PollingLease implements LeaderLease {
  readonly name: string;
  readonly holder: string;
  readonly #options: LeaderLeaseOptions;
  readonly #events = new EventEmitter<{ gained: [number]; lost: [number] }>();
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  #held: { readonly epoch: number; readonly untilMs: number } | undefined;
  #cancelExpiry: () => void = () => undefined;

  constructor(options: LeaderLeaseOptions) {
    this.name = options.name;
    this.holder = options.holder;
    this.#options = options;
    this.#loop = this.#run();
  }

  current(): { readonly epoch: number } | undefined {
    const held = this.#held;
    if (!held || this.#options.clock.monotonicMs() >= held.untilMs) return undefined;
    return { epoch: held.epoch };
  }

  onGained(run: (epoch: number) => void): () => void {
    this.#events.on('gained', run);
    return () => void this.#events.off('gained', run);
  }

  onLost(run: (epoch: number) => void): () => void {
    this.#events.on('lost', run);
    return () => void this.#events.off('lost', run);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    const epoch = this.#held?.epoch;
    this.#lose();
    if (epoch !== undefined) await this.#release(epoch);
  }

  async #run(): Promise<void> {
    const { clock, ttlMs } = this.#options;
    while (!this.#stop.signal.aborted) {
      const answered = await this.#turn();
      const waitMs = answered && this.#held ? ttlMs / 3 : Math.min(ttlMs / 3, ASK_INTERVAL_MS);
      await clock.sleep(waitMs, this.#stop.signal).catch(() => undefined);
    }
  }

  /** One attempt. A database that does not answer is dealt with by the expiry; the next turn asks again. */
  async #turn(): Promise<boolean> {
    try {
      await (this.#held ? this.#renew(this.#held.epoch) : this.#acquire());
      return true;
    } catch (error) {
      this.#options.onFault?.(error);
      return false;
    }
  }

  async #acquire(): Promise<void> {
    const { database, clock, ttlMs } = this.#options;
    const askedAtMs = clock.monotonicMs();
    const epoch = await acquireLease(database, this.name, this.holder, ttlMs);
    if (epoch === undefined) return;
    const untilMs = this.#untilMs(askedAtMs);
    // The answer came so late that it may be over, or nobody wants it any more.
    if (clock.monotonicMs() >= untilMs || this.#stop.signal.aborted) return this.#release(epoch);
    this.#hold(epoch, untilMs);
    this.#events.emit('gained', epoch);
  }

  async #renew(epoch: number): Promise<void> {
    const { database, clock, ttlMs } = this.#options;
    const askedAtMs = clock.monotonicMs();
    const renewed = await renewLease(database, this.name, epoch, ttlMs);
    if (renewed && this.current()?.epoch === epoch) return this.#hold(epoch, this.#untilMs(askedAtMs));
    // Renewed, but after this side had given up: what was told to the listeners is what counts.
    if (renewed) await this.#release(epoch);
    this.#lose();
  }

  #untilMs(askedAtMs: number): number {
    return askedAtMs + this.#options.ttlMs * (1 - CLOCK_DRIFT_SHARE);
  }

  #hold(epoch: number, untilMs: number): void {
    this.#cancelExpiry();
    this.#held = { epoch, untilMs };
    const { clock } = this.#options;
    this.#cancelExpiry = clock.after(Math.max(0, untilMs - clock.monotonicMs()), () => this.#lose());
  }

  #lose(): void {
    this.#cancelExpiry();
    const lost = this.#held;
    this.#held = undefined;
    if (lost) this.#events.emit('lost', lost.epoch);
  }

  async #release(epoch: number): Promise<void> {
    // If this fails the lease runs out by itself.
    await releaseLease(this.#options.database, this.name, epoch).catch(() => undefined);
  }
}

/**
 * A transaction of the leader: it commits only under the epoch that this replica holds, so no write of a former leader
 * takes effect after a new one began. Rejects with `lease.lost` when this replica does not lead, `lease.stale` when
 * another one took over meanwhile.
 */
export async function fencedTransaction<T>(
  database: Database,
  lease: Pick<LeaderLease, 'name' | 'current'>,
  fn: (tx: DatabaseTransaction, epoch: number) => Promise<T>,
): Promise<T> {
  const epoch = lease.current()?.epoch;
  if (epoch === undefined) throw new KinError('lease.lost', `lease ${lease.name} is not held`);
  return database.transaction(async (tx) => {
    await assertEpoch(tx, lease.name, epoch);
    return fn(tx, epoch);
  });
}
