import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { z } from 'zod';
import { digestOf } from '../base/digest.ts';
import { describeError, KinError } from '../base/errors.ts';
import { toProblem } from '../base/problem.ts';
import { newId } from '../base/ids.ts';
import { LIMITS } from '../base/limits.ts';
import type { Redacted } from '../base/redacted.ts';
import { listenOnSocket } from '../base/socket-http.ts';
import type { TelemetryReport } from '../gateway/telemetry.ts';
import type { SettingView } from '../diagnose/fleet-view.ts';
import { readIncident, readIncidents } from '../heal/incident-store.ts';
import type { Leader } from '../heal/repair-desk.ts';
import { pardon } from '../heal/trust-store.ts';
import { addStop, liftStops } from '../heal/stop-store.ts';
import type { Actor } from '../ledger/entry.ts';
import { builtinProfiles } from '../resources/builtin-profiles.ts';
import { checkContract } from '../resources/contract.ts';
import { formatPath } from '../resources/field-path.ts';
import { type Profile, rulesOf } from '../resources/profile.ts';
import { type Resource, resourceKey, SCHEMAS } from '../resources/resource.ts';
import { bondsOf } from '../resources/tenant.ts';
import { applyResources, readResources } from '../store/resource-store.ts';
import { fencedTransaction } from '../store/lease.ts';
import { breachRoutes } from './breach-routes.ts';
import { drillRoutes } from './drill-routes.ts';
import { recordRoutes } from './record-routes.ts';
import { registerRoutes } from './register-routes.ts';
import type { Control } from './control.ts';
import { explanationOf, seriesLike } from './explanation.ts';
import { gateAnswers, questionsSchema } from './gate-answers.ts';
import { policyOf } from './policy.ts';
import { controlView, postureView, tenantPostureView } from './posture-views.ts';
import { standingView } from './standing-view.ts';
import { registerViolationTimes, timesOf } from './violation-metrics.ts';
import { readLastViolations } from './violation-times.ts';
import { MADE } from '../evidence/bundle-verifier.ts';
import { incidentSummary, incidentView, planView, repairsView, statusView, trustView } from './views.ts';

const documentsSchema = z
  .array(z.object({ resource: z.unknown(), baseFolder: z.string() }))
  .max(LIMITS.manifestDocuments);
const bySchema = z.string().min(1).max(200).describe('Who does it; kept in the ledger');
const reasonSchema = z.string().min(1).max(500).describe('Why; kept in the ledger');
const limitQuery = z.object({ limit: z.coerce.number().int().min(1).max(1000).default(50) });
const explainQuery = z.object({
  incident: z.string().max(100).optional().describe('Why it was opened, and the series of everything that it is about'),
  series: z
    .string()
    .max(300)
    .optional()
    .describe('Words of a series; left out: what is out of the usual at this moment'),
});
const scopeSchema = z.string().regex(/^(global|(workload|tenant|move) [-a-z0-9]+)$/);

