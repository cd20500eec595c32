import type { Clock } from '../base/clock.ts';
import { fromIso } from '../base/clock.ts';
import type { LostRequest } from '../gateway/inflight-journal.ts';
import type { TelemetryReport } from '../gateway/telemetry.ts';
import type { InflightSample } from '../observe/sample.ts';

/** News of a death and of the connections that broke with it come by different ways, in any order. */
const WAIT_MS = 10_000;

interface Waiting {
  readonly since: number;
  readonly samples: InflightSample[];
}

/**
 * Brings together who died and which requests were with them. Connections also break for other reasons: what was lost
 * with an instance that lives is forgotten.
 */
export class LostRequests {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What a gateway lost with instances that are known to be dead; the rest waits for the news of their death. */
  heard(report: TelemetryReport, isDead: (instance: string) => boolean): readonly InflightSample[] {
    const now = this.#clock.now();
    for (const [instance, { since }] of this.#waiting) if (now - since > WAIT_MS) this.#waiting.delete(instance);
    const byInstance = Map.groupBy(report.lost, ({ instance }) => instance);
    return [...byInstance].flatMap(([instance, lost]) => {
      const sample = sampleOf(report, lost);
      if (isDead(instance)) return [sample];
      const waiting = this.#waiting.get(instance) ?? { since: now, samples: [] };
      waiting.samples.push(sample);
      this.#waiting.set(instance, waiting);
      return [];
    });
  }

  /** What was lost with an instance of whose death is heard now. */
  died(instance: string): InflightSample | undefined {
    const samples = this.#waiting.get(instance)?.samples ?? [];
    this.#waiting.delete(instance);
    const [first] = samples;
    return first && { ...first, keys: samples.flatMap(({ keys }) => keys) };
  }
}

function sampleOf(report: TelemetryReport, lost: readonly LostRequest[]): InflightSample {
  const { instance, workload, version } = lost[0]!;
  const keys = lost.map(({ tenant, route, fingerprint }) => ({ tenant, route, fingerprint }));
  const vantage = `gateway-${report.gateway}`;
  return { kind: 'inflight', at: fromIso(report.to), vantage, instance, workload, version, region: 'unknown', keys };
}
