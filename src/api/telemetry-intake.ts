import { fromIso, toIso } from '../base/clock.ts';
import type { CallCounts, TelemetryReport, TryCounts } from '../gateway/telemetry.ts';
import type { ErrorClass, ErrorCounts } from '../observe/condition.ts';
import type { CallsSample, RequestsSample, RouteSample, TriesSample } from '../observe/sample.ts';

/** Between two clocks of one machine or one network; a report is sent at once or not at all. */
const AHEAD_MS_MAX = 2_000;
const BEHIND_MS_MAX = 30_000;
/** Whose reports come from so long ago for so long has a clock that is off; before that, they may have been held up. */
const OFF_FOR_MS = 5_000;

interface Heard {
  readonly pid: number;
  readonly sequence: number;
  /** Since when its reports come from long ago, on our clock; null while they do not. */
  readonly behindSince: number | null;
}

/**
 * Which reports of gateways are news, and of when. What was heard is not counted again; nothing is of the future; of what
 * comes from long ago nobody knows whether it was held up, so it says nothing, until it is clear that a clock is off.
 */
export class ReportIntake {
  readonly #heard = new Map<number, Heard>();

  /** The report with times of our clock, or undefined when it says nothing. */
  take(report: TelemetryReport, now: number): TelemetryReport | undefined {
    const { gateway, pid, sequence } = report;
    const last = this.#heard.get(gateway);
    const isSame = last?.pid === pid;
    if (isSame && sequence <= last.sequence) return undefined;
    const to = fromIso(report.to);
    const isBehind = to < now - BEHIND_MS_MAX;
    const behindSince = isBehind ? ((isSame ? last.behindSince : null) ?? now) : null;
    this.#heard.set(gateway, { pid, sequence, behindSince });
    if (behindSince !== null && now - behindSince < OFF_FOR_MS) return undefined;
    if (!isBehind && to <= now + AHEAD_MS_MAX) return report;
    return { ...report, from: toIso(fromIso(report.from) + now - to), to: toIso(now) };
  }
}

/** Turns what a gateway counted into samples. The region of an instance is known to the world, not to the gateway. */
export function samplesOf(
  report: TelemetryReport,
  regionOf: (instance: string) => string,
): readonly (TriesSample | RequestsSample | CallsSample | RouteSample)[] {
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
      failed: failedOf(row),
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
      concurrencyMax: row.concurrencyMax,
      ...(row.classes ? { classes: row.classes } : {}),
    }),
  );
  // A gateway of before may still run for a moment, and does not say how calls ended.
  const calls = report.calls
    .filter(({ ok }) => ok !== undefined)
    .map((row): CallsSample => {
      const { instance, workload, version, callee, ok, latency } = row;
      const caller = { instance, workload, version, region: regionOf(instance) };
      const ended = { ok, failed: failedOf(row), errors: errorsOf(row), latency };
      return { kind: 'calls', at, vantage, ...caller, callee, spanMs, ...ended, byGateway: true };
    });
  const routes = (report.routes ?? []).map((row): RouteSample => ({ kind: 'route', at, vantage, spanMs, ...row }));
  return [...tries, ...requests, ...calls, ...routes];
}

type Failures = Pick<TryCounts & CallCounts, 'serverErrors' | 'connectErrors' | 'timeouts'>;

function failedOf({ serverErrors, connectErrors, timeouts }: Failures): number {
  return serverErrors + connectErrors + timeouts;
}

function errorsOf({ serverErrors, connectErrors, timeouts }: Failures): ErrorCounts {
  const counts: readonly (readonly [ErrorClass, number])[] = [
    ['server-error', serverErrors],
    ['refused', connectErrors],
    ['timeout', timeouts],
  ];
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
