import { systemClock } from '../../src/base/clock.ts';
import { openSnapshot } from '../../src/ledger/snapshot.ts';
import { TileTree } from '../../src/ledger/tlog/tile-tree.ts';
import { readEntries, verifyLedger } from '../../src/ledger/verify.ts';
import { eventOf, type Told } from './ledger-under-load.ts';

/** What a ledger's files hold of what others were told. */
export interface Inspection {
  readonly acknowledged: number;
  /** All entries that are there, those that nobody got an answer for among them. */
  readonly recovered: number;
  /** Entries that were acknowledged and are gone, stand elsewhere, or are others; and whatever else is not as it was told. */
  readonly lost: readonly string[];
  /** Whether the last write was cut off. */
  readonly isTorn: boolean;
}

/** Verifies a ledger as `kintsugi ledger verify` does and looks up every acknowledged id and every head. Nobody may write it. */
export async function inspect(dir: string, { acknowledged, heads }: Told): Promise<Inspection> {
  const lost: string[] = [];
  const verdict = await verifyLedger(dir);
  if (verdict.kind !== 'intact') lost.push(`${verdict.file}: ${verdict.reason}`);
  const stored = new Map<string, number>();
  for await (const { index, event } of readEntries(dir)) {
    if (stored.has(event.id)) lost.push(`${event.id} stands at ${stored.get(event.id)} and ${index}`);
    stored.set(event.id, index);
    // What the ledger itself writes into an entry is not what the client sent.
    const { v: _form, tseq: _number, tprev: _link, ...sent } = event;
    const isOurs = event.type === 'request.served';
    if (isOurs && JSON.stringify(sent) !== JSON.stringify(eventOf(event.id))) lost.push(`${event.id} is mangled`);
  }
  for (const [id, index] of acknowledged) {
    if (stored.get(id) !== index) lost.push(`${id} was acknowledged at ${index} and is at ${stored.get(id)}`);
  }
  lost.push(...(await brokenHeads(dir, heads)));
  const isTorn = verdict.kind === 'intact' && verdict.tornBytes > 0;
  return { acknowledged: acknowledged.size, recovered: stored.size, lost, isTorn };
}

async function brokenHeads(dir: string, heads: Told['heads']): Promise<string[]> {
  const { source, size } = await openSnapshot(dir, { clock: systemClock });
  const tree = new TileTree(source, size);
  const broken: string[] = [];
  for (const [at, root] of heads) {
    if (at > size) broken.push(`a checkpoint of ${at} was published and the last one is of ${size}`);
    else if ((await tree.root(at)).toString('base64') !== root) broken.push(`the published root of ${at} is another`);
  }
  return broken;
}
