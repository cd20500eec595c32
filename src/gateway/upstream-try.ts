import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Clock } from '../base/clock.ts';
import type { ClientAnswer } from './client-answer.ts';
import { headersForClient } from './forwarded-headers.ts';
import type { Instance, WaitingTry } from './instance.ts';
import { BodyTooLarge } from './request-body.ts';
import type { RepeatCause } from './retry-budget.ts';

/** Answers up to this size are held back until they are whole, so that a break in the middle can still be repeated. */
const HELD_BYTES = 64 * 1024;

/** An answer that is whole and of which the client has seen nothing yet. */
export interface HeldAnswer {
  readonly headers: Record<string, string | string[]>;
  readonly body: Buffer;
}

export type TryOutcome =
  /** The answer is whole; what is not held has been written to the client, all but its end. */
  | { readonly kind: 'answered'; readonly status: number; readonly held: HeldAnswer | undefined }
  /** No byte reached the instance. */
  | { readonly kind: 'unsent' }
  /** The connection broke before the client saw anything. */
  | { readonly kind: 'broken' }
  /** Given up because another try is allowed. */
  | { readonly kind: 'repeat'; readonly cause: RepeatCause; readonly status: number | undefined }
  /** The whole time of the request is over. */
  | { readonly kind: 'late' }
  /** The answer broke after its head was sent. */
  | { readonly kind: 'cut'; readonly status: number }
  | { readonly kind: 'too-large' }
  /** Well-formed for the parser at the door, but not for the one who sends it on. */
  | { readonly kind: 'malformed' }
  | { readonly kind: 'gone' };

export interface TryInput {
  readonly instance: Instance;
  readonly method: string;
  readonly path: string;
  readonly headers: string[];
  readonly body: Buffer | Readable | null;
  readonly requestId: string;
  readonly client: ClientAnswer;
  /** For this try; undefined for one that is not safe to repeat. */
  readonly tryTimeoutMs: number | undefined;
  /** Monotonic; the end of the whole request. */
  readonly deadlineMs: number;
  /** Longest time without any byte once the head was sent. */
  readonly stallTimeoutMs: number;
  /** Asked when a try could be given up for another; a yes is a promise that there will be one. */
  readonly mayRepeat: (cause: RepeatCause) => boolean;
  readonly clock: Clock;
}

/** What a try tells besides its outcome. */
export interface TryFacts {
  /** Until the head arrived; undefined if it never did. */
  headMs: number | undefined;
  status: number | undefined;
  /** What the instance said in `x-kintsugi-subject`, and the bytes of its answer. */
  subjects: string | string[] | undefined;
  bytes: number;
  /** The instance had its time and did not answer in it, whatever came afterwards. */
  timedOut: boolean;
  readonly startedMs: number;
}

/** A try that began shortly before the end of the whole time says nothing about the instance. */
const FAIR_MS = 100;
const NOT_SENDABLE = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH']);
const RETRYABLE_STATUS = new Set([502, 503, 504]);

/** Sends a request to one instance and its answer to the client. Never rejects. */
export function tryInstance(input: TryInput): Promise<{ outcome: TryOutcome; facts: TryFacts }> {
  return new Promise((resolve) => {
    const attempt = new UpstreamTry(input, (outcome, facts) => resolve({ outcome, facts }));
    attempt.start();
  });
}

class UpstreamTry implements Dispatcher.DispatchHandler {
  readonly #input: TryInput;
  readonly #settle: (outcome: TryOutcome, facts: TryFacts) => void;
  readonly #facts: TryFacts;
  readonly #waiting: WaitingTry;
  #settled = false;
  #controller: Dispatcher.DispatchController | undefined;
  #cancelTimer: () => void = () => undefined;
  #headers: Record<string, string | string[]> = {};
  #held: Buffer[] | undefined;
  #movedMs = 0;
  #unusedBytes = 0;

  constructor(input: TryInput, settle: (outcome: TryOutcome, facts: TryFacts) => void) {
    this.#input = input;
    this.#settle = settle;
    const startedMs = input.clock.monotonicMs();
    const nothing = { headMs: undefined, status: undefined, subjects: undefined, bytes: 0 };
    this.#facts = { ...nothing, timedOut: false, startedMs };
    this.#waiting = { startedMs };
  }

