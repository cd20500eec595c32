import { quantile } from '../recovery/statistics.ts';
import type { Contestant } from './contestant.ts';

/** What one contestant did in one round. */
export interface Trial {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the thread that makes the entries, its share of the bench included. */
  readonly callerCpuUs: number;
  readonly bytesPerEntry: number | undefined;
}

/** Latencies kept of each caller: all would cost more than the appends. */
const SAMPLED_EACH = 8;

/** A record of 300 bytes as a gateway writes it: of a tenant, so that ours ties it to the one before. */
export function entryOf(id: string): string {
  const event = {
    v: 2,
    tenant: 'clinic-de',
    id,
    at: '2026-01-02T03:04:05.678Z',
    type: 'request.served',
    class: 6003,
    actor: { kind: 'tenant', name: 'clinic-de' },
    subject: 'Workload/records',
    data: { route: 'GET /v1/patients/{id}/records', status: 200, ms: 12, pad: '' },
  };
  const missing = 300 - JSON.stringify(event).length;
  return JSON.stringify({ ...event, data: { ...event.data, pad: 'x'.repeat(Math.max(0, missing)) } });
}

/** Lets callers append, each one record after the other, for so long. */
export async function runTrial(contestant: Contestant, durationMs: number, signal: AbortSignal): Promise<Trial> {
  const appender = await contestant.open();
  try {
    const template = entryOf('evt_00000000_00000000');
    // Files and connections are made with the first record, which is not counted.
    await appender.append('evt_first', entryOf('evt_first'));
    const latenciesMs: number[] = [];
    let done = 0;
    const started = performance.now();
    const cpu = process.threadCpuUsage();
    const caller = async (_: unknown, number: number) => {
      for (let n = 0; performance.now() - started < durationMs && !signal.aborted; n += 1) {
        const id = `evt_${String(number).padStart(8, '0')}_${String(n).padStart(8, '0')}`;
        const before = performance.now();
        await appender.append(id, template.replace('evt_00000000_00000000', id));
        done += 1;
        if (n % SAMPLED_EACH === 0) latenciesMs.push(performance.now() - before);
      }
    };
    await Promise.all(Array.from({ length: contestant.inFlight }, caller));
    const took = performance.now() - started;
    const { user, system } = process.threadCpuUsage(cpu);
    signal.throwIfAborted();
    return {
      perSecond: (done * 1000) / took,
      p50Ms: quantile(latenciesMs, 0.5) ?? Number.NaN,
      p99Ms: quantile(latenciesMs, 0.99) ?? Number.NaN,
      callerCpuUs: (user + system) / done,
      bytesPerEntry: await appender.bytesPerEntry(),
    };
  } finally {
    await appender.close();
  }
}
