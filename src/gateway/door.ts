import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';

/** Certificate chain and key in PEM; read again when they change. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

const SERVER_OPTIONS: ServerOptions = {
  insecureHTTPParser: false,
  requireHostHeader: true,
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1_000,
  noDelay: true,
};
const CONNECTIONS_MAX = 10_000;
const DRAIN_STEP_MS = 20;
const TLS_CHECK_MS = 2_000;

/** A listening server that can be drained. */
export interface Door {
  readonly port: number;
  /** Takes no more connections and ends when the last request did, or after `ms` by cutting what is left. */
  drain(ms: number): Promise<void>;
}

export interface DoorOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsFiles | undefined;
  readonly serve: RequestListener;
  /** For clients that wait for a `100 Continue` before they send their body. */
  readonly serveExpecting: RequestListener;
  readonly clock: Clock;
}

/** Listens next to other gateways on the same port. Rejects with `port.in-use` when somebody else has it. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const { host, port, tls, clock } = options;
  const server = tls ? createHttpsServer({ ...SERVER_OPTIONS, ...readTls(tls) }) : createHttpServer(SERVER_OPTIONS);
  // Headers beyond a maximum are dropped by Node without a word; they are counted and refused at the door instead.
  server.maxHeadersCount = 0;
  server.maxConnections = CONNECTIONS_MAX;
  server.on('request', options.serve);
  server.on('checkContinue', options.serveExpecting);
  await listen(server, host, port);
  const stopTlsWatch = tls ? watchTls(server as HttpsServer, tls, clock) : () => undefined;
  return {
    port: (server.address() as AddressInfo).port,
    drain: async (ms) => {
      stopTlsWatch();
      await drain(server, ms, clock);
    },
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port, reusePort: true });
  try {
    await once(server, 'listening');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new KinError('port.in-use', `cannot listen on ${host}:${port}`, { cause, details: { host, port } });
  }
}

async function drain(server: Server, ms: number, clock: Clock): Promise<void> {
  const enough = new AbortController();
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Connections fall idle one by one as their last answers end.
  const stop = clock.every(DRAIN_STEP_MS, () => server.closeIdleConnections());
  await Promise.race([closed, clock.sleep(ms, enough.signal).catch(() => undefined)]);
  enough.abort();
  stop();
  server.closeAllConnections();
}

function readTls({ certFile, keyFile }: TlsFiles) {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile), minVersion: 'TLSv1.2' as const };
}

/** A rotated certificate is used for new connections. A pair that does not fit (yet) leaves the old one in place. */
function watchTls(server: HttpsServer, tls: TlsFiles, clock: Clock): () => void {
  const markOf = () =>
    [tls.certFile, tls.keyFile].map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs).join();
  let seen = markOf();
  return clock.every(TLS_CHECK_MS, () => {
    const mark = markOf();
    if (mark === seen) return;
    try {
      server.setSecureContext(readTls(tls));
      seen = mark;
    } catch {
      // Half of a pair was replaced: the next look sees both.
    }
  });
}
