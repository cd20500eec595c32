import { Agent, type Dispatcher, request } from 'undici';
import type { Clock } from '../../base/clock.ts';

const EVERY_MS = 1_000;
const ANSWER_MS = 2_000;
/** A busy machine leaves a question or two unanswered. Six in a row take eighteen seconds. */
const UNANSWERED_MAX = 6;

export interface SystemLivenessOptions {
  /** Unix socket on which the process answers `GET /livez`. */
  readonly socketPath: string;
  readonly clock: Clock;
  /** Called once, when it answered before and does not any more. */
  readonly onHung: () => void;
}

/** One question to the process behind the socket of the dispatcher. Rejects when it does not answer. */
export async function askLiveness(dispatcher: Dispatcher, signal: AbortSignal): Promise<void> {
  const { body } = await request('http://socket/livez', { dispatcher, signal });
  await body.dump();
}

/**
 * Asks a process of Kintsugi's own again and again whether it lives. One that has not answered yet is starting, however
 * long that takes. Questions are counted and not seconds: a machine that was asleep asked none. Returns the way to stop.
 */
export function watchLiveness({ socketPath, clock, onHung }: SystemLivenessOptions): () => void {
  const dispatcher = new Agent({ connect: { socketPath }, connections: 1, pipelining: 0 });
  const over = new AbortController();
  let unanswered: number | undefined;
  const ask = async () => {
    try {
      await askLiveness(dispatcher, clock.deadline(ANSWER_MS, over.signal));
      unanswered = 0;
    } catch {
      if (unanswered !== undefined) unanswered += 1;
    }
  };
  const watch = async () => {
    while (!over.signal.aborted) {
      await clock.sleep(EVERY_MS, over.signal).catch(() => undefined);
      if (over.signal.aborted) return;
      await ask();
      if ((unanswered ?? 0) < UNANSWERED_MAX || over.signal.aborted) continue;
      over.abort();
      onHung();
    }
  };
  void watch().finally(() => dispatcher.destroy());
  return () => over.abort();
}
