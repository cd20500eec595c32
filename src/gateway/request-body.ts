import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/** Bodies up to this size are kept until the answer, so that a try can be repeated. */
const KEPT_BYTES = 64 * 1024;
export const BODY_BYTES_MAX = 32 * 1024 * 1024;

/** What came of reading a body. */
export type RequestBody =
  /** Whole and at hand; can be sent any number of times. */
  | { readonly kind: 'kept'; readonly bytes: Buffer | null }
  /** Too large to keep: sent once, as it arrives. */
  | { readonly kind: 'stream'; readonly stream: Readable; readonly length: string | undefined }
  | { readonly kind: 'too-large' }
  /** The client went away. */
  | { readonly kind: 'broken' };

/**
 * Reads as much of a body as decides how it is sent on. Never rejects. A stream handed out ends with an error when the
 * client goes away or sends more than 32 MiB, and reads from the client only as fast as it is read from.
 */
export function readRequestBody(request: IncomingMessage): Promise<RequestBody> | RequestBody {
  const length = request.headers['content-length'];
  if (length === undefined && request.headers['transfer-encoding'] === undefined) return { kind: 'kept', bytes: null };
  if (Number(length) > BODY_BYTES_MAX) return { kind: 'too-large' };
  if (Number(length) > KEPT_BYTES) return { kind: 'stream', stream: streamOf(request, []), length };
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (body: RequestBody) => {
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      resolve(body);
    };
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= KEPT_BYTES) return;
      request.pause();
      settle({ kind: 'stream', stream: streamOf(request, chunks), length });
    };
    const onEnd = () => settle({ kind: 'kept', bytes: bytes === 0 ? null : Buffer.concat(chunks, bytes) });
    const onClose = () => settle({ kind: 'broken' });
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}

/** A stream of its own, because the one who sends it destroys it, and the client's must live on for the answer. */
function streamOf(request: IncomingMessage, first: readonly Buffer[]): Readable {
  let bytes = 0;
  const stream = new Readable({ read: () => request.resume(), highWaterMark: KEPT_BYTES });
  const take = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) stream.destroy(new BodyTooLarge());
    else if (!stream.push(chunk)) request.pause();
  };
  for (const chunk of first) take(chunk);
  request.on('data', (chunk: Buffer) => !stream.destroyed && take(chunk));
  request.on('end', () => !stream.destroyed && stream.push(null));
  request.on('close', () => !request.complete && stream.destroy(new Error('the client went away')));
  request.on('error', () => stream.destroy(new Error('the client went away')));
  request.pause();
  // Whoever sends it hears of the error; before that and afterwards nobody needs to.
  stream.on('error', () => undefined);
  return stream;
}

/** More bytes than a body may have. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}
