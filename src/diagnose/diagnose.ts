import type { Subject, Symptom, SymptomName } from '../detect/symptom.ts';
import { symptomKey, versionSubject } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import type { Cause } from '../resources/playbook.ts';
import type { Diagnosis } from './diagnosis.ts';
import {
  type FleetView,
  type VersionView,
  instanceOf,
  lastKnownGood,
  type WorkloadView,
  workloadOf,
} from './fleet-view.ts';

/**
 * Names the suspected cause of the symptoms that stand. Rules run from the most specific to the least, and each takes the
 * symptoms that it explains, so that a victim never becomes an incident of its own:
 *
 *  1. a tenant that drowns the others explains their slowness;
 *  2. a version that was not yet proven explains what its instances do;
 *  3. a dependency that is down explains whoever calls it;
 *  4. an instance explains itself;
 *  5. load explains slowness that is left;
 *  6. what is left is unknown, and said so.
 *
 * Pure: equal input gives equal output.
 */
export function diagnose(symptoms: Symptoms, fleet: FleetView): readonly Diagnosis[] {
  const left = new Map(symptoms);
  const found: Diagnosis[] = [];
  for (const rule of [noisyTenants, badVersions, sickInstances, overloads, drifts, unknowns]) {
    for (const diagnosis of rule(left, fleet)) {
      found.push(diagnosis);
      for (const key of diagnosis.explains) left.delete(key);
    }
  }
  return found;
}

type Rule = (left: Symptoms, fleet: FleetView) => readonly Diagnosis[];

/** What slowness, refusals and failures of others a noisy tenant or an overload can cause. */
const VICTIM_SYMPTOMS: readonly SymptomName[] = ['instance-slow', 'objective-burning', 'overloaded', 'probe-failed'];

const noisyTenants: Rule = (left) =>
  named(left, ['noisy-tenant']).map((symptom) => {
    const victims = named(left, VICTIM_SYMPTOMS);
    return toDiagnosis('tenant', symptom.subject, null, symptom.reason, [symptom], victims);
  });

const badVersions: Rule = (left, fleet) =>
  fleet.workloads.flatMap((workload) =>
    workload.versions
      .filter((each) => isSuspect(workload, each))
      .flatMap((version) => accuse(left, workload, version, fleet)),
  );

/** The version that is wanted, and one that was gone back from while instances of it are still there. */
function isSuspect(workload: WorkloadView, version: VersionView): boolean {
  if (version.version === workload.targetVersion) return true;
  return version.rejectedAt !== null && workload.instances.some((each) => each.version === version.version);
}

function accuse(left: Symptoms, workload: WorkloadView, version: VersionView, fleet: FleetView): readonly Diagnosis[] {
  const fallback = lastKnownGood(workload, version.version);
  const accused = fallback ? accusationsOf(left, workload, version, fleet) : [];
  if (!fallback || accused.length === 0) return [];
  const onlyConfig = version.artefactDigest === fallback.artefactDigest;
  const what = onlyConfig ? `the configuration of version ${version.version}` : `version ${version.version}`;
  const summary = `${what} of ${workload.name} does not work: ${accused[0]!.reason}`;
  const subject = versionSubject(workload.name, version.version);
  const victims = [
    ...ofWorkload(left, workload.name, version.version),
    ...named(left, ['objective-burning']),
    ...dependantsOf(left, workload.name, fleet),
  ];
  return [toDiagnosis(onlyConfig ? 'configuration' : 'version', subject, workload.name, summary, accused, victims)];
}

/**
 * Symptoms that speak against the version itself: that it is worse than the one before, or, while it has not soaked yet,
 * what most of its instances do. Deaths of a proven version accuse something else: rolling it back would be a guess.
 */
function accusationsOf(
  left: Symptoms,
  workload: WorkloadView,
  version: VersionView,
  fleet: FleetView,
): readonly Symptom[] {
  const proven = version.promotedAt !== null;
  const own = named(left, proven ? ['version-errors'] : ['crash-loop', 'version-errors']).filter(
    ({ subject }) =>
      subject.kind === 'version' && subject.workload === workload.name && subject.version === version.version,
  );
  if (own.length > 0 || proven) return own;
  const needs = dependenciesOf(workload.name, fleet);
  const excused = needs.some((each) => isDown(each, left) || hasJustStarted(each, fleet));
  const counts = excused ? ONLY_ITS_OWN : UNPROVEN;
  const sick = ofWorkload(left, workload.name, version.version).filter(({ name }) => counts.includes(name));
  const instances = workload.instances.filter((each) => each.version === version.version);
  const affected = new Set(sick.map(({ subject }) => subject.name));
  return affected.size * 2 >= Math.max(1, instances.length) ? sick : [];
}

/** What counts against a version that has not soaked. A single death does not: that is what crash-loop counts. */
const UNPROVEN: readonly SymptomName[] = ['start-failed', 'instance-errors', 'instance-slow', 'hung', 'probe-failed'];

/** What nothing that a version depends on can do to its instances. */
const ONLY_ITS_OWN: readonly SymptomName[] = ['hung'];

/** A process of it died, hangs or does not come up: whoever calls it fails with it. */
function isDown(workload: string, left: Symptoms): boolean {
  return named(left, ['exited', 'hung', 'start-failed']).some(
    ({ subject }) => subject.kind === 'instance' && subject.workload === workload,
  );
}

/**
 * Not ready alone may be what a dependency does, or a busy machine: both pass. Traffic leaves at once either way; only the
 * replacement waits.
 */
