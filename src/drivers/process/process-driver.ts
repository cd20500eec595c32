import { Agent, request } from 'undici';
import type { Clock } from '../../base/clock.ts';
import { isFault, KinError } from '../../base/errors.ts';
import { socketClient } from '../../base/socket-http.ts';
import type { Driver } from '../driver.ts';
import type { ChildStatus, KeeperEvent, StopOrder } from './protocol.ts';

/** The driver of plain processes on this machine, and what the CLI asks the keeper besides. */
export interface ProcessDriver extends Driver {
  /** Tells which instances stop first when everything goes down. */
  setStopOrder(order: StopOrder, signal?: AbortSignal): Promise<void>;
  /** Asks the keeper to stop everything and end; resolves when it has begun. */
  down(signal?: AbortSignal): Promise<void>;
  /** The newest `lines` lines of a child's log, then, with `follow`, each new one until `signal` aborts. */
  logs(id: string, options: { lines: number; follow: boolean }, signal: AbortSignal): AsyncIterable<string>;
  close(): Promise<void>;
}

/** The keeper says at least an empty line every second. */
const SILENCE_MAX_MS = 3_000;

/** `socketPath` is `state.socket('keeper')`. Connects when it is used, and anew after each failure. */
export function processDriver(socketPath: string, clock: Clock): ProcessDriver {
  const client = socketClient(socketPath, 'keeper.unreachable');
  const path = (id: string) => `/v1/children/${encodeURIComponent(id)}`;
  return {
    name: 'process',
    start: ({ id, ...command }, signal) =>
      again(signal, () => client.call<ChildStatus>('PUT', path(id), command, signal)),
    stop: (id, command, signal) =>
      again(signal, () => client.call<ChildStatus>('POST', `${path(id)}/stop`, command, signal)),
    signal: (id, command, signal) => client.call<ChildStatus>('POST', `${path(id)}/signal`, command, signal),
    list: (signal) => again(signal, () => client.call<ChildStatus[]>('GET', '/v1/children', undefined, signal)),
    async *events(afterSequence, signal) {
      const lines = streamLines(socketPath, `/v1/events?after=${afterSequence}`, signal, { clock, ms: SILENCE_MAX_MS });
      for await (const line of lines) if (line) yield JSON.parse(line) as KeeperEvent;
      if (!signal.aborted) throw new KinError('keeper.unreachable', 'the keeper ended the stream of events');
    },
    raiseFence: (epoch, signal) => again(signal, () => client.call('PUT', '/v1/epoch', { epoch }, signal)),
    setStopOrder: (order, signal) => again(signal, () => client.call('PUT', '/v1/order', order, signal)),
    down: (signal) => client.call('POST', '/v1/down', undefined, signal),
    logs: (id, { lines, follow }, signal) =>
      streamLines(socketPath, `/v1/logs/${encodeURIComponent(id)}?lines=${lines}&follow=${follow}`, signal),
    close: () => client.close(),
  };
}

/**
 * Repeats a call once that found nobody: it may have used a connection that a former keeper left behind. Only for what
 * may be repeated, which a signal may not.
 */
async function again<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!isFault(error, 'keeper.unreachable') || signal?.aborted) throw error;
    return await call();
  }
}

/** Lines of a streaming answer, empty ones too: they are how the other side says that it is alive. */
async function* streamLines(
  socketPath: string,
  path: string,
  signal: AbortSignal,
  silence?: { clock: Clock; ms: number },
): AsyncIterable<string> {
  const dispatcher = new Agent({ connect: { socketPath }, headersTimeout: 0, bodyTimeout: 0 });
  const watch = new AbortController();
  let cancel = () => {};
  const heard = () => {
    cancel();
    if (silence) cancel = silence.clock.after(silence.ms, () => watch.abort(new Error(`silent for ${silence.ms} ms`)));
  };
  try {
    heard();
    const answer = await request(`http://keeper${path}`, {
      dispatcher,
      signal: AbortSignal.any([signal, watch.signal]),
    });
    if (answer.statusCode >= 400) throw await faultOf(answer);
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of answer.body) {
      // The time that the reader takes is not the keeper's silence.
      cancel();
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
      heard();
    }
  } catch (cause) {
    if (signal.aborted) return;
    if (cause instanceof KinError) throw cause;
    throw new KinError('keeper.unreachable', `no answer on ${socketPath}`, { cause });
  } finally {
    cancel();
    await dispatcher.destroy();
  }
}

async function faultOf(answer: { statusCode: number; body: { text(): Promise<string> } }): Promise<KinError> {
  const text = await answer.body.text();
  const code = answer.statusCode === 404 ? 'resource.unknown' : 'keeper.refused';
  return new KinError(code, `the keeper answered ${answer.statusCode}: ${text.slice(0, 500)}`);
}
