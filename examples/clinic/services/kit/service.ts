import Fastify, { type FastifyInstance, LogController } from 'fastify';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { serviceClock } from './clock.ts';
import { type ServiceConfig, readServiceConfig } from './config.ts';
import { Database } from './database.ts';
import { registerDrills } from './drills.ts';
import { Health } from './health.ts';
import { type ServiceSchema, appRoleOf, migrate } from './migration.ts';
import { type Problem, problemDocument } from './problem.ts';

const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 2_000;

/** What makes one service different from the others. */
export interface ServiceSpec {
  readonly name: string;
  readonly schema: ServiceSchema;
  /** Adds the endpoints. Each of them gets `request.tenant`, which is never empty. */
  readonly routes: (app: FastifyInstance, database: Database) => void;
}

declare module 'fastify' {
  interface FastifyRequest {
    tenant: string;
  }
}

function createApp(spec: ServiceSpec, config: ServiceConfig): FastifyInstance {
  return Fastify({
    logger: {
      level: config.logLevel,
      base: { service: spec.name },
      redact: ['req', 'res'],
      timestamp: () => `,"time":${serviceClock.now().getTime()}`,
    },
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    requestIdHeader: 'x-request-id',
    genReqId: () => randomUUID(),
    bodyLimit: 64 * 1024,
    requestTimeout: 10_000,
    // Longer than any client keeps a connection idle: the side that closes first must not be the server.
    keepAliveTimeout: 72_000,
    // What still comes on an open connection is served; the answer says `connection: close`.
    return503OnClosing: false,
    ajv: { customOptions: { removeAdditional: false } },
  });
}

function registerErrors(app: FastifyInstance): void {
  app.setErrorHandler<Problem>((error, request, reply) => {
    const problem = problemDocument(error, request.id);
    const about = { tenant: request.tenant, route: request.routeOptions.url, status: problem.status };
    if (problem.status >= 500) request.log.error({ ...about, ...reasonOf(error) }, 'request failed');
    if (problem.status === 503) void reply.header('retry-after', '1');
    return reply.code(problem.status).type('application/problem+json').send(problem);
  });
  app.setNotFoundHandler((request, reply) => {
    const about = { type: 'about:blank', status: 404, title: 'Not found', requestId: request.id };
    return reply.code(404).type('application/problem+json').send(about);
  });
}

/** Code and place, never `detail` or the parameters of a statement: those hold patients' data. */
function reasonOf(error: Error & { code?: string }): object {
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  return { reason: error.message, code: error.code, cause };
}

function registerLogging(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, tenant } = request;
    const durationMs = Math.round(reply.elapsedTime);
    const line = { tenant, method, route: request.routeOptions.url, status: reply.statusCode, durationMs };
    request.log.debug(line, 'request');
  });
}

function registerHealth(app: FastifyInstance, health: Health): void {
  app.get('/health/live', async () => ({ live: true }));
  app.get('/health/ready', async (_request, reply) => {
    const readiness = await health.readiness();
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });
  app.addHook('onSend', async (_request, reply) => {
    void reply.header('date', serviceClock.now().toUTCString());
    if (health.draining) void reply.header('connection', 'close');
  });
}

/** The tenant is what the gateway says, and nothing is done without one. */
function registerTenant(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    const tenant = request.headers['x-kintsugi-tenant'];
    if (typeof tenant === 'string' && /^[a-z0-9][a-z0-9-]{0,62}$/.test(tenant)) request.tenant = tenant;
    else {
      const about = {
        type: 'about:blank',
        status: 400,
        title: 'No tenant',
        detail: 'Requests come through the gateway.',
      };
      return reply.code(400).type('application/problem+json').send(about);
    }
  });
}

async function migrateUntilDone(app: FastifyInstance, spec: ServiceSpec, config: ServiceConfig, stopped: AbortSignal) {
  for (let waitMs = RETRY_MIN_MS; !stopped.aborted; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
    try {
      await migrate(config.database, spec.schema);
      return;
    } catch (error) {
      app.log.error(reasonOf(error as Error), 'the schema could not be brought up to date');
      await sleep(waitMs, undefined, { signal: stopped }).catch(() => {});
    }
  }
}

async function serve(spec: ServiceSpec, config: ServiceConfig): Promise<void> {
  const app = createApp(spec, config);
  const database = new Database(config.database, appRoleOf(spec.schema), app.log);
  const health = new Health(() => database.ping());
  const stopped = new AbortController();
  app.decorateRequest('tenant', '');
  registerErrors(app);
  registerLogging(app);
  registerHealth(app, health);
  if (config.drills) registerDrills(app);
  app.register(async (scope) => {
    registerTenant(scope);
    spec.routes(scope, database);
  });

  const stop = async () => {
    health.drain();
    stopped.abort();
    setTimeout(() => process.exit(1), config.drainDeadlineMs).unref();
    await app.close();
    await database.close();
    app.log.info('stopped');
    process.exit(0); // A migration may still be waiting for a database that is away.
  };
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());

  await app.listen({ host: config.host, port: config.port });
  // It listens before the database is there, so that liveness can be told from readiness from the first moment.
  await migrateUntilDone(app, spec, config, stopped.signal);
  health.serve();
}

/**
 * Runs the service until SIGTERM or SIGINT: then it takes no new connections, finishes what it has, and the process ends
 * with 0; with 1 when that takes longer than the drain deadline. A wrong configuration ends it with 78 at once.
 */
export async function runService(spec: ServiceSpec): Promise<void> {
  try {
    await serve(spec, readServiceConfig(process.env));
  } catch (error) {
    process.stderr.write(`${JSON.stringify({ level: 60, service: spec.name, msg: (error as Error).message })}\n`);
    process.exit(78);
  }
}
