import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { CATALOGUE, type ErrorCode } from '../base/error-catalogue.ts';
import { describeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Redacted } from '../base/redacted.ts';
import { AccessEvents, type Refusal } from './access-events.ts';
import type { AccessRecorder } from './access-recorder.ts';
import { ClientAnswer } from './client-answer.ts';
import type { Ending, Exchange } from './exchange.ts';
import { headersForInstance, requestIdOf } from './forwarded-headers.ts';
import { marksIn, traceOf } from './caller-mark.ts';
import type { Carrier } from './carrier.ts';
import type { Fleet } from './fleet.ts';
import { RefusalSampler } from './refusal-sampler.ts';
import { faultOfShape, type Target, targetOf } from './request-shape.ts';
import { routeClassOf } from './route-class.ts';
import type { RouteEntry, RoutingTable, TenantEntry } from './routing-table.ts';
import type { TelemetryRecorder, TryKind } from './telemetry-recorder.ts';
import type { Mitigations } from './mitigations.ts';
import type { Held, TenantLimits } from './tenant-limits.ts';
import { recogniseTenant } from './tenant-recognition.ts';

const RETRY_AFTER_S = 1;
/** Nobody's failure: there was no instance, or a repair holds the request back. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set(['gateway.unavailable', 'gateway.quarantined', 'gateway.limited']);
const FLUSH_REFUSALS_MS = 500;
const CLIENT_GONE_STATUS = 499;

interface TrafficOptions {
  readonly ordinal: number;
  readonly scheme: 'http' | 'https';
  readonly serviceToken: Redacted<string>;
  /** What a probe of Kintsugi's own shows, so that nobody takes it for an attack. */
  readonly canaryToken: Redacted<string>;
  readonly table: () => RoutingTable | undefined;
  readonly carrier: Carrier;
  readonly fleet: Fleet;
  readonly limits: TenantLimits;
  readonly mitigations: Mitigations;
  readonly telemetry: TelemetryRecorder;
  readonly records: AccessRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A request at a door: what every answer to it needs. */
interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly client: ClientAnswer;
  readonly requestId: string;
  readonly startedMs: number;
  readonly target: Target;
  readonly expectsContinue: boolean;
  readonly isCanary: boolean;
}

/** Where an admitted request goes. */
interface Passage {
  readonly tenant: TenantEntry;
  readonly route: RouteEntry;
  readonly regions: readonly string[];
  readonly path: string;
  readonly keyInAuthorization: boolean;
  readonly keyName: string | undefined;
  readonly isPublic: boolean;
  readonly timeoutMs: number;
}

/** Why not. */
interface Denial {
  readonly code: ErrorCode;
  readonly tenant?: TenantEntry | undefined;
  readonly route?: RouteEntry | undefined;
  readonly retryAfterS?: number;
}

/** The life of each request between the doors and the carrier: recognised, let in, carried, counted, recorded, answered. */
export class Traffic {
  readonly #options: TrafficOptions;
  readonly #events: AccessEvents;
  readonly #refusals = new RefusalSampler<Refusal>();
  readonly #tokenDigest: Buffer;
  readonly #canaryDigest: Buffer;
  readonly #cancelFlush: () => void;
  #isDraining = false;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#events = new AccessEvents(options);
    this.#tokenDigest = hash('sha256', options.serviceToken.reveal(), 'buffer');
    this.#canaryDigest = hash('sha256', options.canaryToken.reveal(), 'buffer');
    this.#cancelFlush = options.clock.every(FLUSH_REFUSALS_MS, () => this.#flushRefusals(options.clock.monotonicMs()));
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** From now on each answer ends its connection. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Puts the last refusals on record. */
  close(): void {
    this.#cancelFlush();
    this.#flushRefusals(Number.POSITIVE_INFINITY);
  }

  /** A request of a tenant's client. */
  servePublic(request: IncomingMessage, response: ServerResponse, expectsContinue = false): void {
    const arrival = this.#arrive(request, response, expectsContinue);
    const table = this.#options.table();
    if (!table) return arrival.client.problem('gateway.unavailable', arrival.requestId, RETRY_AFTER_S);
    const way = faultOfShape(request, arrival.target) ?? this.#passPublicDoor(table, arrival);
    if (typeof way === 'string') this.#refuse(arrival, { code: way });
    else if ('code' in way) this.#refuse(arrival, way);
    else void this.#carry(arrival, way);
  }

  /** A request of one workload to another, within `region`: `/<workload>/rest` with the service token and a tenant. */
  serveInternal(region: string, request: IncomingMessage, response: ServerResponse, expectsContinue = false): void {
    const arrival = this.#arrive(request, response, expectsContinue);
    const table = this.#options.table();
    if (!table) return arrival.client.problem('gateway.unavailable', arrival.requestId, RETRY_AFTER_S);
    const way = faultOfShape(request, arrival.target) ?? this.#passInternalDoor(table, arrival, region);
    if (typeof way === 'string') arrival.client.problem(way, arrival.requestId);
    else void this.#carry(arrival, way);
  }

