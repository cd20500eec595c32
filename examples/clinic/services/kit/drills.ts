import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { setTimeout as sleep } from 'node:timers/promises';
import { serviceClock } from './clock.ts';
import { Problem } from './problem.ts';

const MIB = 1024 * 1024;
const LEAK_TICK_MS = 100;
/** Here the kernel would have killed it; dying by itself keeps the rest of the machine out of the drill. */
const LEAK_FATAL_MIB = 1_024;

const FAULTS = [
  'slow',
  'errors',
  'leak',
  'hang',
  'crash',
  'skew',
  'card-in-log',
  'mix-tenants',
  'idle-off',
  'lockout-off',
  'off',
] as const;

/** What protects accounts and sessions, as long as no drill has taken it away in this process. */
export const safeguards = { idleLimit: true, lockout: true };

/** A number that schemes give out for tests: of the right form, and nobody's. */
const TEST_CARD = '4111 1111 1111 1111';

interface DrillOrder {
  readonly fault: (typeof FAULTS)[number];
  readonly parameter: number;
}

const orderSchema = {
  type: 'object',
  required: ['fault'],
  properties: {
    fault: { enum: FAULTS },
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
  /** Answers by their path alone, as somebody would keep them who forgot the tenant; undefined when nothing is kept. */
  #answers: Map<string, unknown> | undefined;

  obey(order: DrillOrder): void {
    if (order.fault === 'slow') this.#delayMs = order.parameter;
    if (order.fault === 'errors') this.#errorShare = Math.min(order.parameter, 1);
    if (order.fault === 'leak') this.#startLeak(order.parameter);
    if (order.fault === 'skew') serviceClock.skewMs = order.parameter;
    if (order.fault === 'mix-tenants') this.#answers = new Map();
    if (order.fault === 'idle-off') safeguards.idleLimit = false;
    if (order.fault === 'lockout-off') safeguards.lockout = false;
    if (order.fault === 'off') this.#stop();
  }

  /** What was answered to whoever asked for this before; undefined when nobody did. */
  kept(request: FastifyRequest): unknown {
    return request.method === 'GET' ? this.#answers?.get(request.url) : undefined;
  }

  keep(request: FastifyRequest, reply: FastifyReply, payload: unknown): void {
    if (request.method === 'GET' && reply.statusCode === 200) this.#answers?.set(request.url, payload);
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
    this.#answers = undefined;
    serviceClock.skewMs = 0;
    Object.assign(safeguards, { idleLimit: true, lockout: true });
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
  const isServed = ({ url }: FastifyRequest) => !/^\/(health|_drill)\b/.test(url);
  app.addHook('preHandler', async (request, reply) => {
    if (!isServed(request)) return;
    await drills.disturb();
    const kept = drills.kept(request);
    if (kept !== undefined) return reply.type('application/json').send(kept);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    if (isServed(request)) drills.keep(request, reply, payload);
  });
  app.post<{ Body: DrillOrder }>('/_drill', { schema: { body: orderSchema } }, async (request, reply) => {
    const order = request.body;
    request.log.warn({ drill: order }, 'drill');
    drills.obey(order);
    if (order.fault === 'card-in-log') request.log.error({ card: TEST_CARD }, 'a charge was refused');
    reply.raw.once('finish', () => {
      if (order.fault === 'crash') process.exit(1);
      if (order.fault === 'hang') setImmediate(() => blockEventLoop(order.parameter));
    });
    return order;
  });
}
