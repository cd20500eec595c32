import type { FastifyInstance } from 'fastify';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from './problem.ts';

const MIB = 1024 * 1024;
const LEAK_TICK_MS = 100;
/** Here the kernel would have killed it; dying by itself keeps the rest of the machine out of the drill. */
const LEAK_FATAL_MIB = 1_024;

interface DrillOrder {
  readonly fault: 'slow' | 'errors' | 'leak' | 'hang' | 'crash' | 'off';
  readonly parameter: number;
}

const orderSchema = {
  type: 'object',
  required: ['fault'],
  properties: {
    fault: { enum: ['slow', 'errors', 'leak', 'hang', 'crash', 'off'] },
    parameter: { type: 'number', minimum: 0, maximum: 60_000, default: 0 },
  },
} as const;

/** The faults that a drill has switched on in this process. A test hook: it exists only when `DRILLS=on`. */
class Drills {
  #delayMs = 0;
  #errorShare = 0;
  #errorDebt = 0;
  #leak: Buffer[] = [];
  #leakTimer: NodeJS.Timeout | undefined;

  obey(order: DrillOrder): void {
    if (order.fault === 'slow') this.#delayMs = order.parameter;
    if (order.fault === 'errors') this.#errorShare = Math.min(order.parameter, 1);
    if (order.fault === 'leak') this.#startLeak(order.parameter);
    if (order.fault === 'off') this.#stop();
  }

  /** Runs before every request that is not a health check. The share of errors is spread evenly, not drawn. */
  async disturb(): Promise<void> {
    if (this.#delayMs > 0) await sleep(this.#delayMs);
    this.#errorDebt += this.#errorShare;
    if (this.#errorDebt < 1) return;
    this.#errorDebt -= 1;
    throw new Problem(500, 'The service failed', 'A drill asked for this error.');
  }

  #startLeak(mibPerSecond: number): void {
    clearInterval(this.#leakTimer);
    let leakedMib = 0;
    this.#leakTimer = setInterval(() => {
      const mib = (mibPerSecond * LEAK_TICK_MS) / 1_000;
      this.#leak.push(Buffer.alloc(Math.round(mib * MIB), 1)); // Filled: pages nobody has touched are not resident.
      leakedMib += mib;
      if (leakedMib > LEAK_FATAL_MIB) process.exit(137);
    }, LEAK_TICK_MS).unref();
  }

  #stop(): void {
    this.#delayMs = 0;
    this.#errorShare = 0;
    this.#errorDebt = 0;
    this.#leak = [];
    clearInterval(this.#leakTimer);
  }
}

function blockEventLoop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * Adds `POST /_drill {fault, parameter}` and the faults themselves. Only who can reach the instance's own port can call
 * it: the gateway routes public prefixes alone.
 */
export function registerDrills(app: FastifyInstance): void {
  const drills = new Drills();
  app.addHook('preHandler', async (request) => {
    if (!/^\/(health|_drill)\b/.test(request.url)) await drills.disturb();
  });
  app.post<{ Body: DrillOrder }>('/_drill', { schema: { body: orderSchema } }, async (request, reply) => {
    const order = request.body;
    request.log.warn({ drill: order }, 'drill');
    drills.obey(order);
    reply.raw.once('finish', () => {
      if (order.fault === 'crash') process.exit(1);
      if (order.fault === 'hang') setImmediate(() => blockEventLoop(order.parameter));
    });
    return order;
  });
}
