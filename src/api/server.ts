import { createServer, type Server } from 'node:http';
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance } from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { describeError, KinError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { toProblem } from '../base/problem.ts';
import type { Redacted } from '../base/redacted.ts';
import { listenOnSocket } from '../base/socket-http.ts';
import { DOOR, type DoorOptions, guardDoor, wordsFor } from './access/door.ts';
import { ownOnly } from './access/own-only.ts';
import { RefusalLog } from './access/refusal-log.ts';
import { tokenRoutes } from './access/token-routes.ts';
import { TokenStore } from './access/token-store.ts';
import { breachRoutes } from './breach-routes.ts';
import type { Control } from './control.ts';
import { drillRoutes } from './drill-routes.ts';
import { dutyRoutes } from './duty-routes.ts';
import { evidenceRoutes } from './evidence-routes.ts';
import { postureRoutes } from './posture-routes.ts';
import { processRoutes } from './process-routes.ts';
import { recordRoutes } from './record-routes.ts';
import { registerRoutes } from './register-routes.ts';
import { repairRoutes } from './repair-routes.ts';
import { resourceRoutes } from './resource-routes.ts';
import { statusRoutes } from './status-routes.ts';
import { stopRoutes } from './stop-routes.ts';

/** Refusals go on record in this rhythm. */
const REFUSALS_MS = 1_000;

export interface ApiServer {
  /** Where it listens on loopback. */
  readonly url: string;
  close(): Promise<void>;
}

export interface ApiOptions {
  /** That of the state directory. */
  readonly token: Redacted<string>;
  readonly addresses: Record<string, string>;
}

/**
 * The HTTP API: on a Unix socket for the owner of the state directory, and on loopback for whoever has a token.
 * Both doors lead to the same routes, and `ACCESS` says who may use which. OpenAPI 3.1 at `/openapi.json`.
 */
export async function startApi(
  control: Control,
  options: ApiOptions & { readonly port: number; readonly socketPath: string },
): Promise<ApiServer> {
  const sockets = createServer();
  const { app, refusals } = await createApi(control, options);
  await app.ready();
  sockets.on('request', (request, response) => {
    // The socket is in a folder that only its owner can enter; that is the authentication.
    request.headers[DOOR] = 'socket';
    app.routing(request, response);
  });
  await listenOnSocket(sockets, options.socketPath);
  const url = await listenOnLoopback(app, options.port);
  const stop = control.options.clock.every(REFUSALS_MS, () => refusals.flush());
  return {
    url,
    async close() {
      sockets.close();
      sockets.closeAllConnections();
      await app.close();
      stop();
      await refusals.flush();
    },
  };
}

async function listenOnLoopback(app: FastifyInstance, port: number): Promise<string> {
  try {
    return await app.listen({ host: '127.0.0.1', port });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new KinError('port.in-use', `cannot serve the API on port ${port}`, { cause, details: { port } });
  }
}

/** The routes behind their door, listening nowhere yet. */
async function createApi(
  control: Control,
  { token, addresses }: ApiOptions,
): Promise<{ readonly app: FastifyInstance; readonly refusals: RefusalLog }> {
  const { lease, record, options, world } = control;
  const { database, random, log } = options;
  const serverFactory = (handler: Parameters<typeof createServer>[1]): Server =>
    createServer((request, response) => {
      // Only the other door may say so.
      delete request.headers[DOOR];
      handler?.(request, response);
    });
  const app = fastify({ bodyLimit: LIMITS.apiBodyBytes, serverFactory, forceCloseConnections: true });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  const tokens = new TokenStore({ database, lease, record, random });
  const refusals = new RefusalLog({ database, record, log });
  const tenants = () => world.declared.tenants.map(({ metadata }) => metadata.name);
  const door: DoorOptions = { tokens, ownToken: token, refusals, tenants };
  guardDoor(app, door);
  app.setErrorHandler((error, request, reply) => {
    const { status, body } = toProblem(asFault(error));
    if (status >= 500) log.warn({ reason: describeError(error) }, 'a request failed');
    const words = wordsFor(request, door);
    const told = words ? ownOnly(body, words) : body;
    return reply.status(status).type('application/problem+json').send(JSON.stringify(told));
  });
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Kintsugi', version: '0.1.0' } },
    transform: jsonSchemaTransform,
  });
  app.after(() => {
    statusRoutes(app, control, addresses);
    repairRoutes(app, control);
    postureRoutes(app, control);
    breachRoutes(app, control);
    dutyRoutes(app, control);
    drillRoutes(app, control);
    recordRoutes(app, control);
    registerRoutes(app, control);
    evidenceRoutes(app, control);
    resourceRoutes(app, control);
    stopRoutes(app, control);
    tokenRoutes(app, control, tokens);
    processRoutes(app, control);
  });
  return { app, refusals };
}

function asFault(error: unknown): unknown {
  if (error instanceof KinError || !(error instanceof Error)) return error;
  const { statusCode } = error as { statusCode?: number };
  return statusCode !== undefined && statusCode < 500
    ? new KinError('request.invalid', error.message, { cause: error })
    : error;
}
