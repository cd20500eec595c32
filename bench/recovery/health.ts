import { request } from 'undici';

const TIMEOUT_MS = 200;

/** The process that answers there, by its own word; undefined when nothing answers in time. */
export async function readPid(url: string): Promise<number | undefined> {
  try {
    const response = await request(`${url}/health`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return ((await response.body.json()) as { pid: number }).pid;
  } catch {
    return undefined;
  }
}
