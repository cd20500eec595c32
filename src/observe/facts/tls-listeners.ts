import { type Clock, fromIso } from '../../base/clock.ts';
import type { FactName } from '../../resources/fact-kinds.ts';
import type { Collector } from '../collector.ts';
import type { Measured } from '../fact.ts';
import { counted, type Look, type Place, placeCollector, Unmeasured, unknown, value } from './place-collector.ts';
import {
  type Handshake,
  isTaken,
  KINDS_OF_KEY,
  shakeHands,
  type ShownCertificate,
  type TlsEndpoint,
} from './tls-handshake.ts';

/** A listener that carries data of tenants, or administration. */
export interface TlsListener extends Place, TlsEndpoint {
  readonly isAdmin: boolean;
}

const FACTS: readonly FactName[] = [
  'tls.protocol.lowest',
  'tls.admin.lowest',
  'tls.cipher.weak',
  'tls.chain.valid',
  'tls.certificate.daysLeft',
];

/** OpenSSL refuses what is old by itself: at level 0 it offers all that it has. */
const ANY = 'ALL:COMPLEMENTOFALL:@SECLEVEL=0';

const VERSIONS = [
  { version: 'TLSv1', number: 1 },
  { version: 'TLSv1.1', number: 1.1 },
  { version: 'TLSv1.2', number: 1.2 },
  { version: 'TLSv1.3', number: 1.3 },
] as const;

/** Classes of TLS 1.2 and before. All of TLS 1.3 has authentication, forward secrecy and authenticated encryption. */
const WEAK: Readonly<Record<string, string>> = {
  'no authentication': 'aNULL',
  'no encryption': 'eNULL:!aNULL',
  'no forward secrecy': 'kRSA:!eNULL',
  '3DES, RC4 or other broken ciphers': '3DES:RC4:DES:RC2:IDEA:SEED:!aNULL:!kRSA',
};

