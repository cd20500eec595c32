import type { Erasure } from '../ledger/erasure-file.ts';
import type { StandingHold } from '../ledger/retention/legal-holds.ts';

/** What a hold covers. */
export function coveredBy({ tenant, kid }: StandingHold): string {
  if (tenant === undefined) return 'everything';
  return kid === undefined ? `tenant ${tenant}` : `a person of ${tenant}`;
}

/** What became of an erasure that was approved. */
export function outcomeOf({ id, state, entry, payloads }: Erasure): string {
  if (state === 'held')
    return `${id} is approved and held: it is done when the hold is released (kintsugi subject show)\n`;
  return `${id} is done: the key is destroyed (entry ${entry}), ${payloads} payloads are overwritten\n`;
}