  #arrive(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): Arrival {
    return {
      request,
      response,
      client: new ClientAnswer(request, response, () => this.#isDraining),
      requestId: requestIdOf(request.headers, this.#options.random),
      startedMs: this.#options.clock.monotonicMs(),
      target: targetOf(request.url ?? ''),
      expectsContinue,
      isCanary: this.#isCanary(request),
    };
  }

  #isCanary({ headers }: IncomingMessage): boolean {
    const shown = headers['x-kintsugi-canary'];
    return typeof shown === 'string' && timingSafeEqual(hash('sha256', shown, 'buffer'), this.#canaryDigest);
  }

  #passPublicDoor(table: RoutingTable, arrival: Arrival): Passage | Denial {
    const { request, target, startedMs } = arrival;
    const recognition = recogniseTenant(table, request.headers, target.path);
    if (recognition.kind === 'refused') return { code: recognition.code, tenant: recognition.tenant };
    const { tenant, path, keyInAuthorization, keyName } = recognition;
    const route = table.routeAtPath(path);
    const held = this.#holdAtDoor(table, request, tenant, route, path) ?? this.#options.limits.admit(tenant, startedMs);
    if (held) return { ...held, tenant, route };
    if (!route) return { code: 'gateway.unknown', tenant };
    const full = this.#options.limits.enter(tenant, startedMs);
    if (full) return { ...full, tenant, route };
    if (tenant.audit === 'required' && !this.#options.records.reserve()) {
      this.#options.limits.leave(tenant);
      return { code: 'gateway.unrecordable', tenant, route, retryAfterS: RETRY_AFTER_S };
    }
    const { timeoutMs } = route;
    const by = { keyInAuthorization, keyName };
    return { tenant, route, regions: tenant.regions, path, ...by, isPublic: true, timeoutMs };
  }

