import type { CallReadings } from '../detect/call-graph.ts';
import type { PartReadings } from '../detect/call-parts.ts';
import type { Counts } from '../detect/minute-counts.ts';
import type { SymptomName } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import type { Ranking } from './diagnosis.ts';
import { type FleetView, type WorkloadView, workloadOf } from './fleet-view.ts';
import type { Part } from './graph/blast.ts';
import type { CallNode, Metric } from './graph/call-node.ts';
import { rankCauses } from './graph/cause-ranking.ts';
import { placeOf } from './claims.ts';

const CAUSES_SHOWN = 5;
const ERRORS: readonly SymptomName[] = ['workload-errors', 'tenant-errors', 'calls-failing', 'version-errors'];
const SLOW: readonly SymptomName[] = ['workload-slow', 'calls-slow', 'overloaded', 'version-slow'];

/**
 * Who adds the harm that is felt, by the call graph as it was declared and as it was seen in calls. Undefined when nothing
 * is felt at a workload or at what it calls, or nothing of it was counted.
 */
export function rankingOf(symptoms: Symptoms, fleet: FleetView, readings: CallReadings): Ranking | undefined {
  const known = ranked.get(readings);
  // Many diagnoses of one look ask the same: in a storm that is what it would cost.
  if (known?.symptoms === symptoms && known.fleet === fleet) return known.ranking;
  const ranking = rank(symptoms, fleet, readings);
  ranked.set(readings, { symptoms, fleet, ranking });
  return ranking;
}

const ranked = new WeakMap<
  CallReadings,
  { readonly symptoms: Symptoms; readonly fleet: FleetView; readonly ranking: Ranking | undefined }
>();

function rank(symptoms: Symptoms, fleet: FleetView, readings: CallReadings): Ranking | undefined {
  const felt = feltAt(symptoms, fleet);
  if (felt === undefined || readings.nodes.length === 0) return undefined;
  const { node, metric } = felt;
  const ranking = rankCauses(nodesOf(fleet, readings, metric), { node, metric, times: readings.times });
  const causes = ranking.causes
    .slice(0, CAUSES_SHOWN)
    .map(({ node: name, confidence, evidence }) => ({ node: name, confidence, evidence }));
  return { of: node, metric, verdict: ranking.verdict, reason: ranking.reason, causes };
}

/** The outermost place that shows it: all that it calls may be behind it. Failures before slowness. */
function feltAt(symptoms: Symptoms, fleet: FleetView): { readonly node: string; readonly metric: Metric } | undefined {
  for (const [metric, names] of [
    ['failures', ERRORS],
    ['latency', SLOW],
  ] as const) {
    const places = [...symptoms.values()].flatMap((each) => (names.includes(each.name) ? (placeOf(each) ?? []) : []));
    const routed = places.find((place) => workloadOf(fleet, place)?.routed);
    const node = routed ?? places[0];
    if (node !== undefined) return { node, metric };
  }
  return undefined;
}

function nodesOf(fleet: FleetView, { nodes }: CallReadings, metric: Metric): readonly CallNode[] {
  return nodes.map((node): CallNode => {
    const workload = workloadOf(fleet, node.name);
    const calls = [...new Set([...node.calls, ...(workload?.dependsOn ?? [])])];
    const changedAt = changedAtOf(node.name, workload, fleet);
    const parts = node.parts.map((each) => partOf(each, metric));
    return { ...node, calls, parts, ...(changedAt === undefined ? {} : { changedAt }) };
  });
}

function partOf({ dimension, name, present, baseline }: PartReadings, metric: Metric): Part {
  const bad = ({ failed, latencyMs }: Counts) => (metric === 'failures' ? failed : latencyMs);
  const before = { baselineRequests: baseline.requests, baselineBad: bad(baseline) };
  return { dimension, name, requests: present.requests, bad: bad(present), ...before };
}

/** By people and programs; what a repair changed is no cause. */
function changedAtOf(name: string, workload: WorkloadView | undefined, fleet: FleetView): number | undefined {
  const settings = fleet.settings
    .filter(({ workloads }) => workloads.includes(name))
    .flatMap(({ history }) =>
      history
        .slice(1)
        .filter(({ by }) => !by.startsWith('kintsugi'))
        .map(({ at }) => at),
    );
  const starts = (workload?.instances ?? [])
    .filter(({ version }) => version === workload?.targetVersion)
    .map(({ startedAt }) => startedAt);
  const isNew = workload?.versions.some(
    ({ version, promotedAt }) => version === workload.targetVersion && promotedAt === null,
  );
  const times = [...settings, ...(isNew && starts.length > 0 ? [Math.min(...starts)] : [])];
  return times.length === 0 ? undefined : Math.max(...times);
}
