import { versionSubject } from '../detect/symptom.ts';
import type { Suspect } from './diagnosis.ts';
import {
  type FleetView,
  instanceOf,
  lastKnownGood,
  type VersionView,
  type WorkloadView,
  workloadOf,
} from './fleet-view.ts';
import type { Trouble } from './trouble.ts';

const SLACK_MS = 4_000;
const AT_ONCE_MS = 120_000;
const HALF_LIFE_MS = 900_000;
/** What is left of the suspicion of a caller's version when its callee fails for others too, or later than this. */
const OF_CALLER = 0.4;
const OUTSIDE_AT_ONCE_MS = 30_000;

/** Versions of what is in trouble that began to run shortly before it, and from which one can go back; best first. */
export function versionSuspects(trouble: Trouble, fleet: FleetView): readonly Suspect[] {
  const places = new Set([...trouble.origins, ...trouble.callers]);
  return [...places]
    .flatMap((name) => workloadOf(fleet, name) ?? [])
    .flatMap((workload) => suspicionOf(workload, trouble, fleet))
    .sort((a, b) => b.score - a.score || (a.subject.name < b.subject.name ? -1 : 1));
}

function suspicionOf(workload: WorkloadView, trouble: Trouble, fleet: FleetView): readonly Suspect[] {
  const version = workload.versions.find((each) => each.version === workload.targetVersion);
  if (!version || !lastKnownGood(workload, version.version)) return [];
  const starts = workload.instances.filter((each) => each.version === version.version).map((each) => each.startedAt);
  const began = Math.min(...starts);
  if (!Number.isFinite(began) || began > trouble.onset + SLACK_MS) return [];
  // A version whose processes were only started anew did not change anything.
  const since = isYoung(workload, version) ? began : version.createdAt;
  const fading = 0.5 ** (Math.max(0, trouble.onset - since - AT_ONCE_MS) / HALF_LIFE_MS);
  const proven = version.promotedAt === null ? 1 : 0.3;
  const pattern = patternOf(workload.name, version.version, trouble, fleet);
  const score = fading * proven * pattern * callerWeight(workload.name, began, trouble, fleet) * 0.75;
  if (score < 0.02) return [];
  const onlyConfig = isOnlyConfig(workload, version);
  return [
    {
      cause: onlyConfig ? 'configuration' : 'version',
      subject: versionSubject(workload.name, version.version),
      score,
      why: `version ${version.version} of ${workload.name} runs since ${Math.round((trouble.onset - began) / 1_000)} s before`,
    },
  ];
}

/**
 * What fails for others as well fails seldom by one of its callers; nor does what is not ours, unless that followed at
 * once.
 */
function callerWeight(workload: string, began: number, trouble: Trouble, fleet: FleetView): number {
  const { origins, callers, onset } = trouble;
  if (origins.has(workload)) return 1;
  const areOutside = [...origins].every((name) => workloadOf(fleet, name)?.external === true);
  return callers.size > 1 || (areOutside && onset - began > OUTSIDE_AT_ONCE_MS) ? OF_CALLER : 1;
}

function isYoung(workload: WorkloadView, { promotedAt }: VersionView): boolean {
  return promotedAt === null || workload.phase !== 'steady';
}

/** Whether it shows in instances of this version only; where others fail as well, it is not the version. */
function patternOf(workload: string, version: number, { instances, symptoms }: Trouble, fleet: FleetView): number {
  const failing = symptoms
    .filter(({ name, subject }) => name === 'workload-errors' && subject.name === workload)
    .flatMap(({ evidence }) => [evidence['versions'] ?? []].flat());
  if (failing.length > 0 && !failing.includes(version)) return 0.1;
  if (instances === null) return 0.8;
  const versions = new Set(instances.flatMap((id) => instanceOf(fleet, id)?.version ?? []));
  return versions.has(version) ? (versions.size === 1 ? 1.3 : 0.3) : 0.1;
}

/** Equal artefacts differ in their configuration alone. */
export function isOnlyConfig(workload: WorkloadView, version: VersionView): boolean {
  return lastKnownGood(workload, version.version)?.artefactDigest === version.artefactDigest;
}
