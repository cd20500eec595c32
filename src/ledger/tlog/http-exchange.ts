import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { gunzipSync } from 'node:zlib';

/** Where a log or a witness is reached. */
export interface HttpTarget {
  /** The prefix of its paths, with or without a slash at the end. */
  readonly url: string;
  /** A Unix socket to speak over instead of the host in the URL. */
  readonly socketPath?: string;
  /** Made anew for each request: it ends one that takes too long. */
  readonly deadline?: () => AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** Empty when it is not told. */
  readonly contentType: string;
  readonly body: Buffer;
}

/** An answer with more bytes than it may have. */
export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge';
}

/**
 * One request and its whole answer. Redirections are not followed. Rejects when there is no answer, or with
 * `AnswerTooLarge`.
 */
export async function exchange(
  target: HttpTarget,
  path: string,
  { bytesMax, post }: { readonly bytesMax: number; readonly post?: string },
): Promise<HttpAnswer> {
  const answer = await send(new URL(`${target.url.replace(/\/+$/, '')}/${path}`), target, post);
  const raw = await bodyOf(answer, bytesMax);
  const body = decoded(raw, answer.headers['content-encoding'] ?? 'identity', bytesMax);
  return { status: answer.statusCode ?? 0, contentType: answer.headers['content-type'] ?? '', body };
}

function send(url: URL, { socketPath, deadline }: HttpTarget, post: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    const type = post === undefined ? {} : { 'content-type': 'text/plain; charset=utf-8' };
    const options = {
      method: post === undefined ? 'GET' : 'POST',
      headers: { 'accept-encoding': 'gzip, identity', ...type },
      ...(socketPath === undefined ? {} : { socketPath }),
      ...(deadline === undefined ? {} : { signal: deadline() }),
    };
    request(url, options, resolve).on('error', reject).end(post);
  });
}

async function bodyOf(answer: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new AnswerTooLarge(`the answer has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function decoded(bytes: Buffer, encoding: string, bytesMax: number): Buffer {
  if (encoding === 'identity') return bytes;
  if (encoding !== 'gzip') throw new Error(`the content encoding ${JSON.stringify(encoding)} was not asked for`);
  try {
    return gunzipSync(bytes, { maxOutputLength: bytesMax });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw cause;
    throw new AnswerTooLarge(`the answer has more than ${bytesMax} bytes`, { cause });
  }
}
