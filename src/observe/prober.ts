import type { Clock } from '../base/clock.ts';
import { jittered, type Random } from '../base/random.ts';
import type { ProbeSpec } from '../resources/workload.ts';
import type { Probe, ProbeTarget } from './probe.ts';
import type { InstanceRef, ProbeSample } from './sample.ts';

/** One instance to be probed. Replaced whole when anything in it changes. */
export interface ProbeAssignment extends InstanceRef, ProbeTarget {
  readonly readiness: ProbeSpec;
  readonly liveness: ProbeSpec | undefined;
  /** An instance that is starting is asked more often, so that traffic reaches it as soon as it can serve. */
  readonly eager: boolean;
}

/** Lateness of this process from which its own clock is no witness against others. */
const LATE_MS = 75;

/** How often an instance that is starting is asked. */
const EAGER_INTERVAL_MS = 50;

/**
 * Owns the rhythm of all probes: each runs at its interval, jittered so that many instances are not asked in step, with
 * its own deadline. `assign` sets the whole list; what is missing from it is no longer probed.
 */
export interface Prober {
  assign(assignments: readonly ProbeAssignment[]): void;
  close(): void;
}

export function createProber(options: {
  readonly probes: readonly Probe[];
  readonly clock: Clock;
  readonly random: Random;
  readonly onSample: (sample: ProbeSample) => void;
}): Prober {
  const { clock, random, onSample } = options;
  const byType = new Map(options.probes.map((probe) => [probe.type, probe]));
  const running = new Map<string, { assignment: ProbeAssignment; stop: AbortController }>();

  const watch = async (key: string, kind: 'readiness' | 'liveness', stop: AbortSignal) => {
    while (!stop.aborted) {
      const current = running.get(key)?.assignment;
      const spec = current?.[kind];
      if (!current || !spec) return;
      const startedMs = clock.monotonicMs();
      const result = await byType.get(spec.type)!.read(spec, current, clock.deadline(spec.timeoutMs, stop));
      if (stop.aborted) return;
      const tookMs = clock.monotonicMs() - startedMs;
      // A deadline that rang late says that this process was late, and nothing about the instance.
      const isBlind = !result.ok && tookMs > spec.timeoutMs + LATE_MS;
      if (!isBlind) onSample(toSample(current, kind, spec, result, clock.now(), tookMs));
      const interval = running.get(key)?.assignment.eager ? EAGER_INTERVAL_MS : jittered(spec.intervalMs, random);
      await clock.sleep(interval, stop).catch(() => undefined);
    }
  };

  const close = () => {
    for (const { stop } of running.values()) stop.abort();
    running.clear();
  };

  return {
    assign(assignments) {
      const wanted = new Map(assignments.map((assignment) => [assignment.instance, assignment]));
      for (const [key, entry] of running) {
        if (wanted.has(key)) continue;
        entry.stop.abort();
        running.delete(key);
      }
      for (const [key, assignment] of wanted) {
        const present = running.get(key);
        if (present) {
          present.assignment = assignment;
          continue;
        }
        const stop = new AbortController();
        running.set(key, { assignment, stop });
        void watch(key, 'readiness', stop.signal);
        void watch(key, 'liveness', stop.signal);
      }
    },
    close,
  };
}

function toSample(
  target: ProbeAssignment,
  probe: 'readiness' | 'liveness',
  spec: ProbeSpec,
  result: { ok: boolean; reason: string },
  at: number,
  latencyMs: number,
): ProbeSample {
  const { instance, workload, version, region } = target;
  const { fall, rise } = spec;
  const { ok, reason } = result;
  return {
    kind: 'probe',
    at,
    vantage: 'prober',
    instance,
    workload,
    version,
    region,
    probe,
    ok,
    latencyMs,
    reason,
    fall,
    rise,
  };
}
