import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { describeError, KinError } from '../base/errors.ts';
import { toProblem } from '../base/problem.ts';
import type { Log } from '../base/log.ts';

/** Whoever needs longer to send a request is cut off. */
const REQUEST_MS = 10_000;
/** What requests may take to end when the server closes. */
const CLOSE_MS = 2000;
const CONNECTIONS_MAX = 1024;

export interface PublicServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  /** What it rejects with is answered as a problem document. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

export interface PublicServer {
  readonly url: string;
  close(): Promise<void>;
}

/** An HTTP server for people outside, on a TCP port. Throws `port.in-use`. */
export async function startPublicServer(options: PublicServerOptions): Promise<PublicServer> {
  const { host, port, clock } = options;
  const limits = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS };
  const server = createServer(limits, (request, response) => void answer(options, request, response));
  server.maxConnections = CONNECTIONS_MAX;
  server.listen({ host, port });
  try {
    await once(server, 'listening');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new KinError('port.in-use', `cannot listen on ${host}:${port}`, { cause, details: { host, port } });
  }
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      const cancel = clock.after(CLOSE_MS, () => server.closeAllConnections());
      await closed;
      cancel();
    },
  };
}

async function answer({ handle, log }: PublicServerOptions, request: IncomingMessage, response: ServerResponse) {
  try {
    await handle(request, response);
  } catch (error) {
    if (!(error instanceof KinError)) log.error({ fault: describeError(error) }, 'request failed');
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { status, body } = toProblem(error);
    const text = JSON.stringify(body);
    const headers = { 'content-type': 'application/problem+json', 'content-length': Buffer.byteLength(text) };
    response.writeHead(status, headers).end(text);
  }
}
