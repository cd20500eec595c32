import { X509Certificate } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { readCertificates, type PresentedCertificates } from './certificate-reading.ts';
import type { Collector } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { counted, reasonOf, unknown } from './place-collector.ts';
import { askRevocation } from './revocation.ts';
import type { TlsListener } from './tls-listeners.ts';

/** A certificate on the list of those that are in use. */
export interface ListedCertificate {
  /** SHA-256 in hex, with or without colons: of the certificate, or of the authority that signs it. */
  readonly sha256: string;
  readonly what: string;
  /** It need not be seen: the next one, or the last. */
  readonly standby: boolean;
}

export interface CertificatesOptions {
  readonly listeners: () => readonly TlsListener[];
  /** Undefined when nobody keeps a list. */
  readonly listed: () => readonly ListedCertificate[] | undefined;
  readonly clock: Clock;
}

const NAME = 'certificates';
const LISTENER_MS = 10_000;

/** What one listener showed: certificates, none (plain text), or why nobody knows. */
interface Seen {
  readonly listener: TlsListener;
  readonly shown: readonly PresentedCertificates[] | string;
  readonly revoked: Measured;
}

/**
 * The certificates that listeners show, against the list of those that people approved (PCI DSS 4.2.1.1), and whether
 * their issuers say that they were revoked. One handshake for each listener and kind of key. Nothing is proven of certificates above the first of a
 * chain, of keys that no listener shows, and of listeners that nobody named.
 */
export function certificates({ listeners, listed, clock }: CertificatesOptions): Collector {
  return {
    name: NAME,
    facts: ['tls.inventory.difference', 'tls.certificate.revoked'],
    everyMs: 600_000,
    timeoutMs: 300_000,
    async collect(signal, keep = () => null) {
      const all: Seen[] = [];
      for (const listener of listeners()) all.push(await look(listener, clock, signal));
      if (all.length === 0) return [];
      const about = { measuredAt: clock.now(), collector: NAME };
      const facts = all.map(({ listener: { subject, tenants }, shown, revoked }): Fact => {
        const evidence = keep({ collector: NAME, subject, shown: transcriptOf(shown), revoked });
        return { name: 'tls.certificate.revoked', subject, tenants, measured: revoked, evidence, ...about };
      });
      const measured = differenceOf(all, listed());
      const seen = all.map(({ listener: { subject }, shown }) => ({ subject, shown: transcriptOf(shown) }));
      const evidence = keep({ collector: NAME, measured, seen });
      const difference = { subject: 'certificates', tenants: 'all' as const, measured, evidence, ...about };
      return [...facts, { name: 'tls.inventory.difference', ...difference }];
    },
  };
}

async function look(listener: TlsListener, clock: Clock, stopping: AbortSignal): Promise<Seen> {
  const signal = clock.deadline(LISTENER_MS, stopping);
  try {
    const shown = await readCertificates(listener, signal);
    const revoked = await revocationOf(shown, clock, signal).catch((error: unknown) => unknown(reasonOf(error)));
    return { listener, shown, revoked };
  } catch (error) {
    const reason = signal.aborted ? `no answer within ${LISTENER_MS / 1_000} s` : reasonOf(error);
    return { listener, shown: reason, revoked: unknown(reason) };
  }
}

/** One that is revoked decides, and then one of which nobody knows. */
async function revocationOf(
  shown: readonly PresentedCertificates[],
  clock: Clock,
  signal: AbortSignal,
): Promise<Measured> {
  if (shown.length === 0) return unknown('it shows no certificate');
  const all = await Promise.all(shown.map((each) => revocationOfOne(each, clock, signal)));
  const isRevoked = (each: Measured) => each.kind === 'value' && each.value === true;
  return all.find(isRevoked) ?? all.find(({ kind }) => kind === 'unknown') ?? all[0]!;
}

async function revocationOfOne(
  { certificate, issuer, stapled }: PresentedCertificates,
  clock: Clock,
  signal: AbortSignal,
): Promise<Measured> {
  if (issuer === 'itself') return unknown('it is signed by itself, so nobody can revoke it');
  if (!issuer) return unknown('the certificate of its issuer is not known here');
  return askRevocation({ certificate, issuer, stapled }, clock.now(), signal);
}

function differenceOf(all: readonly Seen[], listed: readonly ListedCertificate[] | undefined): Measured {
  if (!listed) return unknown('nobody keeps a list of certificates: see `certificates` of the Policy');
  const seen = all.flatMap(({ listener: { subject }, shown }) =>
    typeof shown === 'string' ? [] : shown.map((each) => ({ subject, prints: printsOf(each) })),
  );
  const known = new Set(listed.map(({ sha256 }) => plain(sha256)));
  const shownPrints = new Set(seen.flatMap(({ prints }) => prints));
  const strange = seen.filter(({ prints }) => !prints.some((print) => known.has(print)));
  const missing = listed.filter(({ sha256, standby }) => !standby && !shownPrints.has(plain(sha256)));
  const unseen = all.find(({ shown }) => typeof shown === 'string');
  // Whoever could not be asked may be the one who shows it.
  if (unseen && strange.length === 0 && missing.length > 0)
    return unknown(`${unseen.listener.subject}: ${String(unseen.shown)}`);
  const said = [
    ...strange.map(({ subject, prints: [print = ''] }) => `${subject} shows ${short(print)}, which is not listed`),
    ...(unseen ? [] : missing.map(({ sha256, what }) => `${short(plain(sha256))} (${what}) is listed and not shown`)),
  ];
  return counted(said);
}

function transcriptOf(shown: Seen['shown']): unknown {
  if (typeof shown === 'string') return shown;
  return shown.map(({ certificate }) => {
    const { subject, issuer, serialNumber, validFrom, validTo } = new X509Certificate(certificate);
    return { sha256: printOf(certificate), subject, issuer, serialNumber, validFrom, validTo };
  });
}

/** Of a certificate, and of who signed it. */
function printsOf({ certificate, issuer }: PresentedCertificates): readonly string[] {
  return [certificate, ...(issuer && issuer !== 'itself' ? [issuer] : [])].map(printOf);
}

function printOf(certificate: Buffer): string {
  return plain(new X509Certificate(certificate).fingerprint256);
}

function plain(sha256: string): string {
  return sha256.replaceAll(':', '').toLowerCase();
}

function short(print: string): string {
  return `sha256:${print.slice(0, 16)}...`;
}
