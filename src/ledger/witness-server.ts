import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { startPublicServer } from './public-server.ts';
import { formatVkey, type NoteKey } from './tlog/note-key.ts';
import { Witness } from './tlog/witness.ts';
import { openWitnessDirectory } from './witness-directory.ts';

/** A note with many post-quantum signatures and a proof of 63 hashes. */
const BODY_BYTES_MAX = 256 * 1024;

export interface WitnessServerOptions {
  readonly dir: string;
  /** Needed once, when the folder is new. */
  readonly name: string | undefined;
  readonly logs: readonly NoteKey[];
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RunningWitness {
  readonly url: string;
  readonly vkeys: readonly string[];
  close(): Promise<void>;
}

/**
 * A witness as a service (C2SP tlog-witness): `POST /add-checkpoint`, and `GET /<sha256 of the origin>/checkpoint` for
 * those who compare what was shown to whom. Throws what opening its folder throws, or `port.in-use`.
 */
export async function startWitness(options: WitnessServerOptions): Promise<RunningWitness> {
  const { dir, name, logs, clock, log } = options;
  const { signers, memory, release } = openWitnessDirectory(dir, name);
  const nowS = () => Math.floor(clock.now() / 1000);
  const witness = new Witness({ signers, logs, memory, nowS });
  const handle = (request: IncomingMessage, response: ServerResponse) => answer(witness, log, request, response);
  try {
    const server = await startPublicServer({ ...options, handle });
    return {
      url: server.url,
      vkeys: signers.map(({ key }) => formatVkey(key)),
      async close() {
        await server.close();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

async function answer(witness: Witness, log: Log, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://witness');
  if (request.method === 'POST' && pathname === '/add-checkpoint') {
    const { status, contentType, body } = witness.addCheckpoint(await readText(request));
    if (status !== 200) log.warn({ status, reason: body.trim() }, 'not cosigned');
    response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }).end(body);
    return;
  }
  const [, originHash] = /^\/([0-9a-f]{64})\/checkpoint$/.exec(pathname) ?? [];
  const note = request.method === 'GET' && originHash ? witness.latest(originHash) : undefined;
  if (note === undefined) throw new KinError('resource.unknown', `no ${request.method} ${pathname} here`);
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'public, max-age=1' };
  response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(note) }).end(note);
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new KinError('request.invalid', `a body has at most ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
