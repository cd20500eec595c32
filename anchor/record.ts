import { toIso } from '../src/base/clock.ts';
import { ledgerClient } from '../src/ledger/client.ts';
import { OCSF } from '../src/ledger/entry.ts';
import type { Anchoring, AnchorPlace } from './chain.ts';

/**
 * Puts an anchoring on the record of the ledger behind a socket; gives the index of the entry. The id is that of the
 * transaction, so doing it again changes nothing. Rejects with `ledger.unreachable` or `ledger.overloaded`.
 */
export async function recordAnchoring(
  socketPath: string,
  { chain, place, anchoring }: { readonly chain: number; readonly place: AnchorPlace; readonly anchoring: Anchoring },
): Promise<number | undefined> {
  const ledger = ledgerClient(socketPath);
  const { size, root, timeS, transaction, block } = anchoring;
  try {
    const { indices } = await ledger.append([
      {
        id: `checkpoint.anchored/${chain}/${transaction}`,
        at: toIso(timeS * 1000),
        type: 'checkpoint.anchored',
        class: OCSF.applicationLifecycle,
        actor: { kind: 'operator', name: place.by },
        subject: 'Ledger',
        data: { chain, contract: place.contract, transaction, block, size, root: root.toString('base64') },
      },
    ]);
    return indices[0];
  } finally {
    await ledger.close();
  }
}
