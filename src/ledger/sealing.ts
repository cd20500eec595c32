import type { Log } from '../base/log.ts';
import { KinError } from '../base/errors.ts';
import type { Personal, SealedPayload, Vault } from '../vault/vault.ts';
import type { NewEvent, PersonalPart } from './entry.ts';
import { entryOf, isPersonal, isToSeal, type SealedPart } from './event-form.ts';
import type { NewEntry } from './sequencer.ts';

/** The tenant of what nobody could be recognised for. */
const NO_TENANT = '-';

/**
 * The entries of events, with their personal data sealed by the threads of the vault. Rejects with `request.invalid` when there is something to seal and no vault.
 */
export async function sealEvents(vault: Vault | undefined, events: readonly NewEvent[], log: Log): Promise<NewEntry[]> {
  const parts = events.map((event) => (isToSeal(event) ? partsOf(vault, event, log) : []));
  const personal = parts.flatMap((own, at) => own.map((part) => personalOf(events[at]!, part)));
  if (personal.length === 0) return events.map((event) => entryOf(event));
  if (!vault) throw new KinError('request.invalid', 'this ledger has no vault and takes no personal data');
  const sealed = await vault.seal(personal);
  let next = 0;
  return events.map((event, at) => {
    const own = parts[at]!.map((part) => sealedPart(part, sealed[next++]!));
    return entryOf(event, own);
  });
}

/** What was put into the letter box is as if it had come now; what cannot be taken out any more is told, and lost. */
function partsOf(vault: Vault | undefined, { id, personal = [], letter }: NewEvent, log: Log): readonly PersonalPart[] {
  if (letter === undefined) return personal;
  const text = vault?.openLetter(id, letter);
  const parsed: unknown = text === undefined ? undefined : JSON.parse(text);
  if (isPersonal(parsed)) return parsed;
  log.error({ id }, 'personal data in a letter that cannot be opened are lost; the entry is recorded without');
  return [];
}

function personalOf({ id, tenant = NO_TENANT }: NewEvent, { role, subject, data }: PersonalPart): Personal {
  return { entryId: id, tenant, role, subject, text: JSON.stringify(data) };
}

function sealedPart({ role }: PersonalPart, { kid, bytes, sha256 }: SealedPayload): SealedPart {
  return { note: { r: role, k: kid, a: 'A256GCM', c: sha256, n: bytes.length }, bytes };
}