export interface ApiServer {
  /** Where it listens on loopback. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The HTTP API: on a Unix socket for the owner of the state directory, and on loopback for whoever has the token.
 * OpenAPI 3.1 at `/openapi.json`. Both doors lead to the same routes.
 */
export async function startApi(
  control: Control,
  options: {
    readonly port: number;
    readonly socketPath: string;
    readonly token: Redacted<string>;
    readonly addresses: Record<string, string>;
  },
): Promise<ApiServer> {
  const sockets = createServer();
  const app = await createApp(control, options.addresses, options.token);
  await app.ready();
  sockets.on('request', (request, response) => {
    // The socket is in a folder that only its owner can enter; that is the authentication.
    request.headers['x-kintsugi-door'] = 'socket';
    app.routing(request, response);
  });
  await listenOnSocket(sockets, options.socketPath);
  const url = await listenOnLoopback(app, options.port);
  return {
    url,
    async close() {
      sockets.close();
      sockets.closeAllConnections();
      await app.close();
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

async function createApp(
  control: Control,
  addresses: Record<string, string>,
  token: Redacted<string>,
): Promise<FastifyInstance> {
  const serverFactory = (handler: Parameters<typeof createServer>[1]): Server =>
    createServer((request, response) => {
      // Only the other door may say so.
      delete request.headers['x-kintsugi-door'];
      handler?.(request, response);
    });
  const app = fastify({
    bodyLimit: LIMITS.apiBodyBytes,
    serverFactory,
    forceCloseConnections: true,
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.addHook('onRequest', async (request) => authenticate(request, token));
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = toProblem(asFault(error));
    if (status >= 500) control.options.log.warn({ reason: describeError(error) }, 'a request failed');
    return reply.status(status).type('application/problem+json').send(JSON.stringify(body));
  });
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Kintsugi', version: '0.1.0' } },
    transform: jsonSchemaTransform,
  });
  app.after(() => {
    reads(app, control, addresses);
    writes(app, control);
    evidence(app, control);
    breachRoutes(app, control);
    drillRoutes(app, control);
    recordRoutes(app, control);
    registerRoutes(app, control);
    words(app, control);
    health(app, control);
  });
  return app;
}

const OPEN_PATHS = new Set(['/livez', '/readyz']);

function authenticate(request: FastifyRequest, token: Redacted<string>): void {
  if (request.headers['x-kintsugi-door'] === 'socket' || OPEN_PATHS.has(request.url)) return;
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  // Equal lengths by hashing: the comparison must not tell how long the token is.
  const equal = timingSafeEqual(Buffer.from(digestOf(given)), Buffer.from(digestOf(token.reveal())));
  if (!equal) throw new KinError('request.unauthorized', 'no valid token');
}

function asFault(error: unknown): unknown {
  if (error instanceof KinError || !(error instanceof Error)) return error;
  const { statusCode } = error as { statusCode?: number };
  return statusCode !== undefined && statusCode < 500
    ? new KinError('request.invalid', error.message, { cause: error })
    : error;
}

function reads(plain: FastifyInstance, control: Control, addresses: Record<string, string>): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const { database } = control.options;
  app.get('/v1/status', () => statusView(control, addresses));
  app.get('/v1/incidents', { schema: { querystring: limitQuery } }, async ({ query }) => ({
    incidents: (await readIncidents(database, query.limit)).map(incidentSummary),
  }));
  app.get('/v1/incidents/:id', { schema: { params: z.object({ id: z.string() }) } }, async ({ params }) => {
    const incident = await readIncident(database, params.id);
    if (!incident) throw new KinError('resource.unknown', `no incident ${params.id}`);
    return incidentView(database, incident);
  });
  app.get('/v1/explain', { schema: { querystring: explainQuery } }, async ({ query }) => {
    const accounts = control.accounts();
    if (query.incident === undefined)
      return { series: seriesLike(accounts, query.series, control.options.clock.now()) };
    const incident = await readIncident(database, query.incident);
    if (!incident) throw new KinError('resource.unknown', `no incident ${query.incident}`);
    return explanationOf(incident, accounts, control.ranking());
  });
  app.get('/v1/repairs', { schema: { querystring: limitQuery } }, async ({ query }) => ({
    repairs: await repairsView(database, query.limit),
  }));
  app.get('/v1/trust', async () => ({ trust: await trustView(control) }));
  app.get('/v1/parts', async () => {
    const { settings, assets, actors } = control.world.parts;
    return { settings: settings.map(withoutValues), assets, actors };
  });
  app.get('/v1/plans/:id', { schema: { params: z.object({ id: z.string() }) } }, async ({ params }) => {
    const plan = await planView(database, params.id, control.options.moves);
    if (!plan) throw new KinError('resource.unknown', `there is no plan ${params.id}`);
    return plan;
  });
  app.get('/v1/export', async () => ({ documents: (await readResources(database)).map((each) => each.resource) }));
  const nameParams = z.object({ name: z.string() });
  app.get('/v1/posture', async () => ({ ...postureView(control), times: await timesOf(control) }));
  app.get('/v1/posture/:name', { schema: { params: nameParams } }, async ({ params }) => ({
    ...tenantPostureView(control, params.name),
    times: (await timesOf(control)).filter(({ tenant }) => tenant === params.name),
  }));
  const tenantQuery = z.object({ tenant: z.string().optional() });
  app.get(
    '/v1/controls/:name',
    { schema: { params: nameParams, querystring: tenantQuery } },
    async ({ params, query }) => ({
      ...controlView(control, params.name, query.tenant),
      violations: await readLastViolations(control.options.database, params.name),
    }),
  );
  const standingQuery = z.object({
    tenant: z.string().max(100),
    framework: z.string().max(100),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
  });
  app.get('/v1/standing', { schema: { querystring: standingQuery } }, ({ query }) => standingView(control, query));
  app.post('/v1/gate', { schema: { body: z.object({ questions: questionsSchema }) } }, ({ body }) => {
    const { tenants, profiles } = control.world.declared;
    return { answers: gateAnswers(body.questions, tenants.map(bondsOf), profiles.map(rulesOf)) };
  });
  app.get('/openapi.json', () => app.swagger());
}

/** What people say about plans, repairs and playbooks. */
function words(plain: FastifyInstance, control: Control): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const { lease, record, desk, options } = control;
  const { database } = options;