  #holdAtDoor(
    table: RoutingTable,
    { method = 'GET', headers }: IncomingMessage,
    tenant: TenantEntry,
    route: RouteEntry | undefined,
    path: string,
  ): Held | undefined {
    const { mitigations } = table.snapshot;
    if (mitigations.length === 0) return undefined;
    const { name, emergencyKeySha256 } = tenant;
    const claimant = { tenant: name, emergencyKeySha256, workload: route?.workload, method, path, headers };
    return this.#options.mitigations.holdAtDoor(mitigations, claimant);
  }

  #passInternalDoor(table: RoutingTable, { request, target }: Arrival, region: string): Passage | ErrorCode {
    const { headers } = request;
    const digest = hash('sha256', String(headers['x-kintsugi-service-token'] ?? ''), 'buffer');
    if (!timingSafeEqual(digest, this.#tokenDigest)) return 'gateway.unauthorized';
    const tenant = table.tenantNamed(String(headers['x-kintsugi-tenant'] ?? ''));
    if (!tenant?.regions.includes(region)) return 'gateway.forbidden';
    const cut = target.path.indexOf('/', 1);
    const workload = target.path.slice(1, cut < 0 ? undefined : cut);
    const route = table.routeOf(workload);
    if (!route) return 'gateway.unknown';
    const path = cut < 0 ? '/' : target.path.slice(cut);
    const held = this.#holdAtDoor(table, request, tenant, route, path);
    if (held) return held.code;
    const callerLeftMs = Number.parseInt(String(headers['x-kintsugi-deadline-ms'] ?? ''), 10);
    const timeoutMs = callerLeftMs > 0 ? Math.min(route.timeoutMs, callerLeftMs) : route.timeoutMs;
    const by = { keyInAuthorization: false, keyName: undefined };
    return { tenant, route, regions: [region], path, ...by, isPublic: false, timeoutMs };
  }

  async #carry(arrival: Arrival, passage: Passage): Promise<void> {
    const { telemetry, carrier, log } = this.#options;
    const exchange = this.#open(arrival, passage);
    if (!exchange.isCanary) telemetry.began(passage.tenant.name, passage.route.workload);
    if (arrival.expectsContinue) arrival.response.writeContinue();
    const ending = await carrier.carry(exchange).catch((error: unknown): Ending => {
      log.error({ reason: describeError(error), requestId: exchange.requestId }, 'request.failed');
      return { kind: 'failed', code: 'gateway.broken' };
    });
    this.#count(exchange, ending);
    if (exchange.isPublic) this.#record(exchange, ending);
    else tell(exchange, ending);
  }

  #open({ request, client, requestId, startedMs, target, isCanary }: Arrival, passage: Passage): Exchange {
    const { scheme, random, fleet } = this.#options;
    const { tenant, route, regions, path, keyInAuthorization, keyName, isPublic, timeoutMs } = passage;
    const passport = { tenant: tenant.name, requestId, keyInAuthorization, internal: !isPublic, scheme };
    return {
      request,
      client,
      requestId,
      tenant,
      route,
      regions,
      isPublic,
      isCanary,
      startedMs,
      keyName,
      requestBytes: 0,
      responseBytes: 0,
      subjects: undefined,
      path: path + target.query,
      headers: headersForInstance(request, passport),
      trace: traceOf(request.headers, random),
      caller: isPublic ? undefined : fleet.marked(marksIn(request.headers)),
      deadlineMs: startedMs + timeoutMs,
      repeatable: route.safeMethods.includes(request.method ?? '') || 'idempotency-key' in request.headers,
      tried: new Set(),
      instance: undefined,
      attempts: 0,
      sent: 0,
      breaks: 0,
      key: undefined,
    };
  }

  #count(exchange: Exchange, ending: Ending): void {
    const { request, tenant, route, path, startedMs, isPublic, isCanary, caller } = exchange;
    const { telemetry, limits, clock } = this.#options;
    if (isPublic) limits.leave(tenant);
    if (isCanary) return;
    if (ending.kind === 'gone') return telemetry.abandoned(tenant.name, route.workload);
    const refused = ending.kind === 'failed' && REFUSALS.has(ending.code);
    const status = ending.kind === 'cut' ? CATALOGUE['gateway.broken'].status : statusOf(ending);
    const tookMs = clock.monotonicMs() - startedMs;
    const routeClass = routeClassOf(tenant, request.method ?? 'GET', targetOf(path).path);
    telemetry.ended(tenant.name, route.workload, { status, latencyMs: tookMs, refused, routeClass });
    const asCall = caller && callKindOf(ending);
    if (asCall) telemetry.called(caller, route.workload, asCall, tookMs);
  }

  /** For a tenant that requires it, the answer ends only when a kill can no longer lose its record. */
  #record(exchange: Exchange, ending: Ending): void {
    const event = this.#events.served(exchange, statusOf(ending));
    if (exchange.tenant.audit !== 'required') {
      this.#options.records.record(event);
      return tell(exchange, ending);
    }
    this.#options.records.recordRequired(event, (ok) => {
      if (ok) tell(exchange, ending);
      else if (exchange.client.headSent) exchange.client.cut();
      else exchange.client.problem('gateway.unrecordable', exchange.requestId, RETRY_AFTER_S);
    });
  }

  #refuse(
    { request, client, requestId, startedMs, isCanary }: Arrival,
    { code, tenant, route, retryAfterS }: Denial,
  ): void {
    const { status } = CATALOGUE[code];
    const counted = !isCanary && tenant !== undefined && route !== undefined && (status === 429 || status === 503);
    if (counted) this.#options.telemetry.refused(tenant.name, route.workload, status === 429 ? 'limited' : 'refused');
    const refusal = { code, status, request, tenant: tenant?.name, route, isCanary };
    const kind = `${code}/${tenant?.name ?? ''}/${route?.pathPrefix ?? ''}`;
    // A probe is looked for by its id, so it is never only counted.
    if (isCanary || this.#refusals.take(kind, refusal, startedMs)) {
      this.#options.records.record(this.#events.refused(refusal, { requestId }));
    }
    client.problem(code, requestId, retryAfterS);
  }

  #flushRefusals(nowMs: number): void {
    for (const { sample, count } of this.#refusals.ended(nowMs)) {
      this.#options.records.record(this.#events.refused(sample, { count }));
    }
  }
}

function statusOf(ending: Ending): number {
  if (ending.kind === 'gone') return CLIENT_GONE_STATUS;
  return ending.kind === 'failed' ? CATALOGUE[ending.code].status : ending.status;
}

/** How it went for an instance that called. Undefined for what a repair holds back, and for what it should not have sent. */
function callKindOf(ending: Ending): TryKind | undefined {
  if (ending.kind === 'answered') return ending.status >= 500 ? 'serverErrors' : 'ok';
  if (ending.kind === 'cut') return 'connectErrors';
  return ending.kind === 'failed' ? FAILED_CALLS[ending.code] : undefined;
}

const FAILED_CALLS: Readonly<Partial<Record<ErrorCode, TryKind>>> = {
  'gateway.late': 'timeouts',
  'gateway.broken': 'connectErrors',
  'gateway.unavailable': 'connectErrors',
};

/** Tells the client how it ended. */
function tell({ client, requestId }: Exchange, ending: Ending): void {
  if (ending.kind === 'answered') {
    if (ending.held) client.head(ending.status, ending.held.headers);
    return client.end(ending.held?.body);
  }
  if (ending.kind === 'gone' || ending.kind === 'cut' || client.headSent) return client.cut();
  client.problem(ending.code, requestId, ending.code === 'gateway.unavailable' ? RETRY_AFTER_S : undefined);
}
