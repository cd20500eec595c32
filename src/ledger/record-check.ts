import { hash } from 'node:crypto';
import type { PayloadNote, RecordedEvent } from './entry.ts';
import { type ChainHeads, TenantChains } from './tenant-chains.ts';

/** Payloads of an entry as they are found: their bytes, or undefined for what is not there or not as it was written. */
export type FoundPayloads = readonly (Uint8Array | undefined)[];

/** An erasure that is on record. */
export interface LawfulErasure {
  /** The entry that says so. */
  readonly entry: number;
  readonly request: string;
  readonly legalBasis: string;
  /** Payloads that are gone because of it. */
  readonly payloads: number;
}

/** The first entry that is not what it should be. */
export interface RecordFault {
  readonly index: number;
  readonly reason: string;
}

const HAS_PAYLOADS = '"pd":[';
const IS_ABOUT_ERASURE = /"type":"(?:erasure\.requested|erasure\.approved|key\.destroyed)"/;

/**
 * Follows a record entry by entry: whether those of each tenant are tied together without a gap, and whether each payload
 * is there or was lawfully erased. An erasure is lawful when the record says on what basis, who asked for it, and that
 * another person approved it, in this order, and that the key was destroyed. Who asked and approved may have been pruned
 * while a payload was not: then it is the entry about the key, which only the ledger itself writes, that counts.
 */
export class RecordCheck {
  readonly #chains = new TenantChains();
  /** Payloads that are missing, by the key that they were sealed under: how many, and where the first is. */
  readonly #missing = new Map<string, { first: number; count: number }>();
  readonly #requested = new Map<string, string>();
  readonly #approved = new Set<string>();
  readonly #destroyed = new Map<string, Omit<LawfulErasure, 'payloads'>>();
  /** Whether entries before the first are missing and nothing is known of them: then a tenant may begin anywhere. */
  #beginsLate: boolean | undefined;
  /** Whether entries before the first went after their retention. */
  #isPruned = false;

  /** Number of the last entry of a tenant. */
  countOf(tenant: string): number {
    return this.#chains.countOf(tenant);
  }

  /** The entries before the next one were pruned, and these are the last of each tenant. */
  resume(heads: ChainHeads): void {
    this.#chains.resume(heads);
    this.#beginsLate = false;
    this.#isPruned = true;
  }

  /** The entries before the next one are not here, and nothing is known of them. */
  beginLate(): void {
    this.#isPruned = true;
  }

  /** The next entry. `payloads` is left out where they are not looked at. Gives what is wrong, if something is. */
  add(entry: Uint8Array, leaf: Uint8Array, index: number, payloads?: FoundPayloads): string | undefined {
    this.#beginsLate ??= index > 0;
    const broken = this.#chains.follow(entry, leaf, this.#beginsLate);
    if (broken !== undefined) return broken;
    const text = Buffer.from(entry.buffer, entry.byteOffset, entry.length).toString('latin1');
    const hasPayloads = text.includes(HAS_PAYLOADS);
    if (!hasPayloads && !IS_ABOUT_ERASURE.test(text)) return undefined;
    const event = eventOf(entry);
    if (!event) return 'it is not JSON';
    if (hasPayloads) return this.#payloads(event, index, payloads);
    this.#erasure(event, index);
    return undefined;
  }

  /** What is known when all entries were added: the first that is missing something without an excuse, or what excuses. */
  end(): RecordFault | readonly LawfulErasure[] {
    const counts = new Map<number, LawfulErasure>();
    for (const [kid, { first, count }] of this.#missing) {
      const excuse = this.#destroyed.get(kid);
      if (!excuse)
        return { index: first, reason: 'a payload is missing or changed, and no entry says that it was erased' };
      const { payloads = 0 } = counts.get(excuse.entry) ?? {};
      counts.set(excuse.entry, { ...excuse, payloads: payloads + count });
    }
    return [...counts.values()];
  }

  #payloads({ v, pd = [] }: RecordedEvent, index: number, found: FoundPayloads | undefined): string | undefined {
    if (v !== 2 || !found) return undefined;
    if (found.length > pd.length) return 'it has a payload that it does not know of';
    for (const [at, note] of pd.entries()) {
      const bytes = found[at];
      if (bytes && isTheOne(bytes, note)) continue;
      const missing = this.#missing.get(note.k) ?? { first: index, count: 0 };
      missing.count += 1;
      this.#missing.set(note.k, missing);
    }
    return undefined;
  }

  #erasure({ type, actor, data }: RecordedEvent, index: number): void {
    const request = String(data['request']);
    if (type === 'erasure.requested') this.#requested.set(request, actor.name);
    else if (type === 'erasure.approved') {
      const asker = this.#requested.get(request);
      if (asker === undefined ? this.#isPruned : asker !== actor.name) this.#approved.add(request);
    } else if (type === 'key.destroyed' && this.#isApproved(request) && data['legalBasis']) {
      const kids = Array.isArray(data['kids']) ? data['kids'] : [];
      const excuse = { entry: index, request, legalBasis: String(data['legalBasis']) };
      for (const kid of kids) if (!this.#destroyed.has(String(kid))) this.#destroyed.set(String(kid), excuse);
    }
  }

  #isApproved(request: string): boolean {
    return this.#approved.has(request) || (this.#isPruned && !this.#requested.has(request));
  }
}

/** Whether what `end` gave is a fault. */
export function isRecordFault(end: RecordFault | readonly LawfulErasure[]): end is RecordFault {
  return !Array.isArray(end);
}

function isTheOne(bytes: Uint8Array, { c, n }: PayloadNote): boolean {
  return bytes.length === n && hash('sha256', bytes, 'base64') === c;
}

function eventOf(entry: Uint8Array): RecordedEvent | undefined {
  try {
    return JSON.parse(Buffer.from(entry).toString('utf8')) as RecordedEvent;
  } catch {
    return undefined;
  }
}
