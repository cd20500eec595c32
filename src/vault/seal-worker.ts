import { hash, type KeyObject } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { IvSequence, sealPayload } from './payload.ts';
import type { FromSealer, ToSealer } from './seal-pool.ts';

/** A thread that seals. It knows the keys that it was given until it is told to forget them. */
const keys = new Map<string, { readonly key: KeyObject; readonly ivs: IvSequence }>();
const port = parentPort;

function seal({ id, given, jobs }: Extract<ToSealer, { kind: 'seal' }>): void {
  for (const { kid, key } of given) keys.set(kid, { key, ivs: new IvSequence() });
  const payloads = jobs.map(({ kid, aad, text }) => {
    const { key, ivs } = keys.get(kid)!;
    const bytes = sealPayload(key, ivs.next(), aad, text);
    return { bytes, sha256: hash('sha256', bytes, 'base64') };
  });
  port?.postMessage({ id, payloads } satisfies FromSealer);
}

port?.on('message', (message: ToSealer) => {
  if (message.kind === 'seal') return seal(message);
  for (const kid of message.kids) keys.delete(kid);
  port.postMessage({ id: message.id, payloads: [] } satisfies FromSealer);
});
