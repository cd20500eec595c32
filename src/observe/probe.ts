import type { ProbeSpec } from '../resources/workload.ts';

/** Where an instance can be reached, and what an exec probe runs with. */
export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface ProbeResult {
  readonly ok: boolean;
  readonly latencyMs: number;
  /** Short reason of a failure, without data: `timeout`, `refused`, `status 503`. Empty when ok. */
  readonly reason: string;
}

/**
 * Takes one reading when asked. The prober owns the rhythm; a probe never starts a timer and never retries. It resolves
 * within the deadline of `signal`, with a failure when the deadline passes: it never rejects, because a reading that
 * could not be taken is a reading too.
 */
export interface Probe {
  readonly type: ProbeSpec['type'];
  read(spec: ProbeSpec, target: ProbeTarget, signal: AbortSignal): Promise<Omit<ProbeResult, 'latencyMs'>>;
}
