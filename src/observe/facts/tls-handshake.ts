import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { connect as connectTls, type DetailedPeerCertificate, type SecureVersion, type TLSSocket } from 'node:tls';

/** Where somebody listens, and what is said before the handshake. */
export interface TlsEndpoint {
  readonly host: string;
  readonly port: number;
  /** Name that the certificate has to be for; the host when left out. */
  readonly serverName?: string;
  /** `postgresql`: TLS begins after an SSLRequest. */
  readonly upgrade?: 'postgresql';
  /** Roots in PEM to trust instead of those of Node. */
  readonly authorities?: readonly string[];
}

export interface Offer {
  readonly minVersion?: SecureVersion;
  readonly maxVersion?: SecureVersion;
  /** An OpenSSL cipher string. */
  readonly ciphers?: string;
  /** Signature algorithms of OpenSSL, with colons between: by them a listener with several certificates chooses one. */
  readonly sigalgs?: string;
}

/** Signature algorithms of each kind of key: clients that take only one kind are shown the certificate with it. */
export const KINDS_OF_KEY = [
  'rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512',
  'ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ed25519',
];

export interface ShownCertificate {
  /** SHA-256 of the certificate, as pairs of hexadecimal digits with colons between. */
  readonly fingerprint: string;
  readonly startsAt: string;
  readonly expiresAt: string;
  /** What is wrong with chain, names or dates; null when nothing is. */
  readonly fault: string | null;
  /** Whether an OCSP response came with it. */
  readonly isStapled: boolean;
}

export type Handshake =
  | {
      readonly kind: 'accepted';
      readonly protocol: string;
      readonly cipher: string;
      readonly shown: ShownCertificate | null;
    }
  /** The server chose what was offered, and the handshake ended later: it asks clients for a certificate, and this has none. */
  | { readonly kind: 'agreed'; readonly code: string }
  /** The server answered and would not, or does not speak TLS at all. */
  | { readonly kind: 'refused'; readonly code: string }
  /** This client cannot make the offer. */
  | { readonly kind: 'impossible'; readonly code: string };

/** Who chose a version and a cipher takes them, also where it then lets nobody in without a certificate of their own. */
export function isTaken({ kind }: Handshake): boolean {
  return kind === 'accepted' || kind === 'agreed';
}

const SSL_REQUEST = Buffer.from('0000000804d2162f', 'hex');
/** From the TCP connection on. */
const STEP_MS = 3_000;
/** The library here was built without it. */
const CANNOT = new Set(['ERR_SSL_NO_CIPHER_MATCH', 'ERR_SSL_NO_CIPHERS_AVAILABLE', 'ERR_SSL_NO_PROTOCOLS_AVAILABLE']);
const UNREACHED = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EACCES',
]);

/** One real handshake. Nothing is sent after it. Rejects when nobody can be reached there: that says nothing of TLS. */
export async function shakeHands(endpoint: TlsEndpoint, offer: Offer, signal: AbortSignal): Promise<Handshake> {
  const socket = await reach(endpoint, signal);
  const abort = () => socket.destroy();
  signal.addEventListener('abort', abort, { once: true });
  try {
    if (endpoint.upgrade === 'postgresql' && !(await upgrades(socket))) return { kind: 'refused', code: 'plain text' };
    return await handshakeOver(socket, endpoint, offer);
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}

/** A connection on which TLS may begin; undefined when the listener says that it speaks plain text. Rejects like `shakeHands`. */
export async function openForTls(endpoint: TlsEndpoint, signal: AbortSignal): Promise<Socket | undefined> {
  const socket = await reach(endpoint, signal);
  if (endpoint.upgrade !== 'postgresql' || (await upgrades(socket))) return socket;
  socket.destroy();
  return undefined;
}

function reach({ host, port }: TlsEndpoint, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port });
    socket.setTimeout(STEP_MS, () => socket.destroy(Object.assign(new Error('silent'), { code: 'ETIMEDOUT' })));
    const abort = () => socket.destroy(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    socket.on('error', reject);
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort);
      resolve(socket);
    });
  });
}

function upgrades(socket: Socket): Promise<boolean> {
  return new Promise((resolve, reject) => {
    socket.once('data', (data) => resolve(data.toString('latin1', 0, 1) === 'S'));
    socket.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
    socket.write(SSL_REQUEST);
  });
}

function handshakeOver(socket: Socket, endpoint: TlsEndpoint, offer: Offer): Promise<Handshake> {
  return new Promise((resolve) => {
    const serverName = endpoint.serverName ?? endpoint.host;
    let isStapled = false;
    let hasChosen = false;
    const end = (error: NodeJS.ErrnoException) => resolve(failureOf(error, hasChosen));
    // The first bytes of the answer say what becomes of an offer, also where the handshake fails afterwards.
    const [near, far] = duplexPair();
    socket.once('data', (first: Buffer) => {
      hasChosen = isServerHello(first);
    });
    socket.pipe(far).pipe(socket);
    socket.once('error', (error) => near.destroy(error)).once('close', () => near.destroy());
    let secured: TLSSocket;
    try {
      secured = connectTls({
        socket: near,
        ...(isIP(serverName) ? {} : { servername: serverName }),
        ...(endpoint.authorities ? { ca: [...endpoint.authorities] } : {}),
        host: serverName,
        rejectUnauthorized: false,
        requestOCSP: true,
        ...offer,
      });
    } catch (error) {
      return end(error as NodeJS.ErrnoException);
    }
    secured.on('OCSPResponse', (response) => {
      isStapled = response?.length > 0;
    });
    secured.once('error', end);
    secured.once('close', () => end(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
    secured.once('secureConnect', () => {
      const certificate = secured.getPeerCertificate(true);
      resolve({
        kind: 'accepted',
        protocol: secured.getProtocol() ?? '',
        cipher: secured.getCipher().standardName,
        shown: certificate.raw ? shownOf(secured, certificate, isStapled) : null,
      });
    });
  });
}

/** A record of the handshake (22) that holds a ServerHello (2): RFC 8446, 4 and 5.1. What refuses is an alert (21). */
function isServerHello(bytes: Buffer): boolean {
  return bytes[0] === 22 && bytes[5] === 2;
}

function failureOf(error: NodeJS.ErrnoException, hasChosen: boolean): Handshake {
  const code = error.code ?? 'failed';
  if (hasChosen) return { kind: 'agreed', code };
  if (UNREACHED.has(code)) return { kind: 'impossible', code };
  return { kind: CANNOT.has(code) ? 'impossible' : 'refused', code };
}

function shownOf(secured: TLSSocket, certificate: DetailedPeerCertificate, isStapled: boolean): ShownCertificate {
  return {
    fingerprint: certificate.fingerprint256,
    startsAt: certificate.valid_from,
    expiresAt: certificate.valid_to,
    fault: secured.authorized ? null : String(secured.authorizationError ?? 'not authorised'),
    isStapled,
  };
}
