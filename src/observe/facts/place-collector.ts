import type { Clock } from '../../base/clock.ts';
import { describeError, KinError } from '../../base/errors.ts';
import type { FactName } from '../../resources/fact-kinds.ts';
import type { Collector, KeepTranscript } from '../collector.ts';
import type { Fact, FactValue, Measured } from '../fact.ts';

/** Something of which facts are measured: a store, a listener, a tenant. */
export interface Place {
  /** The subject of its facts, without its kind. */
  readonly subject: string;
  readonly tenants: readonly string[] | 'all';
}

/** What one look at a place brought. A fact of the collector that is not in it does not apply to the place. */
export interface Look {
  readonly readings: Readonly<Partial<Record<FactName, Measured>>>;
  /** Names, codes and numbers that the readings stand on: the transcript of the look. Never data that was found. */
  readonly transcript: unknown;
}

export interface PlaceCollectorOptions<P extends Place> {
  readonly name: string;
  readonly facts: readonly FactName[];
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** For one place; one that takes longer is unknown and holds nobody up. */
  readonly placeMs: number;
  readonly places: () => readonly P[];
  readonly clock: Clock;
  /** Rejects when nothing can be measured at this place. Obeys the signal. */
  readonly look: (place: P, signal: AbortSignal) => Promise<Look>;
}

/** Why a place could not be measured, in words that may be shown: the reason of its facts. */
export class Unmeasured extends Error {}

export function value(it: FactValue): Measured {
  return { kind: 'value', value: it };
}

const NAMED_MAX = 5;

/**
 * How many were found, with the names of the first: names of things and places, no personal data and no secret. `total` where
 * one place holds several.
 */
export function counted(found: readonly string[], total = found.length): Measured {
  if (found.length === 0) return value(total);
  const rest = found.length - NAMED_MAX;
  const detail = `${found.slice(0, NAMED_MAX).join('; ')}${rest > 0 ? ` and ${rest} more` : ''}`;
  return { kind: 'value', value: total, detail };
}

export function unknown(reason: string): Measured {
  return { kind: 'unknown', reason };
}

/**
 * A collector that looks at one place after the other, so that it never loads more than one server at a time. A place that
 * refuses, throws or hangs makes its own facts unknown with the reason, and those of no other place.
 */
export function placeCollector<P extends Place>(options: PlaceCollectorOptions<P>): Collector {
  const { name, facts, everyMs, timeoutMs, placeMs, places, clock } = options;
  return {
    name,
    facts,
    everyMs,
    timeoutMs,
    async collect(signal, keep) {
      const lastStartMs = clock.monotonicMs() + timeoutMs - placeMs;
      const all: Fact[] = [];
      for (const place of places()) {
        const inTime = clock.monotonicMs() <= lastStartMs && !signal.aborted;
        const look = inTime ? await lookAt(options, place, signal) : blind(facts, 'the round ended before its turn');
        all.push(...factsOf(options, place, look, keep));
      }
      return all;
    },
  };
}

async function lookAt<P extends Place>(options: PlaceCollectorOptions<P>, place: P, signal: AbortSignal) {
  const { facts, placeMs, clock, look } = options;
  const deadline = clock.deadline(placeMs, signal);
  const late = new Promise<never>((_resolve, reject) => {
    const onAbort = () => reject(new Unmeasured(`no answer within ${placeMs / 1000} s`));
    deadline.addEventListener('abort', onAbort, { once: true });
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([look(place, deadline), late]);
  } catch (error) {
    return blind(facts, reasonOf(error));
  }
}

function factsOf(
  options: Pick<PlaceCollectorOptions<Place>, 'name' | 'facts' | 'clock'>,
  { subject, tenants }: Place,
  { readings, transcript }: Look,
  keep: KeepTranscript = () => null,
) {
  const { name: collector, facts, clock } = options;
  // With its place: two places that read the same are two measurements.
  const evidence = transcript === null ? null : keep({ collector, subject, readings, transcript });
  const measuredAt = clock.now();
  return facts.flatMap((name): Fact[] => {
    const measured = readings[name];
    return measured ? [{ name, subject, tenants, measured, measuredAt, collector, evidence }] : [];
  });
}

function blind(facts: readonly FactName[], reason: string): Look {
  return { readings: Object.fromEntries(facts.map((name) => [name, unknown(reason)])), transcript: null };
}

/** Servers quote data in their messages, so only what is known to hold none is told. */
export function reasonOf(error: unknown): string {
  if (error instanceof Unmeasured) return error.message;
  if (error instanceof KinError) return describeError(error);
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? `it was refused with ${code}` : 'it failed in a way that nobody expected';
}
