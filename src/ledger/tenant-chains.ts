import { HASH_BYTES, leafHashInto } from './tlog/merkle-tree.ts';

/** What a link adds to the bytes of an entry, at the most. */
export const LINK_BYTES_MAX = 96;

const VERSION = '{"v":2,';
const TENANT_PREFIX = Buffer.from(`${VERSION}"tenant":"`);
const QUOTE = '"'.charCodeAt(0);
const PREFIX_BYTES_MAX = 512;
const LINKED = /^\{"v":2,"tenant":"([^"\\]+)",(?:"tseq":(\d{1,16}),"tprev":(?:null|"([A-Za-z0-9+/]{43}=)"),)?/;

interface Head {
  readonly seq: number;
  /** Its leaf hash in base64, as the next entry names it. */
  readonly leaf: string;
}

/** By tenant, the number and the leaf hash in base64 of its newest entry. */
export type ChainHeads = Readonly<Record<string, readonly [seq: number, leaf: string]>>;

/** How an entry is tied to the one before it of the same tenant. */
interface Link {
  readonly tenant: string;
  readonly seq: number;
  /** Leaf hash of the entry before, in base64; null for the first. */
  readonly prev: string | null;
}

/** Whose record the entry of this process, not tied yet, is part of; undefined for nobody's. */
export function tenantOf(entry: Buffer): string | undefined {
  if (!startsWithTenant(entry)) return undefined;
  const end = entry.indexOf(QUOTE, TENANT_PREFIX.length);
  return end < 0 || end > PREFIX_BYTES_MAX ? undefined : entry.toString('latin1', TENANT_PREFIX.length, end);
}

/** Byte by byte: each entry is asked, and anything else would make an object of its own to look at. */
function startsWithTenant(entry: Buffer): boolean {
  for (let at = 0; at < TENANT_PREFIX.length; at += 1) if (entry[at] !== TENANT_PREFIX[at]) return false;
  return true;
}

/**
 * The link of an entry; 'none' for one that belongs to no tenant or to the first version, and 'broken' for one that
 * should have a link and has not.
 */
function linkOf(entry: Uint8Array): Link | 'none' | 'broken' {
  const prefix = Buffer.from(entry.buffer, entry.byteOffset, Math.min(entry.length, PREFIX_BYTES_MAX)).toString();
  if (!prefix.startsWith(VERSION)) return 'none';
  const [, tenant, seq, prev] = LINKED.exec(prefix) ?? [];
  if (tenant === undefined) return prefix.startsWith('"tenant"', VERSION.length) ? 'broken' : 'none';
  return seq === undefined ? 'broken' : { tenant, seq: Number(seq), prev: prev ?? null };
}

/**
 * The newest entry of each tenant, by which the next one is tied to it: a tenant that has all of its own entries can see
 * that none is missing, and needs nobody else's.
 */
export class TenantChains {
  readonly #heads = new Map<string, Head>();
  /** Heads before the entries that were linked since `begin`. */
  readonly #before = new Map<string, Head | undefined>();

  /** From here on `undo` takes back. */
  begin(): void {
    this.#before.clear();
  }

  /** Takes back all links since `begin`: those entries will not be in the log. */
  undo(): void {
    for (const [tenant, head] of this.#before) {
      if (head) this.#heads.set(tenant, head);
      else this.#heads.delete(tenant);
    }
    this.#before.clear();
  }

  /** The bytes of the next entry of a tenant, whose hash is written to `leaf` from `leafAt` on. */
  link(bytes: Buffer, tenant: string, leaf: Buffer, leafAt: number): Buffer {
    const head = this.#heads.get(tenant);
    const seq = (head?.seq ?? 0) + 1;
    const link = `"tseq":${seq},"tprev":${head ? `"${head.leaf}"` : 'null'},`;
    const at = TENANT_PREFIX.length + tenant.length + '",'.length;
    const linked = Buffer.allocUnsafe(bytes.length + link.length);
    bytes.copy(linked, 0, 0, at);
    linked.write(link, at, 'latin1');
    bytes.copy(linked, at + link.length, at);
    leafHashInto(linked, leaf, leafAt);
    if (!this.#before.has(tenant)) this.#before.set(tenant, head);
    this.#heads.set(tenant, { seq, leaf: leaf.toString('base64', leafAt, leafAt + HASH_BYTES) });
    return linked;
  }

  /**
   * Goes on by an entry that is in the log. Gives what is wrong with its link, if something is. `isStart` tells that
   * entries before it may have been dropped, so that a tenant may begin anywhere.
   */
  follow(entry: Uint8Array, leaf: Uint8Array, isStart = false): string | undefined {
    const link = linkOf(entry);
    if (link === 'none') return undefined;
    if (link === 'broken') return 'it has not its place among the entries of its tenant';
    const { tenant, seq, prev } = link;
    const head = this.#heads.get(tenant);
    this.#heads.set(tenant, { seq, leaf: Buffer.from(leaf).toString('base64') });
    if (!head)
      return seq === 1 || isStart ? undefined : `it is number ${seq} of ${tenant}, and those before are missing`;
    if (seq !== head.seq + 1) return `it is number ${seq} of ${tenant} and follows number ${head.seq}`;
    return prev === head.leaf ? undefined : `it does not continue the entry before it of ${tenant}`;
  }

  /** What is needed to go on from here in another run. */
  heads(): ChainHeads {
    const heads = [...this.#heads].map(([tenant, { seq, leaf }]) => [tenant, [seq, leaf]] as const);
    return Object.fromEntries(heads);
  }

  /** Goes on from what `heads` gave. */
  resume(heads: ChainHeads): void {
    for (const [tenant, [seq, leaf]] of Object.entries(heads)) {
      this.#heads.set(tenant, { seq, leaf });
    }
  }

  /** How many entries a tenant has. */
  countOf(tenant: string): number {
    return this.#heads.get(tenant)?.seq ?? 0;
  }
}
