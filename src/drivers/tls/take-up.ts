import { request } from 'node:https';
import { type Clock, fromIso } from '../../base/clock.ts';
import { KinError } from '../../base/errors.ts';
import { shakeHands, type ShownCertificate, type TlsEndpoint } from '../../observe/facts/tls-handshake.ts';
import type { Validity } from './time-doubt.ts';

const LOOK_MS = 100;
const ANSWER_MS = 5_000;

/** What a listener shows now; undefined when there is no handshake with it. */
export async function shownBy(endpoint: TlsEndpoint, signal: AbortSignal): Promise<ShownCertificate | undefined> {
  const handshake = await shakeHands(endpoint, {}, signal).catch(() => undefined);
  return handshake?.kind === 'accepted' ? (handshake.shown ?? undefined) : undefined;
}

export function validityOf({ startsAt, expiresAt }: ShownCertificate): Validity {
  return { startsAt: fromIso(startsAt), endsAt: fromIso(expiresAt) };
}

/** A certificate, and whether it has to be one that clients take. */
export interface Wanted {
  /** SHA-256 as a handshake tells it. */
  readonly fingerprint: string;
  /** Chain, name and dates have to be right. What is put back may be wrong in all of them: it is what there was. */
  readonly sound: boolean;
}

/** Resolves once the listener shows it to `inRow` new connections, one after the other. Throws `certificate.not-shown`. */
export async function untilShown(
  endpoint: () => TlsEndpoint | undefined,
  { fingerprint, sound }: Wanted,
  options: {
    readonly withinMs: number;
    readonly inRow: number;
    readonly clock: Clock;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { withinMs, inRow, clock, signal } = options;
  const endsMs = clock.monotonicMs() + withinMs;
  for (let shownInRow = 0; ; ) {
    const place = endpoint();
    const shown = place && (await shownBy(place, signal));
    const isIt = shown?.fingerprint === fingerprint;
    const isGood = isIt && (!sound || shown.fault === null);
    shownInRow = isGood ? shownInRow + 1 : 0;
    if (shownInRow >= inRow) return;
    if ((isIt && !isGood) || clock.monotonicMs() >= endsMs) {
      const why = shown ? (whyNot(shown, isIt) ?? 'not every process behind it shows it') : 'no handshake succeeds';
      throw new KinError('certificate.not-shown', `after ${withinMs / 1_000} s at most, ${why}`);
    }
    if (isGood) continue;
    await clock.sleep(LOOK_MS, signal);
  }
}

function whyNot({ fault }: ShownCertificate, isIt: boolean): string | undefined {
  if (!isIt) return 'it shows another one';
  return fault === null ? undefined : `clients refuse it: ${fault}`;
}

/**
 * Tells a process on its own port to read its files anew. Its certificate is not checked: it may be the one that has
 * expired. Nothing secret is sent. Throws `certificate.not-shown` for any answer but a good one.
 */
export async function postReload({ host, port, serverName }: TlsEndpoint, path: string, signal: AbortSignal) {
  const status = await new Promise<number>((resolve, reject) => {
    const servername = serverName ?? host;
    const options = { host, port, path, method: 'POST', servername, rejectUnauthorized: false, agent: false };
    const asked = request({ ...options, signal, timeout: ANSWER_MS }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.once('timeout', () => asked.destroy(new Error('it does not answer')));
    asked.once('error', reject);
    asked.end();
  }).catch((cause: unknown) => {
    throw new KinError('certificate.not-shown', `POST ${path} was not answered`, { cause });
  });
  if (status < 200 || status > 299) throw new KinError('certificate.not-shown', `POST ${path} answered ${status}`);
}
