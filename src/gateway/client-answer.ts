import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorCode } from '../base/error-catalogue.ts';
import { KinError } from '../base/errors.ts';
import { toProblem } from '../base/problem.ts';

/**
 * The answer to one client. Knows whether its head was sent, ends the connection where it must not be used again, and
 * tells when the client is gone.
 */
export class ClientAnswer {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #isDraining: () => boolean;
  #onGone: () => void = () => undefined;
  #onDrain: () => void = () => undefined;

  constructor(request: IncomingMessage, response: ServerResponse, isDraining: () => boolean) {
    this.#request = request;
    this.#response = response;
    this.#isDraining = isDraining;
    response.on('close', () => {
      if (!response.writableFinished) this.#onGone();
    });
    // What is written to a client that left is nobody's fault.
    response.on('error', () => undefined);
    response.on('drain', () => this.#onDrain());
  }

  /** Called when the client leaves before its answer is whole. Only the last one set is called. */
  set onGone(run: () => void) {
    this.#onGone = run;
  }

  /** Called when the client has taken what was written. Only the last one set is called. */
  set onDrain(run: () => void) {
    this.#onDrain = run;
  }

  get isGone(): boolean {
    return this.#response.destroyed || (this.#response.closed && !this.#response.writableFinished);
  }

  get headSent(): boolean {
    return this.#response.headersSent;
  }

  /** Breaks the connection when the headers are not such as can be sent: an instance may answer anything. */
  head(status: number, headers: Record<string, string | string[]>): void {
    // What is left of a body that nobody reads would be taken for the next request.
    if (this.#isDraining() || !this.#request.complete) headers['connection'] = 'close';
    try {
      this.#response.writeHead(status, headers);
    } catch {
      this.cut();
    }
  }

  /** False when the client is slower than the instance: wait for `onDrain`. */
  write(chunk: Buffer): boolean {
    return this.#response.write(chunk);
  }

  end(last?: Buffer | string): void {
    this.#response.end(last);
  }

  /** Breaks the connection: the one way left to say that an answer is not whole. */
  cut(): void {
    this.#response.destroy();
  }

  /** Answers with RFC 9457 problem details of the catalogue; they say nothing of the inside. */
  problem(code: ErrorCode, requestId: string, retryAfterS?: number): void {
    if (this.isGone) return;
    const fault = new KinError(code, '');
    const { status, body } = toProblem(fault);
    delete body['detail'];
    const text = JSON.stringify({ ...body, requestId });
    this.head(status, {
      'content-type': 'application/problem+json',
      'content-length': String(Buffer.byteLength(text)),
      'x-request-id': requestId,
      ...(retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) }),
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    });
    this.end(this.#request.method === 'HEAD' ? undefined : text);
  }
}
