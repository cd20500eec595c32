import { get } from 'node:http';
import { json } from 'node:stream/consumers';

const TIMEOUT_MS = 200;

/**
 * The process that answers there, by its own word; undefined when nothing answers in time. Connects anew and gives up
 * while it connects too: an instance that hangs has a full backlog after a while.
 */
export async function readPid(url: string): Promise<number | undefined> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const onError = () => resolve(undefined);
  get(`${url}/health`, { agent: false, signal }, (response) => {
    json(response).then((body) => resolve((body as { pid: number }).pid), onError);
  }).on('error', onError);
  return promise;
}
