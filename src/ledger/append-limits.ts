import { KinError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { EntryToStore } from './entry-store.ts';
import { LINK_BYTES_MAX, tenantOf } from './tenant-chains.ts';

/** Bounds of what waits for the disk. A call that finds nothing waiting is taken whatever its size. */
const QUEUE_ENTRIES_MAX = 65_536;
const QUEUE_BYTES_MAX = 32 * 1024 * 1024;

/** What waits already. */
export interface Backlog {
  readonly entries: number;
  readonly bytes: number;
}

/** Why a call cannot be taken now or at all; undefined when it can. */
export function refusalOf(entries: readonly EntryToStore[], backlog: Backlog): KinError | undefined {
  let { bytes } = backlog;
  for (const entry of entries) {
    const tooLarge = refusalOfEntry(entry);
    if (tooLarge) return tooLarge;
    bytes += entry.bytes.length;
  }
  if (entries.length > QUEUE_ENTRIES_MAX) {
    return new KinError('request.invalid', `a call has at most ${QUEUE_ENTRIES_MAX} entries`);
  }
  if (backlog.entries === 0) return undefined;
  if (backlog.entries + entries.length <= QUEUE_ENTRIES_MAX && bytes <= QUEUE_BYTES_MAX) return undefined;
  const details = { queued: backlog.entries, queuedBytes: backlog.bytes };
  return new KinError('ledger.overloaded', `${backlog.entries} entries wait for the disk`, { details });
}

function refusalOfEntry({ bytes, payloads }: EntryToStore): KinError | undefined {
  // Whose entry it is matters for the few that are nearly too long, and costs as much as all else here.
  if (!payloads && bytes.length + LINK_BYTES_MAX <= LIMITS.ledgerEntryBytes) return undefined;
  const length = bytes.length + (tenantOf(bytes) === undefined ? 0 : LINK_BYTES_MAX);
  if (length <= LIMITS.ledgerEntryBytes && !payloads) return undefined;
  const payloadBytes = (payloads ?? []).reduce((sum, { length }) => sum + length, 0);
  const count = payloads?.length ?? 0;
  const isFit = payloadBytes <= LIMITS.ledgerPayloadBytes && count <= LIMITS.ledgerPayloads;
  if (length <= LIMITS.ledgerEntryBytes && isFit) return undefined;
  const details = { bytes: bytes.length, payloads: count, payloadBytes };
  const what = `entry of ${bytes.length} bytes with ${count} payloads of ${payloadBytes} bytes`;
  return new KinError('ledger.entry-too-large', what, { details });
}
