import { type Clock, toIso } from '../../base/clock.ts';
import { type LedgerEvent, OCSF } from '../entry.ts';
import { minimumIndex } from '../pruned-prefix.ts';

const TYPE = 'retention.pruned';

/** The event that announces a pruning. Its id makes the same pruning one entry, however often it is begun. */
export function pruningEvent(
  { from, first, segments }: { readonly from: number; readonly first: number; readonly segments: number },
  clock: Clock,
): LedgerEvent {
  return {
    id: `${TYPE}/${first}`,
    at: toIso(clock.now()),
    type: TYPE,
    class: OCSF.applicationLifecycle,
    actor: { kind: 'system', name: 'ledger' },
    subject: 'Ledger',
    data: { from, first, minimumIndex: minimumIndex(first), segments },
  };
}

/** The first entry that an entry says to be left after a pruning; undefined for any other entry. */
export function prunedFirst(entry: Uint8Array): number | undefined {
  const bytes = Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength);
  // Most entries are passed over without being parsed.
  if (!bytes.includes(TYPE)) return undefined;
  try {
    const { type, actor, data } = JSON.parse(bytes.toString('utf8')) as LedgerEvent;
    return type === TYPE && actor.kind === 'system' ? Number(data['first']) : undefined;
  } catch {
    return undefined;
  }
}
