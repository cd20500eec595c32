import { KinError } from '../base/errors.ts';
import { pemOf } from '../resources/signer.ts';
import { type EvidenceKey, formatEnvelope, keyId, openEnvelope, signEnvelope } from './dsse.ts';

/** Whose signature counts. `name` is null for the key of the installation, which speaks for whoever may use it. */
export interface Signer {
  readonly name: string | null;
  /** PEM. */
  readonly publicKey: string;
}

/** What somebody signed, and who. */
export interface Signed {
  /** What was signed, byte for byte. */
  readonly text: string;
  readonly signer: string | null;
  /** Id of the key. */
  readonly key: string;
}

/** A person's decision on a notice, and records of what people did. */
export const DECISION_TYPE = 'application/vnd.kintsugi.breach-decision+json';
export const RECORDS_TYPE = 'application/vnd.kintsugi.records+csv';

/** Those whom the policy names. */
export function signersOf(
  declared: readonly { readonly name: string; readonly publicKey: string }[],
): readonly Signer[] {
  return declared.map(({ name, publicKey }) => ({ name, publicKey: pemOf(publicKey) }));
}

/** The statement in a DSSE envelope, as text of one line. */
export function signStatement(type: string, text: string, key: EvidenceKey): string {
  return formatEnvelope(signEnvelope(type, Buffer.from(text), key));
}

/** What stands in an envelope. Throws `signature.untrusted` when none of the signers has signed it as it is. */
export function openStatement(envelope: string, type: string, signers: readonly Signer[]): Signed {
  for (const { name, publicKey } of signers) {
    const payload = openEnvelope(envelope, type, publicKey);
    if (payload) return { text: payload.toString('utf8'), signer: name, key: keyId(publicKey) };
  }
  if (signers.length === 0) throw new KinError('signature.untrusted', 'the Policy names no signers');
  const names = signers.map(({ name }) => name ?? 'this installation').join(', ');
  throw new KinError('signature.untrusted', `signed by none of ${names}, or changed since`);
}
