import { HASH_BYTES, leafHashInto } from './tlog/merkle-tree.ts';

/** What a link adds to the bytes of an entry, at the most. */
export const LINK_BYTES_MAX = 96;

const VERSION = '{"v":2,';
const TENANT_PREFIX = `${VERSION}"tenant":"`;
const T = 't'.charCodeAt(0);
const PREFIX_BYTES_MAX = 512;
const LINKED = /^\{"v":2,"tenant":"([^"\\]+)",(?:"tseq":(\d{1,16}),"tprev":(?:null|"([A-Za-z0-9+/]{43}=)"),)?/;

interface Head {
  readonly seq: number;
  readonly leaf: Buffer;
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
export function tenantOf(entry: Uint8Array): string | undefined {
  if (entry[TENANT_PREFIX.indexOf('t')] !== T) return undefined;
  const prefix = Buffer.from(entry.buffer, entry.byteOffset, Math.min(entry.length, PREFIX_BYTES_MAX));
  if (prefix.toString('latin1', 0, TENANT_PREFIX.length) !== TENANT_PREFIX) return undefined;
  const end = prefix.indexOf('"', TENANT_PREFIX.length);
  return end < 0 ? undefined : prefix.toString('latin1', TENANT_PREFIX.length, end);
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

  /** The bytes of the next entry of a tenant. `leaf` is where its hash is written. */
  link(bytes: Uint8Array, tenant: string, leaf: Buffer): Buffer {
    const head = this.#heads.get(tenant);
    const seq = (head?.seq ?? 0) + 1;
    const link = `"tseq":${seq},"tprev":${head ? `"${head.leaf.toString('base64')}"` : 'null'},`;
    const at = VERSION.length + `"tenant":"${tenant}",`.length;
    const linked = Buffer.allocUnsafe(bytes.length + link.length);
    linked.set(bytes.subarray(0, at));
    linked.write(link, at, 'latin1');
    linked.set(bytes.subarray(at), at + link.length);
    leafHashInto(linked, leaf, 0);
    if (!this.#before.has(tenant)) this.#before.set(tenant, head);
    this.#heads.set(tenant, { seq, leaf: Buffer.from(leaf.subarray(0, HASH_BYTES)) });
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
    this.#heads.set(tenant, { seq, leaf: Buffer.from(leaf) });
    if (!head)
      return seq === 1 || isStart ? undefined : `it is number ${seq} of ${tenant}, and those before are missing`;
    if (seq !== head.seq + 1) return `it is number ${seq} of ${tenant} and follows number ${head.seq}`;
    return prev === head.leaf.toString('base64') ? undefined : `it does not continue the entry before it of ${tenant}`;
  }

  /** What is needed to go on from here in another run. */
  heads(): ChainHeads {
    const heads = [...this.#heads].map(([tenant, { seq, leaf }]) => [tenant, [seq, leaf.toString('base64')]] as const);
    return Object.fromEntries(heads);
  }

  /** Goes on from what `heads` gave. */
  resume(heads: ChainHeads): void {
    for (const [tenant, [seq, leaf]] of Object.entries(heads)) {
      this.#heads.set(tenant, { seq, leaf: Buffer.from(leaf, 'base64') });
    }
  }

  /** How many entries a tenant has. */
  countOf(tenant: string): number {
    return this.#heads.get(tenant)?.seq ?? 0;
  }
}
