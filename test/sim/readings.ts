import { bucketOf, EMPTY_SKETCH, type LatencySketch } from '../../src/base/latency-sketch.ts';
import type { ViolatedControl } from '../../src/observe/violated-control.ts';
import type { ConditionName, ErrorCounts } from '../../src/observe/condition.ts';
import type {
  CallsSample,
  ConditionSample,
  ExitSample,
  InflightSample,
  InstanceRef,
  MemorySample,
  ProbeSample,
  RequestsSample,
  RetiredSample,
  StartFailedSample,
  TriesSample,
  ViolationSample,
} from '../../src/observe/sample.ts';
import type { FactName } from '../../src/resources/fact-kinds.ts';

/** Samples as observers would send them, with what a test does not care about filled in. */
export function refOf(instance = 'records-1', workload = 'records', version = 1): InstanceRef {
  return { instance, workload, version, region: 'eu' };
}

/** `count` requests that all took `ms`. */
function sketchOf(ms: number, count: number): LatencySketch {
  return count === 0 ? EMPTY_SKETCH : { count, buckets: { [bucketOf(ms)]: count } };
}

export function exitAt(at: number, ref = refOf(), more: Partial<ExitSample> = {}): ExitSample {
  return {
    kind: 'exit',
    at,
    vantage: 'keeper',
    ...ref,
    expected: false,
    livedMs: 1_000,
    code: 1,
    signal: null,
    lastLines: [],
    ...more,
  };
}

export function probeAt(at: number, ok: boolean, ref = refOf(), more: Partial<ProbeSample> = {}): ProbeSample {
  const reading = { probe: 'readiness' as const, ok, latencyMs: 1, reason: ok ? '' : 'refused', fall: 2, rise: 1 };
  return { kind: 'probe', at, vantage: 'prober', ...ref, ...reading, ...more };
}

export function triesAt(at: number, ok: number, failed: number, ref = refOf(), ms = 10): TriesSample {
  const latency = sketchOf(ms, ok + failed);
  return {
    kind: 'tries',
    at,
    vantage: 'gateway-1',
    ...ref,
    tenant: 'shop',
    spanMs: 250,
    ok,
    failed,
    errors: {},
    latency,
  };
}

export function requestsAt(
  at: number,
  tenant: string,
  ok: number,
  failed = 0,
  more: Partial<RequestsSample> & { readonly ms?: number } = {},
): RequestsSample {
  const { ms = 10, ...rest } = more;
  const counts = { spanMs: 250, ok, failed, limited: 0, refused: 0, latency: sketchOf(ms, ok + failed) };
  return { kind: 'requests', at, vantage: 'gateway-1', tenant, workload: 'records', ...counts, ...rest };
}

export function memoryAt(at: number, mib: number, ref = refOf()): MemorySample {
  return { kind: 'memory', at, vantage: 'control', ...ref, residentBytes: mib * 2 ** 20 };
}

export function startFailedAt(at: number, ref = refOf(), reason = 'no such file'): StartFailedSample {
  return { kind: 'start-failed', at, vantage: 'control', ...ref, reason };
}

export function retiredAt(at: number, ref = refOf()): RetiredSample {
  return { kind: 'retired', at, vantage: 'control', ...ref };
}

export function callsAt(
  at: number,
  callee: string,
  ok: number,
  failed = 0,
  ref = refOf(),
  ms = 10,
  errors: ErrorCounts = {},
): CallsSample {
  const latency = sketchOf(ms, ok + failed);
  return { kind: 'calls', at, vantage: ref.instance, ...ref, callee, spanMs: 250, ok, failed, errors, latency };
}

/** The same as a gateway counts it that carries the calls. */
export function carriedAt(...of: Parameters<typeof callsAt>): CallsSample {
  return { ...callsAt(...of), vantage: 'gateway-1', byGateway: true };
}

export function conditionAt(
  at: number,
  asset: string,
  condition: ConditionName,
  holds = true,
  more: Partial<ConditionSample> = {},
): ConditionSample {
  return { kind: 'condition', at, vantage: 'prober', asset, condition, holds, reason: '', detail: {}, ...more };
}

/** Keys as `tenant route fingerprint`. */
export function inflightAt(at: number, ref: InstanceRef, keys: readonly string[]): InflightSample {
  const parsed = keys.map((key) => {
    const [tenant = '', route = '', fingerprint = ''] = key.split(' ');
    return { tenant, route, fingerprint };
  });
  return { kind: 'inflight', at, vantage: 'gateway-1', ...ref, keys: parsed };
}

/** A measurement of a fact by which controls are judged; it breaks a clause for each tenant of `tenants`. */
export function violationAt(
  at: number,
  fact: FactName,
  tenants: readonly string[],
  more: Partial<ViolationSample> = {},
): ViolationSample {
  const violated = tenants.length === 0 ? [] : [violatedControl(tenants)];
  const reason = `${fact} was measured`;
  return { kind: 'violation', at, vantage: 'collector', fact, subject: 'records/eu', violated, reason, ...more };
}

/** A clause that is broken for these tenants. */
export function violatedControl(tenants: readonly string[], more: Partial<ViolatedControl> = {}): ViolatedControl {
  const control = { framework: 'gdpr', control: 'gdpr-art32.1.b', clause: 'Art. 32(1)(b)', title: 'Kept apart' };
  const remedies = { moves: ['reenable' as const], advice: ['force it again'] };
  return { ...control, tenants, tenantsTotal: tenants.length, ...remedies, ...more };
}
