import { request } from 'undici';
import { type Clock, fromIso } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import { type Place, placeCollector, Unmeasured, value } from './place-collector.ts';

/** An instance that answers HTTP. */
export interface HttpInstance extends Place {
  readonly host: string;
  readonly port: number;
  /** Its readiness check: what may be asked of it at any time. */
  readonly path: string;
}

export interface InstanceClocksOptions {
  readonly instances: () => readonly HttpInstance[];
  readonly clock: Clock;
}

/** A `Date` header names a whole second: the clock behind it is anywhere within that. */
const SECOND_MS = 1_000;

/**
 * The clock of each instance that answers HTTP, by the `Date` of its answer (RFC 9110, 6.6.1), against the clock of control.
 * Reported is the least offset that explains the answer: what the second of the header and the way there leave open counts
 * for the instance. Which of the two clocks is right is not asked.
 */
export function instanceClocks({ instances, clock }: InstanceClocksOptions): Collector {
  return placeCollector({
    name: 'instance-clocks',
    facts: ['clock.offset.seconds'],
    everyMs: 30_000,
    timeoutMs: 60_000,
    placeMs: 2_000,
    places: instances,
    clock,
    look: async ({ host, port, path }, signal) => {
      const before = clock.now();
      const answer = await request(`http://${host}:${port}${path}`, { signal, reset: true });
      const after = clock.now();
      await answer.body.dump();
      const told = fromIso(String(answer.headers['date'] ?? ''));
      if (Number.isNaN(told)) throw new Unmeasured('its answers carry no date');
      const offsetMs = Math.max(0, told - after, before - (told + SECOND_MS));
      return { readings: { 'clock.offset.seconds': value(offsetMs / 1_000) }, transcript: { told, before, after } };
    },
  });
}