  const approveSchema = z.object({ plan: z.string(), hash: z.string(), by: bySchema });
  app.post('/v1/approve', { schema: { body: approveSchema } }, async ({ body }) => {
    return desk.approve(body.plan, body.hash, body.by, leader(control));
  });

  const rejectSchema = z.object({ plan: z.string(), by: bySchema, reason: reasonSchema });
  app.post('/v1/reject', { schema: { body: rejectSchema } }, async ({ body }) => {
    await desk.reject(body.plan, body.by, body.reason, leader(control));
    return {};
  });

  const pardonSchema = z.object({ playbook: z.string().min(1), by: bySchema, reason: reasonSchema });
  app.post('/v1/pardon', { schema: { body: pardonSchema } }, async ({ body }) => {
    const known = policyOf(control).playbooks.some(({ metadata }) => metadata.name === body.playbook);
    if (!known) throw new KinError('resource.unknown', `there is no playbook ${body.playbook}`);
    await fencedTransaction(database, lease, (tx) => pardon(tx, body.playbook, body.by, body.reason, record));
    return {};
  });

  const cancelSchema = z.object({ repair: z.string(), by: bySchema, reason: reasonSchema });
  app.post('/v1/cancel', { schema: { body: cancelSchema } }, async ({ body }) => {
    await desk.cancel(body.repair, body.by, body.reason, leader(control));
    return {};
  });
}

function operator(name: string): Actor {
  return { kind: 'operator', name };
}

function writes(plain: FastifyInstance, control: Control): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const { lease, record, options } = control;
  const { database, random, clock } = options;
  const refreshed = async <T>(result: T): Promise<T> => {
    await control.refresh();
    return result;
  };

  app.post('/v1/plan', { schema: { body: z.object({ documents: documentsSchema }) } }, async ({ body }) => {
    const keys = new Set(body.documents.map((each) => resourceKey(parseResource(each.resource))));
    const stored = (await readResources(database)).filter((each) => keys.has(resourceKey(each.resource)));
    const generations = Object.fromEntries([...keys].map((key) => [key, 0]));
    for (const each of stored) generations[resourceKey(each.resource)] = each.generation;
    return { current: stored.map((each) => each.resource), generations };
  });

  const applySchema = z.object({
    documents: documentsSchema,
    expected: z.record(z.string(), z.number()).optional(),
    by: bySchema,
  });
  app.post('/v1/apply', { schema: { body: applySchema } }, async ({ body }) => {
    const submissions = body.documents.map((each) => ({
      resource: parseResource(each.resource),
      baseFolder: each.baseFolder,
    }));
    checkLaw(
      submissions.map(({ resource }) => resource),
      control.world.declared.profiles,
    );
    const applied = await fencedTransaction(database, lease, async (tx) => {
      const { by, expected } = body;
      const done = await applyResources(tx, submissions, { by, ...(expected ? { expected } : {}) });
      for (const each of done.filter(({ change }) => change !== 'unchanged')) {
        const { key, change, generation, version = null } = each;
        await record(tx, `resource.${change}`, key, { generation, version }, { actor: operator(by) });
      }
      return done;
    });
    return refreshed({ applied });
  });

  const stopSchema = z.object({
    scope: scopeSchema,
    reason: reasonSchema,
    by: bySchema,
    minutes: z.number().positive().max(525_600).optional(),
  });
  app.post('/v1/stop', { schema: { body: stopSchema } }, async ({ body }) => {
    const id = newId('stp', random);
    const expiresAt = body.minutes === undefined ? null : clock.now() + body.minutes * 60_000;
    const { scope, reason, by } = body;
    await fencedTransaction(database, lease, (tx) => addStop(tx, { id, scope, reason, by, expiresAt }, record));
    return refreshed({ id });
  });

  const resumeSchema = z.object({ scope: scopeSchema, reason: z.string().max(500).default(''), by: bySchema });
  app.post('/v1/resume', { schema: { body: resumeSchema } }, async ({ body }) => {
    const lifted = await fencedTransaction(database, lease, (tx) =>
      liftStops(tx, body.scope, body.by, body.reason, record),
    );
    return refreshed({ lifted });
  });

  app.post('/v1/telemetry', { schema: { hide: true } }, async ({ body, headers }) => {
    if (headers['x-kintsugi-door'] !== 'socket') throw new KinError('request.unauthorized', 'only for gateways');
    control.picture.observers.takeReport(body as TelemetryReport);
    return {};
  });
}

