import { Agent, request } from 'undici';
import type { Clock } from '../base/clock.ts';

const TICK_MS = 50;
const IN_FLIGHT_MAX = 200;
const CONNECTIONS = 64;
const ANSWER_MS = 5_000;

export interface Flood {
  readonly url: string;
  readonly key: string;
  readonly perSecond: number;
  readonly forMs: number;
  readonly clock: Clock;
}

/** Sends GET requests at a rate, whatever the answers are, for a time or until `signal` aborts. Never rejects. */
export async function flood({ url, key, perSecond, forMs, clock }: Flood, signal: AbortSignal): Promise<void> {
  const agent = new Agent({ connections: CONNECTIONS });
  const startedMs = clock.monotonicMs();
  let sent = 0;
  let inFlight = 0;
  const send = async () => {
    sent += 1;
    if (inFlight >= IN_FLIGHT_MAX) return;
    inFlight += 1;
    const headers = { 'x-api-key': key };
    await request(url, { dispatcher: agent, headers, signal: clock.deadline(ANSWER_MS, signal) })
      .then((answer) => answer.body.dump())
      .catch(() => {});
    inFlight -= 1;
  };
  while (!signal.aborted) {
    const sinceMs = clock.monotonicMs() - startedMs;
    if (sinceMs >= forMs) break;
    const due = Math.floor((sinceMs / 1_000) * perSecond) - sent;
    for (let each = 0; each < due; each += 1) void send();
    await clock.sleep(TICK_MS, signal).catch(() => {});
  }
  await agent.destroy();
}
