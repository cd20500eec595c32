import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { describeError, KinError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';

/** Below the range from which systems draw the ports of outgoing connections. */
const PORT_MIN = 20_000;
const PORT_COUNT = 10_000;
/** A port is not given to another one so soon: somebody may still talk to the one who had it. */
const REST_MS = 60_000;
const TRIES_MAX = 200;

/** Ports that were handed out, with the wall time in milliseconds; plain data for the keeper's record. */
export type HandedOut = Readonly<Record<string, number>>;

/** Chooses ports for instances that nobody listens on, lately had, or is about to have. */
export class PortAllocator {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #inUse: () => ReadonlySet<number>;
  readonly #handedOut: Map<number, number>;

  /** `inUse` gives the ports of living children. */
  constructor(options: { clock: Clock; random: Random; handedOut: HandedOut; inUse: () => ReadonlySet<number> }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#inUse = options.inUse;
    this.#handedOut = new Map(Object.entries(options.handedOut).map(([port, at]) => [Number(port), at]));
  }

  /** A port that could be bound on `host` a moment ago. Rejects with `instance.start-failed` when there is none. */
  async allocate(host: string): Promise<number> {
    let reason = 'all are in use';
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const port = PORT_MIN + Math.floor(this.#random.next() * PORT_COUNT);
      if (this.#rests(port) || this.#inUse().has(port)) continue;
      this.#handedOut.set(port, this.#clock.now());
      const refusal = await bindRefusal(host, port);
      if (refusal === undefined) return port;
      reason = refusal;
      if (!reason.includes('EADDRINUSE')) break;
    }
    throw new KinError('instance.start-failed', `no free port on ${host}: ${reason}`, { details: { host } });
  }

  /** Remembers a port that somebody else chose. */
  note(port: number): void {
    this.#handedOut.set(port, this.#clock.now());
  }

  /** What the next keeper needs to know; older entries are dropped. */
  handedOut(): HandedOut {
    for (const port of this.#handedOut.keys()) if (!this.#rests(port)) this.#handedOut.delete(port);
    return Object.fromEntries(this.#handedOut);
  }

  #rests(port: number): boolean {
    const at = this.#handedOut.get(port);
    return at !== undefined && this.#clock.now() - at < REST_MS;
  }
}

async function bindRefusal(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
  } catch (error) {
    return describeError(error);
  }
  server.close();
  await once(server, 'close');
  return undefined;
}