/** What is made for auditors is on record itself: who asked for it, and the digest of its manifest. */
function evidence(plain: FastifyInstance, control: Control): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const { lease, record, options } = control;
  const hexSchema = z.string().regex(/^[0-9a-f]{64}$/);
  const evidenceSchema = z.object({
    tenant: z.string().max(100),
    framework: z.string().max(100),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    manifest: hexSchema,
    key: hexSchema,
    by: bySchema,
  });
  app.post('/v1/evidence', { schema: { body: evidenceSchema } }, async ({ body: { by, tenant, ...data } }) => {
    const entry = await fencedTransaction(options.database, lease, (tx) =>
      record(tx, MADE, tenant, data, { actor: operator(by), tenant }),
    );
    return { entry };
  });
}

function parseResource(document: unknown): Resource {
  const kind = (document as { kind?: unknown } | null)?.kind;
  if (typeof kind !== 'string' || !(kind in SCHEMAS))
    throw new KinError('manifest.invalid', `unknown kind ${String(kind)}`);
  const parsed = SCHEMAS[kind as Resource['kind']].safeParse(document);
  if (parsed.success) return parsed.data;
  throw new KinError('manifest.invalid', z.prettifyError(parsed.error));
}

/** What only the server can tell: contracts and names against the profiles that are in force here. */
function checkLaw(submitted: readonly Resource[], inForce: readonly Profile[]): void {
  const own = submitted.filter((each) => each.kind === 'Profile');
  const builtin = new Set(builtinProfiles().map(({ metadata }) => metadata.name));
  const reserved = own.find(({ metadata }) => builtin.has(metadata.name));
  if (reserved)
    throw new KinError('manifest.invalid', `${resourceKey(reserved)} comes with Kintsugi; name yours otherwise`);
  const replaced = new Set(own.map(({ metadata }) => metadata.name));
  const profiles = [...inForce.filter(({ metadata }) => !replaced.has(metadata.name)), ...own];
  for (const tenant of submitted.filter((each) => each.kind === 'Tenant')) {
    const [wrong] = checkContract(tenant, profiles);
    if (wrong)
      throw new KinError('manifest.invalid', `${resourceKey(tenant)}: ${formatPath(wrong.path)} ${wrong.message}`);
  }
}

function health(app: FastifyInstance, control: Control): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  registry.registerMetric(
    new Gauge({
      name: 'kintsugi_leading',
      help: 'Whether this control process leads',
      registers: [],
      collect() {
        this.set(control.lease.current() ? 1 : 0);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'kintsugi_incidents_open',
      help: 'Open incidents',
      registers: [],
      collect() {
        this.set(control.tracker.open.length);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'kintsugi_instances_ready',
      help: 'Instances that are ready, by workload',
      labelNames: ['workload'],
      registers: [],
      collect() {
        this.reset();
        for (const { workload, ready } of control.world.instances()) this.inc({ workload }, ready ? 1 : 0);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'kintsugi_controls',
      help: 'Controls by tenant, framework and result: satisfied, not-satisfied, unknown',
      labelNames: ['tenant', 'framework', 'result'],
      registers: [],
      collect() {
        this.reset();
        for (const { tenant, framework, satisfied, notSatisfied, unknown } of postureView(control).rows) {
          this.set({ tenant, framework, result: 'satisfied' }, satisfied);
          this.set({ tenant, framework, result: 'not-satisfied' }, notSatisfied);
          this.set({ tenant, framework, result: 'unknown' }, unknown);
        }
      },
    }),
  );
  registerViolationTimes(registry, control);
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
  app.get('/livez', () => ({ alive: true }));
  app.get('/readyz', async (_request, reply) => {
    const ready = control.world.declaredAt > 0 || control.lease.current() !== undefined;
    return reply.status(ready ? 200 : 503).send({ ready });
  });
}

/** The lead that this process has. Throws `lease.lost` when it has none: who leads has to be asked. */
function leader(control: Control): Leader {
  const epoch = control.lease.current()?.epoch;
  if (epoch === undefined) throw new KinError('lease.lost', 'another replica leads; ask it');
  return { epoch, signal: control.leadership() };
}

/** Values may be secrets or say something about people; who wrote them and when does not. */
function withoutValues(setting: SettingView) {
  const { value, declared, history, ...rest } = setting;
  const changes = history.map(({ at, by, soakedAt }) => ({ at, by, soakedAt }));
  return { ...rest, isAsDeclared: declared === undefined || declared === value, history: changes };
}