const PLAIN_TEXT = new Set(['plain text', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']);

const DAY_MS = 86_400_000;

export interface TlsListenersOptions {
  readonly listeners: () => readonly TlsListener[];
  readonly clock: Clock;
}

/**
 * What a client can negotiate with each listener: one handshake for each version and for each class of ciphers, and the
 * certificate that is shown. A listener that speaks plain text has protocol 0 and no certificate. Nothing is proven of
 * listeners that nobody names, nor of a certificate that is shown to nobody without one; whether a certificate was revoked is asked by `certificates`.
 */
export function tlsListeners({ listeners, clock }: TlsListenersOptions): Collector {
  return placeCollector({
    name: 'tls-listeners',
    facts: FACTS,
    everyMs: 60_000,
    timeoutMs: 240_000,
    placeMs: 40_000,
    places: listeners,
    clock,
    look: (listener, signal) => lookAt(listener, signal, clock),
  });
}

async function lookAt(listener: TlsListener, signal: AbortSignal, clock: Clock): Promise<Look> {
  const versions = await versionsOf(listener, signal);
  const accepted = versions.filter(({ handshake }) => isTaken(handshake));
  const weak = accepted.length === 0 ? [] : await weakClassesOf(listener, signal);
  const best = versions.findLast(({ handshake }) => handshake.kind === 'accepted')?.handshake;
  const shown = best?.kind === 'accepted' && best.shown ? await allShown(listener, best.shown, signal) : [];
  const asksClients = best === undefined && accepted.length > 0;
  const cannot = versions.filter(({ handshake }) => handshake.kind === 'impossible').map(({ version }) => version);
  if (accepted.length === 0 && !versions.some(({ handshake }) => isPlainText(handshake))) {
    throw new Unmeasured('it answers, but no handshake succeeded');
  }
  const measured = lowestDespite(cannot, accepted[0]?.number ?? 0);
  return {
    readings: {
      'tls.protocol.lowest': measured,
      ...(listener.isAdmin ? { 'tls.admin.lowest': measured } : {}),
      'tls.cipher.weak': accepted.length === 0 ? unknown('it speaks plain text') : counted(weak),
      ...(asksClients ? UNSEEN : certificateReadings(shown, clock)),
    },
    transcript: { versions, weak, shown },
  };
}

/** Every certificate of the listener: whoever has one of each kind of key shows each to those who can take no other. */
async function allShown(listener: TlsListener, best: ShownCertificate, signal: AbortSignal) {
  const shown = [best];
  for (const sigalgs of KINDS_OF_KEY) {
    const handshake = await shakeHands(listener, { sigalgs }, signal);
    const other = handshake.kind === 'accepted' ? handshake.shown : null;
    if (other && shown.every(({ fingerprint }) => fingerprint !== other.fingerprint)) shown.push(other);
  }
  return shown;
}

const NOT_SHOWN = unknown('it asks clients for a certificate, and no handshake without one succeeded');
const UNSEEN: Look['readings'] = { 'tls.chain.valid': NOT_SHOWN, 'tls.certificate.daysLeft': NOT_SHOWN };

/** It answered the first message of TLS with something else. */
function isPlainText(handshake: Handshake): boolean {
  return handshake.kind === 'refused' && PLAIN_TEXT.has(handshake.code);
}

async function versionsOf(listener: TlsListener, signal: AbortSignal) {
  const versions: { version: string; number: number; handshake: Handshake }[] = [];
  for (const { version, number } of VERSIONS) {
    const offer = { minVersion: version, maxVersion: version, ...(number < 1.3 ? { ciphers: ANY } : {}) };
    versions.push({ version, number, handshake: await shakeHands(listener, offer, signal) });
  }
  return versions;
}

/** What this client cannot offer it cannot rule out, unless the answer is bad already. */
function lowestDespite(cannot: readonly string[], lowest: number): Measured {
  return lowest < 1.2 || cannot.length === 0
    ? value(lowest)
    : unknown(`the library of this client cannot offer ${cannot.join(' and ')}`);
}

async function weakClassesOf(listener: TlsListener, signal: AbortSignal): Promise<readonly string[]> {
  const weak: string[] = [];
  for (const [name, ciphers] of Object.entries(WEAK)) {
    const offer = { minVersion: 'TLSv1', maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` } as const;
    if (isTaken(await shakeHands(listener, offer, signal))) weak.push(name);
  }
  return weak;
}

/** What OpenSSL has codes for. It has none that Node knows for keys and signatures below its level of security. */
const FAULTS: readonly (readonly [code: RegExp, words: string])[] = [
  [/HAS_EXPIRED/, 'it has expired'],
  [/NOT_YET_VALID/, 'it is not valid yet'],
  [/DEPTH_ZERO_SELF_SIGNED/, 'it is signed by itself'],
  [/SELF_SIGNED_CERT_IN_CHAIN/, 'it comes from a root that is not trusted here'],
  [/UNABLE_TO_(?:VERIFY_LEAF|GET_ISSUER)/, 'who signed it is neither shown nor trusted here'],
  [/ALTNAME|Hostname/, 'it is for another name'],
  [/UNSPECIFIED/, 'its key or its signature is too weak'],
];

function inWords(fault: string): string {
  return FAULTS.find(([code]) => code.test(fault))?.[1] ?? fault;
}

/** The worst of what is shown decides: somebody is shown it. */
function certificateReadings(shown: readonly ShownCertificate[], clock: Clock): Look['readings'] {
  if (shown.length === 0) {
    const none = unknown('it shows no certificate');
    return { 'tls.chain.valid': value(false), 'tls.certificate.daysLeft': none };
  }
  const ends = shown.map(({ expiresAt }) => fromIso(expiresAt));
  if (ends.some(Number.isNaN)) throw new Unmeasured('its certificate has no date of expiry that can be read');
  const faults = shown.flatMap(({ fault, fingerprint }) =>
    fault === null ? [] : [shown.length === 1 ? inWords(fault) : `${fingerprint.slice(0, 11)}...: ${inWords(fault)}`],
  );
  const chain = { kind: 'value' as const, value: faults.length === 0 };
  return {
    'tls.chain.valid': faults.length === 0 ? chain : { ...chain, detail: faults.join('; ') },
    'tls.certificate.daysLeft': value((Math.min(...ends) - clock.now()) / DAY_MS),
  };
}
