import { fromIso } from '../base/clock.ts';
import type { TelemetryReport, TryCounts } from '../gateway/telemetry.ts';
import type { ErrorClass, ErrorCounts } from '../observe/condition.ts';
import type { EdgeSample, RequestsSample, TriesSample } from '../observe/sample.ts';

/** Tells a report that was heard already from one that says something new. One process of a gateway counts its reports. */
export class ReportOrder {
  readonly #last = new Map<number, { readonly pid: number; readonly sequence: number }>();

  /** False for one that was heard, or of before one that was: its counts are not counted again. */
  isNew({ gateway, pid, sequence }: Pick<TelemetryReport, 'gateway' | 'pid' | 'sequence'>): boolean {
    const last = this.#last.get(gateway);
    if (last?.pid === pid && sequence <= last.sequence) return false;
    this.#last.set(gateway, { pid, sequence });
    return true;
  }
}

/** Turns what a gateway counted into samples. The region of an instance is known to the world, not to the gateway. */
export function samplesOf(
  report: TelemetryReport,
  regionOf: (instance: string) => string,
): readonly (TriesSample | RequestsSample | EdgeSample)[] {
  const vantage = `gateway-${report.gateway}`;
  const at = fromIso(report.to);
  const spanMs = Math.max(1, at - fromIso(report.from));
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
      spanMs,
      ok: row.ok,
      failed: row.serverErrors + row.connectErrors + row.timeouts,
      errors: errorsOf(row),
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
      spanMs,
      ok: row.ok,
      failed: row.failed,
      limited: row.limited,
      refused: row.refused,
      latency: row.latency,
    }),
  );
  // A gateway of before may still run for a moment, and says nothing of calls.
  const edges = (report.calls ?? []).map(({ instance, workload, version, callee, count }): EdgeSample => {
    const caller = { instance, workload, version, region: regionOf(instance) };
    return { kind: 'edge', at, vantage, ...caller, callee, count };
  });
  return [...tries, ...requests, ...edges];
}

function errorsOf({ serverErrors, connectErrors, timeouts }: TryCounts): ErrorCounts {
  const counts: readonly (readonly [ErrorClass, number])[] = [
    ['server-error', serverErrors],
    ['refused', connectErrors],
    ['timeout', timeouts],
  ];
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
