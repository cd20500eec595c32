import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';

/** A signed text: DSSE v1 (secure-systems-lab/dsse), as other people's tools read it. */
export interface Envelope {
  readonly payloadType: string;
  /** Base64. */
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/** The key that bundles of evidence are signed with. It signs nothing else, and is not the key of the ledger. */
export interface EvidenceKey {
  readonly privateKey: KeyObject;
  /** PEM, for those who verify. */
  readonly publicKey: string;
  readonly id: string;
}

const KEY_FILE = 'evidence-key.pem';

/** What is signed: the lengths keep the type and the payload apart ("pre-authentication encoding"). */
function signedBytes(type: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** SHA-256 of the public key (DER), in hex. Throws when the text is not exactly what a key is written as. */
export function keyId(publicKey: string): string {
  const key = createPublicKey(publicKey);
  if (key.export({ type: 'spki', format: 'pem' }) !== publicKey) throw new TypeError('not a key as it is written');
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** The key of this state directory, made when it is first asked for (0600). Throws `state.unwritable`, or `state.invalid`. */
export function openEvidenceKey(folder: string): EvidenceKey {
  const path = join(folder, KEY_FILE);
  if (!existsSync(path)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    writeDurably(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600);
  }
  try {
    return keyOf(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new KinError('state.unwritable', `cannot read the key in ${path}`, { cause, details: { path } });
  }
}

/** The private key of a person, PEM. Throws `usage.invalid` when the file holds no Ed25519 key. */
export function readSigningKey(path: string): EvidenceKey {
  try {
    return keyOf(readFileSync(path, 'utf8'));
  } catch (cause) {
    const remedy = 'make one with: openssl genpkey -algorithm ed25519 -out key.pem';
    throw new KinError('usage.invalid', `${path} holds no Ed25519 private key in PEM; ${remedy}`, { cause });
  }
}

function keyOf(pem: string): EvidenceKey {
  const privateKey = createPrivateKey(pem);
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new TypeError('not an Ed25519 key');
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' });
  return { privateKey, publicKey, id: keyId(publicKey) };
}

export function signEnvelope(payloadType: string, payload: Uint8Array, key: EvidenceKey): Envelope {
  const sig = sign(null, signedBytes(payloadType, payload), key.privateKey).toString('base64');
  return { payloadType, payload: Buffer.from(payload).toString('base64'), signatures: [{ keyid: key.id, sig }] };
}

/** The envelope as the text of a file. */
export function formatEnvelope(envelope: Envelope): string {
  return `${JSON.stringify(envelope)}\n`;
}

/**
 * The payload when the key has signed it, and the text is exactly as `formatEnvelope` writes it; otherwise undefined. Never
 * throws, whatever the text is.
 */
export function openEnvelope(text: string, payloadType: string, publicKey: string): Buffer | undefined {
  try {
    const { payloadType: type, payload, signatures } = JSON.parse(text) as Envelope;
    const bytes = Buffer.from(payload, 'base64');
    const [{ sig } = { sig: '' }] = signatures;
    const signature = Buffer.from(sig, 'base64');
    const again = {
      payloadType,
      payload: bytes.toString('base64'),
      signatures: [{ keyid: keyId(publicKey), sig: signature.toString('base64') }],
    };
    if (formatEnvelope(again) !== text) return undefined;
    return verify(null, signedBytes(type, bytes), createPublicKey(publicKey), signature) ? bytes : undefined;
  } catch {
    return undefined;
  }
}
