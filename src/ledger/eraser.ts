import { type Clock, toIso } from '../base/clock.ts';
import { isFault, KinError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import type { Custody } from './custody.ts';
import type { RecordedEvent } from './entry.ts';
import type { EntryStore, PayloadPlace } from './entry-store.ts';
import { type Erasure, ErasureFile, type Hold } from './erasure-file.ts';
import { holdsOnPerson, type LegalHold, type StandingHold } from './retention/legal-holds.ts';

const READ_ENTRIES = 4096;

/** What is behind an erasure when it is cut off: each is passed once, in this order, and safe to pass again. */
export type ErasureStep = 'approved' | 'keys-destroyed' | 'recorded' | 'payloads-overwritten' | 'done';

export interface EraserOptions {
  readonly dir: string;
  readonly custody: Custody;
  readonly store: Pick<EntryStore, 'size' | 'read' | 'payloadsOf' | 'erasePayloads'>;
  /** The first entry that was not pruned; 0 when left out. */
  readonly first?: () => number;
  /** Resolves when a signed checkpoint covers the entry. */
  readonly covered: (index: number) => Promise<void>;
  /** Holds on everything or on a tenant; those on persons are the eraser's own. Throws when that cannot be told. */
  readonly legalHolds?: () => readonly LegalHold[];
  readonly clock: Clock;
  readonly random: Random;
  /** Hears of each step when it is durable; for tests that kill the process there. */
  readonly onStep?: ((step: ErasureStep) => void) | undefined;
}

/** Someone whose data are to be erased, as the tenant knows them, and what the law says to that. */
export interface ErasureWish {
  readonly tenant: string;
  readonly subject: string;
  readonly legalBasis: string;
  readonly by: string;
}

/**
 * Forgets people: one asks, another one approves, no hold stands against it, and then the key is destroyed, that is put on
 * record, and what it had sealed is overwritten. What an entry says to excuse a missing payload is on record, under a
 * signature, before the first payload goes: at no moment does an erasure look like tampering.
 */
export class Eraser {
  readonly #options: EraserOptions;
  readonly #file: ErasureFile;

  constructor(options: EraserOptions) {
    this.#options = options;
    this.#file = new ErasureFile(options.dir);
  }

  get erasures(): readonly Erasure[] {
    return this.#file.erasures;
  }

  get holds(): readonly Hold[] {
    return this.#file.holds;
  }

  /** Goes on with what was cut off. */
  async resume(): Promise<void> {
    for (const erasure of this.erasures) if (erasure.state === 'erasing') await this.#erase(erasure);
  }

  /** Asks for an erasure. Rejects with `resource.unknown` when nothing is sealed for the subject. */
  async request({ tenant, subject, legalBasis, by }: ErasureWish): Promise<Erasure> {
    const kid = this.#options.custody.vault.kidOf(tenant, subject);
    if (kid === undefined) throw new KinError('resource.unknown', `nothing is sealed for this subject of ${tenant}`);
    const open = this.erasures.find((each) => each.kid === kid && isOpen(each));
    if (open) throw new KinError('erasure.refused', `${open.id} asks for the same already and is ${open.state}`);
    const { clock, random } = this.#options;
    const requestedAt = toIso(clock.now());
    const asked = { id: newId('era', random), tenant, kid, legalBasis, requestedBy: by, requestedAt };
    await this.#record(asked, 'erasure.requested', by, { legalBasis });
    return this.#file.putErasure({ ...asked, state: 'requested' });
  }

  /**
   * Approves an erasure, which is then done unless a hold stands against it. Rejects with `erasure.refused` when it is the
   * one who asked, or when it is not to be approved any more.
   */
  async approve(id: string, by: string): Promise<Erasure> {
    const erasure = this.#erasureOf(id);
    if (erasure.state !== 'requested') throw new KinError('erasure.refused', `${id} is ${erasure.state}`);
    if (erasure.requestedBy === by) {
      throw new KinError('erasure.refused', `${by} has asked for ${id}: another person has to approve it`);
    }
    await this.#record(erasure, 'erasure.approved', by, {});
    const holds = this.#holdsOn(erasure);
    const state = holds.length > 0 ? 'held' : 'erasing';
    const approved = this.#file.putErasure({ ...erasure, state, approvedBy: by });
    if (state === 'erasing') return await this.#erase(approved);
    await this.#record(approved, 'erasure.held', by, { holds: holds.map((hold) => hold.id) });
    return approved;
  }

  /** Takes back an erasure that has not begun. Rejects with `erasure.refused`. */
  async withdraw(id: string, by: string, reason: string): Promise<Erasure> {
    const erasure = this.#erasureOf(id);
    if (erasure.state !== 'requested' && erasure.state !== 'held') {
      throw new KinError('erasure.refused', `${id} is ${erasure.state}`);
    }
    await this.#record(erasure, 'erasure.withdrawn', by, { reason });
    return this.#file.putErasure({ ...erasure, state: 'withdrawn' });
  }

  /** Keeps everything about a subject, also what is to come, until it is released. */
  async hold(wish: Omit<ErasureWish, 'legalBasis'> & { readonly reason: string }): Promise<Hold> {
    const { tenant, subject, reason, by } = wish;
    const { custody, clock, random } = this.#options;
    const kid = await custody.vault.kidFor(tenant, subject);
    if (this.erasures.some((each) => each.kid === kid && each.state === 'erasing')) {
      throw new KinError('erasure.refused', 'it is being erased already');
    }
    const hold = { id: newId('hld', random), tenant, kid, reason, by, at: toIso(clock.now()) };
    this.#file.addHold(hold);
    await this.#record(hold, 'hold.set', by, { kid, reason });
    return hold;
  }

  /** Ends a hold. What was approved and waited for it is erased; resolves with that. */
  async release(id: string, by: string, reason: string): Promise<readonly Erasure[]> {
    const hold = this.holds.find((each) => each.id === id);
    if (!hold) throw new KinError('resource.unknown', `there is no hold ${id}`);
    await this.#record(hold, 'hold.lifted', by, { reason });
    this.#file.removeHold(id);
    return this.eraseReleased();
  }

  /** Does what was approved and waited for a hold, where none stands against it any more; resolves with that. */
  async eraseReleased(): Promise<readonly Erasure[]> {
    const done: Erasure[] = [];
    for (const erasure of this.erasures.filter(({ state }) => state === 'held')) {
      if (this.#holdsOn(erasure).length > 0) continue;
      done.push(await this.#erase(this.#file.putErasure({ ...erasure, state: 'erasing' })));
    }
    return done;
  }

  /** All steps, of which some may have been made before. */
  async #erase(erasure: Erasure): Promise<Erasure> {
    const { custody, covered, onStep } = this.#options;
    const { id, kid, tenant, legalBasis } = erasure;
    onStep?.('approved');
    await custody.vault.destroy([kid]);
    onStep?.('keys-destroyed');
    const data = { request: id, legalBasis, kids: [kid], count: 1, epoch: custody.vault.epoch };
    const actor = { kind: 'system', name: 'ledger' } as const;
    const event = { id: `key.destroyed/${id}`, type: 'key.destroyed', actor, subject: `Erasure/${id}`, data };
    const entry = await custody.record({ ...event, ...tenantOf(tenant) });
    await covered(entry);
    onStep?.('recorded');
    const payloads = await this.#overwrite(kid);
    onStep?.('payloads-overwritten');
    const done = this.#file.putErasure({ ...erasure, state: 'done', entry, payloads });
    onStep?.('done');
    return done;
  }

  /** What is pruned meanwhile is gone as well: then it begins anew with what is left. */
  async #overwrite(kid: string): Promise<number> {
    for (;;) {
      try {
        const places = await this.#placesOf(kid);
        await this.#options.store.erasePayloads(places);
        return places.length;
      } catch (error) {
        if (!isFault(error, 'ledger.pruned')) throw error;
      }
    }
  }

  /** Every payload under a key. Read from the entries: an index of who is in which would be one more thing to erase. */
  async #placesOf(kid: string): Promise<PayloadPlace[]> {
    const { store } = this.#options;
    const places: PayloadPlace[] = [];
    for (let index = this.#options.first?.() ?? 0; index < store.size; ) {
      const entries = await store.read(index, READ_ENTRIES);
      for (const [at, entry] of entries.entries()) {
        if (!entry.includes(kid)) continue;
        const { pd = [] } = JSON.parse(entry.toString('utf8')) as RecordedEvent;
        for (const [payload, { k }] of pd.entries()) if (k === kid) places.push({ index: index + at, payload });
      }
      index += entries.length;
    }
    return places;
  }

  #erasureOf(id: string): Erasure {
    const erasure = this.erasures.find((each) => each.id === id);
    if (erasure) return erasure;
    throw new KinError('resource.unknown', `there is no erasure ${id}`);
  }

  #holdsOn({ tenant, kid }: Pick<Erasure, 'tenant' | 'kid'>): readonly StandingHold[] {
    return holdsOnPerson([...this.holds, ...(this.#options.legalHolds?.() ?? [])], tenant, kid);
  }

  async #record(
    { id, tenant }: { readonly id: string; readonly tenant: string },
    type: string,
    by: string,
    data: Readonly<Record<string, string | readonly string[]>>,
  ): Promise<void> {
    const { custody, clock } = this.#options;
    // The time makes it an event of its own: the same may be said twice when the first attempt was cut off.
    const event = { id: `${type}/${id}/${toIso(clock.now())}`, type, subject: `${type.split('.')[0]}/${id}` };
    const actor = { kind: 'operator', name: by } as const;
    await custody.record({ ...event, actor, ...tenantOf(tenant), data: { request: id, ...data } });
  }
}

function isOpen({ state }: Erasure): boolean {
  return state === 'requested' || state === 'held' || state === 'erasing';
}

/** What nobody was recognised for is recorded for no tenant. */
function tenantOf(tenant: string): { readonly tenant?: string } {
  return tenant === '-' ? {} : { tenant };
}
