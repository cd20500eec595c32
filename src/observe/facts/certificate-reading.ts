import { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Unmeasured } from './place-collector.ts';
import { KINDS_OF_KEY, openForTls, type TlsEndpoint } from './tls-handshake.ts';

/** What a listener showed of itself, in DER. */
export interface PresentedCertificates {
  readonly certificate: Buffer;
  /** Who signed it: as the listener sent it along, or one of the roots that are trusted there. */
  readonly issuer: Buffer | 'itself' | null;
  /** An answer of its issuer about it (OCSP); null when none came. */
  readonly stapled: Buffer | null;
}

/** A message that is no TLS where the first of TLS was due. */
const PLAIN_TEXT = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']);

/**
 * Every certificate that the listener shows, to those who take any kind of key first; none when it speaks plain text. Rejects
 * when nobody can be reached.
 */
export async function readCertificates(
  endpoint: TlsEndpoint,
  signal: AbortSignal,
): Promise<readonly PresentedCertificates[]> {
  const first = await readOne(endpoint, signal);
  if (!first) return [];
  const all = [first];
  for (const kind of KINDS_OF_KEY) {
    // A listener without a key of the kind refuses.
    const other = await readOne(endpoint, signal, kind).catch(() => null);
    if (other && all.every(({ certificate }) => !certificate.equals(other.certificate))) all.push(other);
  }
  return all;
}

async function readOne(
  endpoint: TlsEndpoint,
  signal: AbortSignal,
  sigalgs?: string,
): Promise<PresentedCertificates | null> {
  const socket = await openForTls(endpoint, signal);
  if (!socket) return null;
  const abort = () => socket.destroy(new Unmeasured('it did not answer in time'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await present(socket, endpoint, sigalgs);
  } catch (error) {
    if (PLAIN_TEXT.has((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}

function present(socket: Socket, endpoint: TlsEndpoint, sigalgs?: string): Promise<PresentedCertificates | null> {
  const { host, serverName = host, authorities = [] } = endpoint;
  return new Promise((resolve, reject) => {
    let stapled: Buffer | null = null;
    const named = isIP(serverName) ? {} : { servername: serverName };
    const trusted = authorities.length > 0 ? { ca: [...authorities] } : {};
    const secured = connectTls({
      socket,
      ...named,
      ...trusted,
      ...(sigalgs ? { sigalgs } : {}),
      host: serverName,
      rejectUnauthorized: false,
      requestOCSP: true,
    });
    secured.on('OCSPResponse', (answer) => {
      if (answer?.length > 0) stapled = answer;
    });
    secured.once('error', reject);
    secured.once('close', () => reject(new Unmeasured('it closed the connection')));
    secured.once('secureConnect', () => {
      const { raw, issuerCertificate } = secured.getPeerCertificate(true);
      if (!raw) return resolve(null);
      resolve({ certificate: raw, issuer: issuerOf(raw, issuerCertificate?.raw, authorities), stapled });
    });
  });
}

function issuerOf(
  raw: Buffer,
  sent: Buffer | undefined,
  authorities: readonly string[],
): PresentedCertificates['issuer'] {
  const certificate = new X509Certificate(raw);
  if (certificate.checkIssued(certificate)) return 'itself';
  const candidates = [
    ...(sent ? [new X509Certificate(sent)] : []),
    ...authorities.map((pem) => new X509Certificate(pem)),
  ];
  return candidates.find((each) => certificate.checkIssued(each))?.raw ?? null;
}
