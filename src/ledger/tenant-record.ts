import { existsSync } from 'node:fs';
import { KinError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { RecordedEvent } from './entry.ts';
import { type FoundPayloads, isRecordFault, type LawfulErasure, RecordCheck } from './record-check.ts';
import { openSnapshot } from './snapshot.ts';
import { readCheckpointNote, readMinimumIndex } from './tlog/log-source.ts';
import type { VerifiedLog } from './tlog/log-verifier.ts';
import { verifyInclusion } from './tlog/merkle-proof.ts';
import { leafHash } from './tlog/merkle-tree.ts';
import { judgeCheckpoint, type Policy, type Sighting } from './tlog/policy.ts';
import { TileTree } from './tlog/tile-tree.ts';
import { readRecord } from './verify.ts';

/** First of the first line; the second is that of the form. */
const FORMAT = 'kintsugi-tenant-record/1';

interface Header {
  readonly format: typeof FORMAT;
  readonly tenant: string;
  /** Whether the lines carry payloads. */
  readonly payloads: boolean;
  readonly checkpoint: string;
}

/** One entry: its bytes as text, its inclusion proof and its sealed payloads in base64, null for one that is gone. */
interface Line {
  readonly index: number;
  readonly entry: string;
  readonly proof: readonly string[];
  readonly payloads?: readonly (string | null)[];
}

/**
 * Writes the record of one tenant, so that the tenant can check it without anybody else's: its entries, each with the proof
 * that it is in the tree under the checkpoint. Throws `ledger.tampered` where the ledger is, and `resource.unknown` when
 * the tenant has no entry.
 */
export async function* tenantRecord(
  dir: string,
  tenant: string,
  { clock, payloads }: { readonly clock: Clock; readonly payloads: boolean },
): AsyncGenerator<string> {
  if (!existsSync(dir)) {
    throw new KinError('resource.unknown', `there is no ledger in ${dir}`, { details: { path: dir } });
  }
  const { source, size } = await openSnapshot(dir, { clock, publicKey: undefined });
  const minimum = await readMinimumIndex(source, size);
  const tree = new TileTree(source, size);
  const header: Header = { format: FORMAT, tenant, payloads, checkpoint: await readCheckpointNote(source) };
  let count = 0;
  for await (const { index, entry, found } of readRecord(dir)) {
    if (index >= size) break;
    // Of a tile that was pruned in part, there are no proofs.
    if (index < minimum) continue;
    const text = entry.toString('utf8');
    if (!text.includes(tenant) || (JSON.parse(text) as RecordedEvent).tenant !== tenant) continue;
    if (count === 0) yield `${JSON.stringify(header)}\n`;
    count += 1;
    const proof = (await tree.inclusionProof(index, size)).map((each) => each.toString('base64'));
    const sealed = found.map((bytes) => (bytes ? Buffer.from(bytes).toString('base64') : null));
    const line: Line = { index, entry: text, proof, ...(payloads ? { payloads: sealed } : {}) };
    yield `${JSON.stringify(line)}\n`;
  }
  if (count === 0) throw unknownTenant(tenant);
}

/** What a tenant's own record shows. */
export type TenantVerdict = TenantIntact | TenantTampered;

export interface TenantIntact {
  readonly kind: 'intact' | 'unwitnessed';
  readonly tenant: string;
  readonly origin: string;
  /** Entries of the tenant; their numbers go from `from` on without a gap. More than 1: older ones are not here. */
  readonly entries: number;
  readonly from: number;
  /** Entries of all tenants under the checkpoint. */
  readonly size: number;
  readonly seen: readonly Sighting[];
  readonly hasPayloads: boolean;
  readonly erasures: readonly LawfulErasure[];
}

export interface TenantTampered {
  readonly kind: 'tampered';
  readonly reason: string;
  readonly index?: number;
}

/** Whether a text is the record of a tenant. */
export function isTenantRecord(text: string): boolean {
  return text.startsWith(`{"format":"${FORMAT}"`);
}

/** Checks the record of a tenant by itself. Never throws for what it holds. */
export function verifyTenantRecord(text: string, policy: Policy): TenantVerdict {
  const [first = '', ...lines] = text.trimEnd().split('\n');
  const header = parseHeader(first);
  if (!header) return tampered('the first line is not one of a tenant record');
  const verdict = judgeCheckpoint(header.checkpoint, policy);
  if (verdict.kind === 'rejected') return tampered(verdict.reason);
  const { origin, size, root } = verdict.checkpoint;
  const record = new RecordCheck();
  let last = -1;
  let from = 0;
  for (const text of lines) {
    const line = parseLine(text);
    if (line && last < 0) {
      from = Number(parse(line.entry)?.['tseq'] ?? 1);
      if (from > 1) record.beginLate();
    }
    const fault = line && (line.index > last ? faultOf(line, header, { size, root, record }) : 'it is out of order');
    if (!line || fault !== undefined) return tampered(fault ?? 'a line is not whole', line?.index ?? last + 1);
    last = line.index;
  }
  const erasures = record.end();
  if (isRecordFault(erasures)) return { kind: 'tampered', ...erasures };
  const kind = verdict.kind === 'accepted' ? 'intact' : 'unwitnessed';
  const { tenant, payloads: hasPayloads } = header;
  return { kind, tenant, origin, entries: lines.length, from, size, seen: verdict.seen, hasPayloads, erasures };
}

/** Counts the entries of one tenant in a log that is verified as a whole, its chain included. */
export class TenantCount {
  readonly #tenant: string;
  #from = 1;
  #entries = 0;

  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  add(entry: Uint8Array): void {
    const text = Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength).toString('utf8');
    const event = text.includes(this.#tenant) ? parse(text) : undefined;
    if (event?.['tenant'] !== this.#tenant) return;
    if (this.#entries === 0) this.#from = Number(event['tseq'] ?? 1);
    this.#entries += 1;
  }

  /** Throws `resource.unknown` when the tenant has no entry. */
  verdict({ kind, checkpoint, seen }: Pick<VerifiedLog, 'kind' | 'checkpoint' | 'seen'>): TenantIntact {
    const [tenant, entries, from] = [this.#tenant, this.#entries, this.#from];
    if (entries === 0) throw unknownTenant(tenant);
    const { origin, size } = checkpoint;
    const all = kind === 'accepted' ? 'intact' : 'unwitnessed';
    return { kind: all, tenant, origin, entries, from, size, seen, hasPayloads: false, erasures: [] };
  }
}

function unknownTenant(tenant: string): KinError {
  return new KinError('resource.unknown', `no entry is on record for ${tenant}`);
}

interface Against {
  readonly size: number;
  readonly root: Buffer;
  readonly record: RecordCheck;
}

function faultOf({ index, entry, proof, payloads }: Line, header: Header, { size, root, record }: Against) {
  const bytes = Buffer.from(entry);
  const leaf = leafHash(bytes);
  const path = proof.map((each) => Buffer.from(each, 'base64'));
  if (index >= size || !verifyInclusion({ leaf, index, size, path, root })) return 'it is not under the checkpoint';
  if (parse(entry)?.['tenant'] !== header.tenant) return `it is not one of ${header.tenant}`;
  const found: FoundPayloads | undefined = header.payloads
    ? (payloads ?? []).map((each) => (each === null ? undefined : Buffer.from(each, 'base64')))
    : undefined;
  return record.add(bytes, leaf, index, found);
}

function tampered(reason: string, index?: number): TenantVerdict {
  return { kind: 'tampered', reason, ...(index === undefined ? {} : { index }) };
}

function parseHeader(text: string): Header | undefined {
  const value = parse(text);
  const isHeader = value?.['format'] === FORMAT && isText(value['tenant']) && isText(value['checkpoint']);
  return isHeader ? (value as unknown as Header) : undefined;
}

function parseLine(text: string): Line | undefined {
  const value = parse(text);
  if (!value || !Number.isSafeInteger(value['index']) || !isText(value['entry'])) return undefined;
  const { proof, payloads = [] } = value;
  const isProof = Array.isArray(proof) && proof.every(isText);
  const arePayloads = Array.isArray(payloads) && payloads.every((each) => each === null || isText(each));
  return isProof && arePayloads ? (value as unknown as Line) : undefined;
}

const isText = (value: unknown) => typeof value === 'string';

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
