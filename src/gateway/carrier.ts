import type { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { pickInstance } from './balancer.ts';
import { traceHeaders } from './caller-mark.ts';
import type { Ending, Exchange } from './exchange.ts';
import type { Fleet } from './fleet.ts';
import type { InflightJournal } from './inflight-journal.ts';
import type { Instance } from './instance.ts';
import type { Mitigations } from './mitigations.ts';
import { type RequestBody, readRequestBody } from './request-body.ts';
import { requestKey } from './request-key.ts';
import { type RepeatCause, RetryBudget } from './retry-budget.ts';
import type { Snapshot } from './snapshot.ts';
import type { TelemetryRecorder } from './telemetry-recorder.ts';
import { type TryFacts, type TryOutcome, tryInstance } from './upstream-try.ts';
import { WaitingRoom } from './waiting-room.ts';

const ATTEMPTS_MAX = 3;
/** A request under which two connections broke may be what breaks them; it does not get a third instance. */
const BREAKS_MAX = 2;
const BACK_OFF_MS = 50;

export interface CarrierOptions {
  readonly fleet: Fleet;
  readonly telemetry: TelemetryRecorder;
  readonly journal: InflightJournal;
  readonly mitigations: Mitigations;
  /** The limits that are in force. */
  readonly mitigating: () => Snapshot['mitigations'];
  /** Key of the fingerprints; the same at all gateways of a fleet. */
  readonly secret: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** Carries requests to instances and answers back; decides what is tried again, and where. */
export class Carrier {
  readonly #fleet: Fleet;
  readonly #telemetry: TelemetryRecorder;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #journal: InflightJournal;
  readonly #mitigations: Mitigations;
  readonly #mitigating: () => Snapshot['mitigations'];
  readonly #secret: string;
  readonly #budget = new RetryBudget();
  readonly #room: WaitingRoom;

  constructor(options: CarrierOptions) {
    this.#journal = options.journal;
    this.#mitigations = options.mitigations;
    this.#mitigating = options.mitigating;
    this.#secret = options.secret;
    this.#fleet = options.fleet;
    this.#telemetry = options.telemetry;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#room = new WaitingRoom(options.clock);
  }

  /** Tells requests that wait for an instance to look again. */
  fleetChanged(): void {
    this.#room.wakeAll();
  }

  /** Carries one request. Never rejects; the end of the answer is left to the caller. */
  async carry(exchange: Exchange): Promise<Ending> {
    this.#budget.request(this.#clock.monotonicMs());
    const body = await readRequestBody(exchange.request);
    if (body.kind === 'broken') return { kind: 'gone' };
    if (body.kind === 'too-large') return { kind: 'failed', code: 'gateway.too-large' };
    exchange.requestBytes = lengthOf(body);
    const key = requestKey(exchange, body, this.#secret);
    exchange.key = key;
    const held = this.#mitigations.holdFingerprint(this.#mitigating(), key.tenant, key.fingerprint);
    if (held) return { kind: 'failed', code: held.code };
    if (body.kind === 'stream' && body.length !== undefined) exchange.headers.push('content-length', body.length);
    for (;;) {
      const instance = await this.#findInstance(exchange);
      if (!instance) return this.#notFound(exchange);
      const outcome = await this.#try(exchange, instance, body);
      const ending = this.#endingOf(exchange, outcome, body);
      if (ending) return ending;
    }
  }

  /** Undefined when this outcome asks for another try. */
  #endingOf(exchange: Exchange, outcome: TryOutcome, body: RequestBody): Ending | undefined {
    switch (outcome.kind) {
      case 'answered':
      case 'cut':
      case 'gone':
        return outcome;
      case 'late':
        return { kind: 'failed', code: 'gateway.late' };
      case 'too-large':
        return { kind: 'failed', code: 'gateway.too-large' };
      case 'malformed':
        return { kind: 'failed', code: 'gateway.malformed' };
      case 'unsent':
        return isUsed(body) ? { kind: 'failed', code: 'gateway.broken' } : undefined;
      case 'broken':
        exchange.breaks += 1;
        return this.#mayRepeat(exchange, body, 'broken') ? undefined : { kind: 'failed', code: 'gateway.broken' };
      case 'repeat':
        return undefined;
    }
  }

  /** An instance that was not tried yet; else, after a pause, one that was. Holds the request while there is none. */
  async #findInstance(exchange: Exchange): Promise<Instance | undefined> {
    const first = this.#pick(exchange);
    if (first && !exchange.tried.has(first) && this.#clock.monotonicMs() < exchange.deadlineMs) return first;
    for (;;) {
      const leftMs = exchange.deadlineMs - this.#clock.monotonicMs();
      if (leftMs <= 0 || exchange.client.isGone || this.#room.isFull || !this.#isExpected(exchange)) return undefined;
      // With nothing to try only a new snapshot helps; with a failed one its next try is worth a pause.
      const known = this.#pick(exchange) !== undefined;
      await this.#room.wait(Math.min(leftMs, known ? BACK_OFF_MS : leftMs), (leave) => {
        exchange.client.onGone = leave;
      });
      const next = this.#pick(exchange);
      if (next && this.#clock.monotonicMs() < exchange.deadlineMs) return next;
    }
  }

  #notFound(exchange: Exchange): Ending {
    if (exchange.client.isGone) return { kind: 'gone' };
    if (exchange.attempts > 0) return { kind: 'failed', code: 'gateway.broken' };
    // An instance was there, but the client took all the time for its body.
    return { kind: 'failed', code: this.#pick(exchange) ? 'gateway.late' : 'gateway.unavailable' };
  }

  #pick(exchange: Exchange): Instance | undefined {
    const { tenant, route, regions, tried } = exchange;
    const wanted = { tenant: tenant.name, workload: route.workload, regions, tried };
    return pickInstance(this.#fleet, wanted, this.#random, this.#clock.monotonicMs());
  }

  #isExpected({ route, regions }: Exchange): boolean {
    return this.#fleet.isExpected(route.workload, regions, this.#clock.monotonicMs());
  }

  async #try(exchange: Exchange, instance: Instance, body: RequestBody): Promise<TryOutcome> {
    exchange.tried.add(instance);
    exchange.instance = instance;
    exchange.attempts += 1;
    exchange.sent += 1;
    const { id, version } = instance.entry;
    const lost = exchange.key && { ...exchange.key, instance: id, version };
    const slot = lost && this.#journal.begin(lost);
    const leftMs = Math.max(1, Math.round(exchange.deadlineMs - this.#clock.monotonicMs()));
    const { outcome, facts } = await tryInstance({
      instance,
      method: exchange.request.method ?? 'GET',
      path: exchange.path,
      headers: [
        ...exchange.headers,
        ...traceHeaders(exchange.trace, id, this.#random),
        'x-kintsugi-deadline-ms',
        String(leftMs),
      ],
      body: contentOf(body),
      requestId: exchange.requestId,
      client: exchange.client,
      tryTimeoutMs: exchange.repeatable ? exchange.route.tryTimeoutMs : undefined,
      deadlineMs: exchange.deadlineMs,
      stallTimeoutMs: exchange.route.timeoutMs,
      mayRepeat: (cause) => this.#mayRepeat(exchange, body, cause),
      clock: this.#clock,
    });
    this.#journal.end(slot);
    exchange.subjects = facts.subjects;
    exchange.responseBytes = facts.bytes;
    if (lost && (outcome.kind === 'broken' || outcome.kind === 'cut')) this.#telemetry.lost(lost);
    if (outcome.kind === 'unsent') exchange.sent -= 1;
    if (saysSomething(outcome, facts, body)) this.#note(exchange, instance, outcome, facts);
    return outcome;
  }

  #mayRepeat(exchange: Exchange, body: RequestBody, cause: RepeatCause): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (!exchange.repeatable || isUsed(body) || exchange.sent >= ATTEMPTS_MAX || nowMs >= exchange.deadlineMs)
      return false;
    if (cause === 'broken' && exchange.breaks >= BREAKS_MAX) return false;
    // Asking a slow instance again only makes it slower; waiting for it is better than that.
    if (cause === 'timeout' && !this.#hasUntried(exchange)) return false;
    if (!this.#budget.take(cause, nowMs)) return false;
    this.#telemetry.repeated(exchange.tenant.name, exchange.route.workload);
    return true;
  }

  #hasUntried(exchange: Exchange): boolean {
    const next = this.#pick(exchange);
    return next !== undefined && !exchange.tried.has(next);
  }

  /** Writes down what the try says about the instance. */
  #note({ tenant, key }: Exchange, instance: Instance, outcome: TryOutcome, facts: TryFacts): void {
    const nowMs = this.#clock.monotonicMs();
    if (outcome.kind === 'unsent' || outcome.kind === 'broken' || outcome.kind === 'cut') {
      this.#telemetry.tried(tenant.name, instance, 'connectErrors', 0, key?.route);
      return instance.ejection.note(tenant.name, outcome.kind === 'unsent' ? 'unreachable' : 'broken', nowMs);
    }
    if (facts.timedOut) {
      const silent = instance.lastAnswerMs < facts.startedMs && this.#fleet.othersAnswered(instance, facts.startedMs);
      this.#telemetry.tried(tenant.name, instance, 'timeouts', 0, key?.route);
      return instance.ejection.note(tenant.name, 'timeout', nowMs, silent);
    }
    const failed = (facts.status ?? 0) >= 500;
    const kind = failed ? 'serverErrors' : 'ok';
    this.#telemetry.tried(tenant.name, instance, kind, facts.headMs ?? 0, key?.route);
    instance.ejection.note(tenant.name, failed ? 'server-error' : 'answered', nowMs);
  }
}

/** What a client does says nothing about the instance: leaving, sending nonsense, sending too slowly. */
function saysSomething(outcome: TryOutcome, facts: TryFacts, body: RequestBody): boolean {
  if (outcome.kind === 'too-large' || outcome.kind === 'malformed') return false;
  if (outcome.kind === 'gone') return facts.headMs !== undefined;
  const isUploading = body.kind === 'stream' && !body.stream.readableEnded;
  return outcome.kind !== 'late' || (facts.timedOut && !isUploading);
}

/** As announced, for one that is streamed. */
function lengthOf(body: RequestBody): number {
  if (body.kind === 'kept') return body.bytes?.length ?? 0;
  return body.kind === 'stream' ? Number(body.length ?? 0) : 0;
}

function contentOf(body: RequestBody): Buffer | Readable | null {
  if (body.kind === 'kept') return body.bytes;
  return body.kind === 'stream' ? body.stream : null;
}

/** A stream from which something was taken cannot be sent again. */
function isUsed(body: RequestBody): boolean {
  return body.kind === 'stream' && (body.stream.readableDidRead || body.stream.destroyed);
}
