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
  /** As it was parsed; its form is not checked yet. */
  readonly statement: unknown;
  readonly signer: string | null;
  /** Id of the key. */
  readonly key: string;
}

/** A person's decision on a notice. */
export const DECISION_TYPE = 'application/vnd.kintsugi.breach-decision+json';

/** Those whom the policy names; without any, this installation. */
export function signersOf(
  declared: readonly { readonly name: string; readonly publicKey: string }[],
  installation: Pick<EvidenceKey, 'publicKey'>,
): readonly Signer[] {
  if (declared.length === 0) return [{ name: null, publicKey: installation.publicKey }];
  return declared.map(({ name, publicKey }) => ({ name, publicKey: pemOf(publicKey) }));
}

/** The statement in a DSSE envelope, as text of one line. */
export function signStatement(type: string, statement: unknown, key: EvidenceKey): string {
  return formatEnvelope(signEnvelope(type, Buffer.from(JSON.stringify(statement)), key));
}

/** What stands in an envelope. Throws `signature.untrusted` when none of the signers has signed it as it is. */
export function openStatement(envelope: string, type: string, signers: readonly Signer[]): Signed {
  for (const { name, publicKey } of signers) {
    const payload = openEnvelope(envelope, type, publicKey);
    if (payload)
      return { statement: JSON.parse(payload.toString('utf8')) as unknown, signer: name, key: keyId(publicKey) };
  }
  const names = signers.map(({ name }) => name ?? 'this installation').join(', ');
  throw new KinError('signature.untrusted', `signed by none of ${names}, or changed since`);
}