const RIPE_AFTER_MS: Partial<Record<SymptomName, number>> = { 'probe-failed': 6_000, hung: 1_500 };

const INSTANCE_CAUSES: readonly (readonly [SymptomName, Cause])[] = [
  ['exited', 'instance-died'],
  ['start-failed', 'instance-died'],
  ['hung', 'instance-hung'],
  ['leak', 'resource'],
  ['instance-errors', 'instance-degraded'],
  ['instance-slow', 'instance-degraded'],
  ['probe-failed', 'instance-degraded'],
];

const sickInstances: Rule = (left, fleet) => {
  const sick = new Map<string, Symptom[]>();
  for (const symptom of left.values()) {
    if (symptom.subject.kind !== 'instance' || !instanceOf(fleet, symptom.subject.name)) continue;
    sick.set(symptom.subject.name, [...(sick.get(symptom.subject.name) ?? []), symptom]);
  }
  const workloads = new Set(
    [...sick.values()].flat().map(({ subject }) => ('workload' in subject ? subject.workload : '')),
  );
  return [...sick.values()].flatMap((symptoms) => {
    const subject = symptoms[0]!.subject as Subject & { kind: 'instance' };
    // A victim: what it depends on is sick, and it says nothing that only a sick process would say.
    const needs = dependenciesOf(subject.workload, fleet);
    const excused = needs.some((each) => workloads.has(each) || hasJustStarted(each, fleet));
    const ripe = symptoms.filter((each) => fleet.at - each.since >= (RIPE_AFTER_MS[each.name] ?? 0));
    const [name, cause] = INSTANCE_CAUSES.find(([each]) => ripe.some((symptom) => symptom.name === each)) ?? [];
    if (!name || !cause) return [];
    if (excused && !['exited', 'hung', 'leak'].includes(name)) return [];
    const main = symptoms.filter((each) => each.name === name);
    const victims = [...symptoms, ...dependantsOf(left, subject.workload, fleet), ...burningWhile(left)];
    return [toDiagnosis(cause, subject, subject.workload, main[0]!.reason, main, victims)];
  });
};

/** What was seen while a dependency was away still stands in the windows of detectors when it is back. */
const AFTERMATH_MS = 10_000;

function hasJustStarted(workload: string, fleet: FleetView): boolean {
  const instances = workloadOf(fleet, workload)?.instances ?? [];
  return instances.some((each) => fleet.at - each.startedAt < AFTERMATH_MS);
}

const overloads: Rule = (left) =>
  named(left, ['overloaded']).map((symptom) =>
    toDiagnosis(
      'overload',
      symptom.subject,
      symptom.subject.name,
      symptom.reason,
      [symptom],
      named(left, VICTIM_SYMPTOMS),
    ),
  );

const drifts: Rule = (left) =>
  named(left, ['artefact-drift']).map((symptom) =>
    toDiagnosis('unknown', symptom.subject, symptom.subject.name, symptom.reason, [symptom], []),
  );

const unknowns: Rule = (left, fleet) => {
  // What is left of an instance is either not ripe yet or excused by what it depends on.
  const rest = [...left.values()].filter(({ name, subject, since, at }) => {
    if (subject.kind === 'instance') return false;
    if (subject.kind === 'version') return workloadOf(fleet, subject.workload)?.targetVersion === subject.version;
    return name !== 'objective-burning' || at - since >= BURNING_MS;
  });
  return rest.map((symptom) => {
    const workload = 'workload' in symptom.subject ? symptom.subject.workload : null;
    return toDiagnosis('unknown', symptom.subject, workload, symptom.reason, [symptom], []);
  });
};

/** A budget that burns on after its cause was healed clears within its short window; what lasts has another cause. */
const BURNING_MS = 15_000;

function named(symptoms: Symptoms, names: readonly SymptomName[]): readonly Symptom[] {
  return [...symptoms.values()].filter((symptom) => names.includes(symptom.name));
}

function burningWhile(symptoms: Symptoms): readonly Symptom[] {
  return named(symptoms, ['objective-burning']);
}

function ofWorkload(symptoms: Symptoms, workload: string, version: number): readonly Symptom[] {
  return [...symptoms.values()].filter(
    ({ subject }) => 'workload' in subject && subject.workload === workload && subject.version === version,
  );
}

/** Everything that a workload needs, directly or not. */
function dependenciesOf(name: string, fleet: FleetView, seen: ReadonlySet<string> = new Set()): readonly string[] {
  const direct = (workloadOf(fleet, name)?.dependsOn ?? []).filter((each) => !seen.has(each));
  return direct.flatMap((each) => [each, ...dependenciesOf(each, fleet, new Set([...seen, ...direct]))]);
}

/** Symptoms of those who need `name`, other than that their process itself failed. */
function dependantsOf(symptoms: Symptoms, name: string, fleet: FleetView): readonly Symptom[] {
  return [...symptoms.values()].filter(
    (symptom) =>
      'workload' in symptom.subject &&
      symptom.name !== 'exited' &&
      dependenciesOf(symptom.subject.workload, fleet).includes(name),
  );
}

function toDiagnosis(
  cause: Cause,
  subject: Subject,
  workload: string | null,
  summary: string,
  evidence: readonly Symptom[],
  victims: readonly Symptom[],
): Diagnosis {
  const explains = new Set([...evidence, ...victims].map((each) => symptomKey(each.name, each.subject)));
  return {
    key: `${subject.kind} ${subject.name}`,
    cause,
    subject,
    workload,
    summary,
    evidence,
    explains: [...explains],
    suspects: [],
  };
}