  start(): void {
    const { instance, client, tryTimeoutMs, deadlineMs, method, path, headers, body } = this.#input;
    instance.inflight += 1;
    instance.waiting.add(this.#waiting);
    client.onGone = () => this.#giveUp({ kind: 'gone' });
    this.#armUntil(Math.min(deadlineMs, this.#facts.startedMs + (tryTimeoutMs ?? Number.POSITIVE_INFINITY)));
    try {
      instance.pool.dispatch({ method, path, headers, body }, this);
    } catch {
      // A pool of an instance that left the snapshot a moment ago is closed: nothing was sent.
      this.#finish({ kind: 'unsent' });
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) controller.abort(new Error('given up'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#settled || status < 200) return;
    const { instance, clock, requestId, method } = this.#input;
    instance.lastAnswerMs = clock.monotonicMs();
    instance.waiting.delete(this.#waiting);
    this.#facts.headMs = instance.lastAnswerMs - this.#facts.startedMs;
    this.#facts.status = status;
    this.#facts.subjects = headers['x-kintsugi-subject'];
    if (RETRYABLE_STATUS.has(status) && this.#input.mayRepeat('status')) {
      return this.#finish({ kind: 'repeat', cause: 'status', status });
    }
    this.#headers = headersForClient(headers, requestId);
    const length = headers['content-length'];
    const empty = method === 'HEAD' || status === 204 || status === 304;
    if (empty || (length !== undefined && Number(length) <= HELD_BYTES)) this.#held = [];
    else this.#openStream(controller, status);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return this.#ignore(controller, chunk);
    this.#movedMs = this.#input.clock.monotonicMs();
    this.#facts.bytes += chunk.length;
    if (this.#held) this.#held.push(chunk);
    else if (!this.#input.client.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    const { status } = this.#facts;
    if (this.#settled || status === undefined) return;
    const held = this.#held && { headers: this.#headers, body: Buffer.concat(this.#held) };
    this.#finish({ kind: 'answered', status, held });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settled) return;
    if (NOT_SENDABLE.has((error as NodeJS.ErrnoException).code ?? '')) return this.#finish({ kind: 'malformed' });
    if (error instanceof BodyTooLarge) return this.#finish({ kind: 'too-large' });
    if (this.#input.client.isGone) return this.#finish({ kind: 'gone' });
    if (this.#input.client.headSent) return this.#finish({ kind: 'cut', status: this.#facts.status ?? 0 });
    this.#finish({ kind: this.#controller ? 'broken' : 'unsent' });
  }

  #openStream(controller: Dispatcher.DispatchController, status: number): void {
    const { client, clock } = this.#input;
    this.#cancelTimer();
    this.#movedMs = clock.monotonicMs();
    this.#watchForStall();
    client.onDrain = () => {
      this.#movedMs = clock.monotonicMs();
      controller.resume();
    };
    client.head(status, this.#headers);
  }

  /** The rest of an answer that was given up: a short one is read so that its connection lives, a long one is not. */
  #ignore(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#unusedBytes += chunk.length;
    if (this.#unusedBytes > HELD_BYTES) controller.abort(new Error('given up'));
  }

  #armUntil(untilMs: number): void {
    const { clock } = this.#input;
    this.#cancelTimer = clock.after(Math.max(0, untilMs - clock.monotonicMs()), () => this.#timeIsUp(untilMs));
  }

  #timeIsUp(untilMs: number): void {
    if (untilMs >= this.#input.deadlineMs) return this.#giveUp({ kind: 'late' });
    this.#facts.timedOut = true;
    if (this.#input.mayRepeat('timeout')) this.#giveUp({ kind: 'repeat', cause: 'timeout', status: undefined });
    else this.#armUntil(this.#input.deadlineMs);
  }

  /** Once bytes flow, time is measured from the last one: a long download is not a fault, a dead one is. */
  #watchForStall(): void {
    const { clock, stallTimeoutMs } = this.#input;
    this.#cancelTimer = clock.after(stallTimeoutMs, () => {
      if (clock.monotonicMs() - this.#movedMs < stallTimeoutMs) return this.#watchForStall();
      if (this.#controller?.paused) this.#giveUp({ kind: 'gone' });
      else this.#giveUp({ kind: 'cut', status: this.#facts.status ?? 0 });
    });
  }

  #giveUp(outcome: TryOutcome): void {
    if (this.#settled) return;
    this.#finish(outcome);
    this.#controller?.abort(new Error('given up'));
  }

  #finish(outcome: TryOutcome): void {
    const { instance, client, clock } = this.#input;
    this.#settled = true;
    this.#cancelTimer();
    client.onGone = () => undefined;
    client.onDrain = () => undefined;
    instance.inflight -= 1;
    instance.waiting.delete(this.#waiting);
    if (outcome.kind === 'late') this.#facts.timedOut ||= clock.monotonicMs() - this.#facts.startedMs >= FAIR_MS;
    this.#settle(outcome, this.#facts);
  }
}
