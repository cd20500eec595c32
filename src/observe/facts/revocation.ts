import { X509Certificate } from 'node:crypto';
import {
  BasicOCSPResponse,
  Certificate,
  CertificateRevocationList,
  type CRLDistributionPoints,
  OCSPRequest,
  OCSPResponse,
} from 'pkijs';
import type { Measured } from '../fact.ts';
import { Unmeasured, unknown, value } from './place-collector.ts';

/** A certificate with what is needed to ask about it, in DER. */
export interface AskedCertificate {
  readonly certificate: Buffer;
  readonly issuer: Buffer;
  /** The answer of the issuer that the server sent along; null when it sent none. */
  readonly stapled: Buffer | null;
}

const ANSWER_BYTES_MAX = 64 * 1024;
/** Of a list of everything that an issuer revoked. */
const LIST_BYTES_MAX = 8 * 1024 * 1024;
/** What an answer without an end of its own counts for, and how far clocks may differ. */
const DAY_MS = 86_400_000;
const SKEW_MS = 300_000;

const DISTRIBUTION_POINTS = '2.5.29.31';
const IS_URL = 6;
const STATUS = ['good', 'revoked', 'unknown'] as const;

/**
 * Whether the issuer of a certificate says that it is revoked: by the stapled answer, else by its OCSP responder (RFC 6960), else by
 * its list (RFC 5280, 5), each verified against the key of the issuer and its dates. Unknown, with the reason, where the certificate names
 * neither, the issuer answers nothing of it, or the answer is too old. Rejects when nobody can be reached.
 */
export async function askRevocation(asked: AskedCertificate, now: number, signal: AbortSignal): Promise<Measured> {
  const leaf = Certificate.fromBER(asked.certificate);
  const issuer = Certificate.fromBER(asked.issuer);
  if (asked.stapled) return judgeAnswer(asked.stapled, { leaf, issuer, now });
  const responder = responderOf(asked.certificate);
  if (responder) return judgeAnswer(await askResponder(responder, leaf, issuer, signal), { leaf, issuer, now });
  const list = listOf(leaf);
  if (list) return judgeList(await fetchBytes(list, LIST_BYTES_MAX, { signal }), { leaf, issuer, now });
  return unknown('it names neither a responder nor a list of its issuer');
}

interface Judged {
  readonly leaf: Certificate;
  readonly issuer: Certificate;
  readonly now: number;
}

async function askResponder(url: string, leaf: Certificate, issuer: Certificate, signal: AbortSignal): Promise<Buffer> {
  const request = new OCSPRequest();
  // Responders look certificates up by SHA-1 (RFC 5019); nothing rests on its strength.
  await request.createForCertificate(leaf, { hashAlgorithm: 'SHA-1', issuerCertificate: issuer });
  const headers = { 'content-type': 'application/ocsp-request' };
  return fetchBytes(url, ANSWER_BYTES_MAX, { method: 'POST', headers, body: request.toSchema(true).toBER(), signal });
}

async function judgeAnswer(bytes: Buffer, { leaf, issuer, now }: Judged): Promise<Measured> {
  const answer = OCSPResponse.fromBER(bytes);
  const code = answer.responseStatus.valueBlock.valueDec;
  if (code !== 0 || !answer.responseBytes) return unknown(`its issuer answered with the error ${code}`);
  const basic = BasicOCSPResponse.fromBER(answer.responseBytes.response.valueBlock.valueHexView);
  const isSigned = await basic.verify({ trustedCerts: [issuer] }).catch(() => false);
  if (!isSigned) return unknown('the answer about it was not signed by its issuer');
  const { isForCertificate, status } = await basic.getCertificateStatus(leaf, issuer);
  if (!isForCertificate) return unknown('its issuer answered about another certificate');
  const serial = leaf.serialNumber;
  const one = basic.tbsResponseData.responses.find(({ certID }) => certID.serialNumber.isEqual(serial));
  if (!one || !isCurrent(one.thisUpdate, one.nextUpdate, now)) return unknown('the answer of its issuer is too old');
  if (STATUS[status] === 'unknown') return unknown('its issuer does not know it');
  return value(STATUS[status] === 'revoked');
}

async function judgeList(bytes: Buffer, { leaf, issuer, now }: Judged): Promise<Measured> {
  const list = CertificateRevocationList.fromBER(bytes);
  const isSigned = await list.verify({ issuerCertificate: issuer }).catch(() => false);
  if (!isSigned) return unknown('the list that it names was not signed by its issuer');
  if (!isCurrent(list.thisUpdate.value, list.nextUpdate?.value, now))
    return unknown('the list of its issuer is too old');
  return value(list.isCertificateRevoked(leaf));
}

function isCurrent(from: Date, until: Date | undefined, now: number): boolean {
  const end = until?.getTime() ?? from.getTime() + DAY_MS;
  return from.getTime() <= now + SKEW_MS && now <= end + SKEW_MS;
}

/** Answers are signed, so plain HTTP is how they come. */
function responderOf(certificate: Buffer): string | undefined {
  const { infoAccess = '' } = new X509Certificate(certificate);
  return /^OCSP - URI:(http:\/\/\S+)$/m.exec(infoAccess)?.[1];
}

function listOf(leaf: Certificate): string | undefined {
  const extension = leaf.extensions?.find(({ extnID }) => extnID === DISTRIBUTION_POINTS)?.parsedValue as
    | CRLDistributionPoints
    | undefined;
  const names = (extension?.distributionPoints ?? []).flatMap(({ distributionPoint }) =>
    Array.isArray(distributionPoint) ? distributionPoint : [],
  );
  const urls = names.flatMap(({ type, value: url }) => (type === IS_URL ? [String(url)] : []));
  return urls.find((url) => url.startsWith('http://'));
}

async function fetchBytes(url: string, max: number, init: RequestInit): Promise<Buffer> {
  const response = await fetch(url, { ...init, redirect: 'error' }).catch((cause: unknown) => {
    throw new Unmeasured(`its issuer cannot be reached at ${url}`, { cause });
  });
  if (!response.ok || !response.body) throw new Unmeasured(`${url} answered ${response.status}`);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body) {
    length += part.length;
    if (length > max) throw new Unmeasured(`the answer at ${url} is longer than ${max} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
