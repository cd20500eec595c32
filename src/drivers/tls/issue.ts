/** Keys, requests and certificates, in PEM. `reflect-metadata` has to be loaded before the library that needs it. */
import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { dateOf, toIso } from '../../base/clock.ts';
import { KinError } from '../../base/errors.ts';
import { Redacted } from '../../base/redacted.ts';

const DAY_MS = 86_400_000;
/** Clients whose clocks are a little behind take it at once. */
const BACKDATED_MS = 300_000;
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** What a certificate is asked for. */
export interface CertificateWish {
  /** The first is its common name; addresses and names alike. */
  readonly names: readonly string[];
  readonly days: number;
  readonly now: number;
}

/** A new private key (P-256, PKCS #8). It exists nowhere else until it is written. */
export function createKey(): Redacted<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return new Redacted(pemOf(privateKey));
}

/** A request (PKCS #10) that proves the key and names what it is for, for an issuer elsewhere. */
export async function createRequest(key: Redacted<string>, names: readonly string[]): Promise<string> {
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: subjectOf(names),
    keys: await pairOf(key),
    signingAlgorithm: EC,
    extensions: [alternativeNames(names)],
  });
  return request.toString('pem');
}

/**
 * A certificate for a server, signed by an authority; the chain begins with it. It ends with its authority at the latest.
 * Throws `certificate.not-issued` when the authority has ended or has not begun, or its key is none that signs.
 */
export async function signCertificate(
  key: Redacted<string>,
  authority: { readonly certificate: string; readonly key: Redacted<string> },
  { names, days, now }: CertificateWish,
): Promise<string> {
  const root = new X509Certificate(authority.certificate);
  const [beginsAt, endsAt] = [root.notBefore.getTime(), root.notAfter.getTime()];
  if (now < beginsAt || now >= endsAt) {
    const message = `the authority ${root.subject} ${now < beginsAt ? 'has not begun' : 'has ended'}`;
    throw new KinError('certificate.not-issued', message);
  }
  const { publicKey } = await pairOf(key);
  const signer = await signerOf(authority.key);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: subjectOf(names),
    issuer: root.subjectName,
    notBefore: dateOf(toIso(Math.max(beginsAt, now - BACKDATED_MS))),
    notAfter: dateOf(toIso(Math.min(endsAt, now + days * DAY_MS))),
    publicKey,
    signingKey: signer.key,
    signingAlgorithm: signer.algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      alternativeNames(names),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(root),
    ],
  });
  const isRoot = root.subject === root.issuer;
  return [certificate.toString('pem'), ...(isRoot ? [] : [authority.certificate.trim()])].join('\n').concat('\n');
}

function subjectOf([first = '']: readonly string[]) {
  return [{ CN: [first] }];
}

function alternativeNames(names: readonly string[]): SubjectAlternativeNameExtension {
  return new SubjectAlternativeNameExtension(
    [...new Set(names)].map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value })),
  );
}

/** 127 random bits: positive, and never the same twice (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' });
}

async function pairOf(key: Redacted<string>): Promise<webcrypto.CryptoKeyPair> {
  const secret = createPrivateKey(key.reveal());
  const jwk = secret.export({ format: 'jwk' });
  const { d: _, ...open } = jwk;
  const privateKey = await webcrypto.subtle.importKey('jwk', jwk, EC, true, ['sign']);
  const publicKey = await webcrypto.subtle.importKey('jwk', open, EC, true, ['verify']);
  return { privateKey, publicKey };
}

/** The key of an authority as WebCrypto wants it: elliptic curves, Ed25519 and RSA. */
async function signerOf(key: Redacted<string>) {
  const secret = createPrivateKey(key.reveal());
  const algorithm = algorithmOf(secret);
  const der = secret.export({ type: 'pkcs8', format: 'der' });
  return { key: await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']), algorithm };
}

const CURVES: Readonly<Record<string, { readonly namedCurve: string; readonly hash: string }>> = {
  prime256v1: { namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { namedCurve: 'P-521', hash: 'SHA-512' },
};

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject) {
  const curve = CURVES[asymmetricKeyDetails?.namedCurve ?? ''];
  if (asymmetricKeyType === 'ec' && curve) return { name: 'ECDSA', ...curve };
  if (asymmetricKeyType === 'ed25519') return { name: 'Ed25519' };
  if (asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  throw new KinError('certificate.not-issued', `the key of the authority is of a kind that does not sign here`);
}
