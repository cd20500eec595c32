import { fromIso } from '../base/clock.ts';
import type { TelemetryReport } from '../gateway/telemetry.ts';
import type { RequestsSample, TriesSample } from '../observe/sample.ts';

/** Turns what a gateway counted into samples. The region of an instance is known to the world, not to the gateway. */
export function samplesOf(
  report: TelemetryReport,
  regionOf: (instance: string) => string,
): readonly (TriesSample | RequestsSample)[] {
  const vantage = `gateway-${report.gateway}`;
  const at = fromIso(report.to);
  const tries = report.tries.map(
    (row): TriesSample => ({
      kind: 'tries',
      at,
      vantage,
      tenant: row.tenant,
      workload: row.workload,
      version: row.version,
      instance: row.instance,
      region: regionOf(row.instance),
      ok: row.ok,
      failed: row.serverErrors + row.connectErrors + row.timeouts,
      latency: row.latency,
    }),
  );
  const requests = report.requests.map(
    (row): RequestsSample => ({
      kind: 'requests',
      at,
      vantage,
      tenant: row.tenant,
      workload: row.workload,
      spanMs: Math.max(1, at - fromIso(report.from)),
      ok: row.ok,
      failed: row.failed,
      limited: row.limited,
      refused: row.refused,
      latency: row.latency,
    }),
  );
  return [...tries, ...requests];
}
