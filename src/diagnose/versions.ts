import { oncePer } from '../base/once-per.ts';
import type { Symptom, SymptomName } from '../detect/symptom.ts';
import { versionSubject } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import { blamedCallee } from './blamed-callee.ts';
import { suspectsOf } from './changes.ts';
import type { Diagnosis, Suspect } from './diagnosis.ts';
import { type FleetView, lastKnownGood, type VersionView, type WorkloadView, workloadOf } from './fleet-view.ts';
import { about, named, placed } from './claims.ts';
import { accuse, burning, dependantsOf, needsOf, type Rule, type Scene, victimsOf } from './scene.ts';
import { settingSuspects } from './setting-suspects.ts';
import { isShortHanded } from './short-handed.ts';
import { isOfFewCallers, type Trouble, troublesOf } from './trouble.ts';
import { isOnlyConfig } from './version-suspects.ts';

/** A version that is worse than the one before, or that has not soaked and of which most instances are sick. */
export const versions: Rule = (scene) => {
  for (const workload of calleesFirst(scene)) {
    if (placed(scene.left, [workload.name]).length === 0) continue;
    for (const version of workload.versions) {
      const found = isInUse(workload, version) ? suspicionOf(scene, workload, version) : undefined;
      if (found) return found;
    }
  }
  return undefined;
};

function calleesFirst({ fleet }: Scene): readonly WorkloadView[] {
  return inDepth(fleet);
}

const inDepth = oncePer((fleet: FleetView): readonly WorkloadView[] => {
  const depth = new Map(fleet.workloads.map(({ name }) => [name, dependantsOf([name], fleet).size]));
  return [...fleet.workloads].sort((a, b) => depth.get(b.name)! - depth.get(a.name)!);
});

/** The version that is wanted, and any other while instances of it are there: a canary, or one that was gone back from. */
function isInUse(workload: WorkloadView, { version }: VersionView): boolean {
  return version === workload.targetVersion || workload.instances.some((each) => each.version === version);
}

function suspicionOf(scene: Scene, workload: WorkloadView, version: VersionView): Diagnosis | undefined {
  const fallback = lastKnownGood(workload, version.version);
  const claims = fallback
    ? [
        ...diesAlone(scene, workload, version),
        ...leaksAlone(scene, workload, version),
        ...claimsAgainst(scene, workload, version),
      ]
    : [];
  if (!fallback || claims.length === 0) return undefined;
  const isConcurrent = claims.some(({ evidence }) => evidence['concurrent'] === true);
  const others = othersThan(scene, workload, claims);
  // It is worse than its predecessor at the same time, in the same world: nothing else that changed explains that.
  const weight = isConcurrent ? Number.POSITIVE_INFINITY : (WEIGHTS[claims[0]!.name] ?? 0.75);
  if (version.rejectedAt === null && others.some(({ score }) => score > weight)) return undefined;
  if (!isConcurrent && isVictim(scene, workload, version)) return undefined;
  const onlyConfig = isOnlyConfig(workload, version);
  const what = onlyConfig ? `the configuration of version ${version.version}` : `version ${version.version}`;
  const summary = `${what} of ${workload.name} does not work: ${claims[0]!.reason}`;
  const subject = versionSubject(workload.name, version.version);
  const cause = onlyConfig ? 'configuration' : 'version';
  const victims = [...ofWorkload(scene, workload, version), ...victimsOf(scene, [workload.name]), ...burning(scene)];
  const callees = named(scene.left, ['calls-failing', 'calls-slow', 'calls-surging']).filter(
    ({ evidence, subject: { name } }) => name === workload.name || isOnlyCaller(evidence['callers'], workload.name),
  );
  const accused = { cause, subject, workload: workload.name, summary } as const;
  return accuse(accused, claims, [...victims, ...callees], others);
}

/**
 * Its processes die again and again, each at the same age, and those of no other version do: that is in the version, also
 * when it has soaked, because nothing is seen before that age.
 */
function diesAlone(scene: Scene, workload: WorkloadView, { version }: VersionView): readonly Symptom[] {
  return about(scene.left, versionSubject(workload.name, version).name).filter(
    ({ name, evidence }) =>
      name === 'deaths-recurring' && evidence['onlyThisVersion'] === true && evidence['ofOneAge'] === true,
  );
}

/** Several of its processes leak, and those of no other version did: replacing one after the other would never end. */
function leaksAlone(scene: Scene, workload: WorkloadView, { version }: VersionView): readonly Symptom[] {
  return named(scene.left, ['leak']).filter(
    ({ subject, evidence }) =>
      'version' in subject &&
      subject.workload === workload.name &&
      subject.version === version &&
      evidence['onlyThisVersion'] === true &&
      Number(evidence['leaksOfVersion']) > 1,
  );
}

function isOnlyCaller(callers: unknown, name: string): boolean {
  return Array.isArray(callers) && callers.length === 1 && callers[0] === name;
}

/** Without a predecessor at the same time, this much of a setting's score is needed to be suspected instead. */
const WEIGHTS: Readonly<Partial<Record<SymptomName, number>>> = {
  'crash-loop': 0.85,
  'deaths-recurring': 0.85,
  leak: 0.85,
  'version-errors': 0.7,
  'version-slow': 0.7,
};

/** Settings that may explain the same. */
function othersThan({ fleet }: Scene, workload: WorkloadView, claims: readonly Symptom[]): readonly Suspect[] {
  const crashes = claims.some(({ name }) => ['crash-loop', 'start-failed', 'deaths-recurring', 'leak'].includes(name));
  const trouble: Trouble = {
    origins: new Set([workload.name]),
    callers: new Set(),
    onset: Math.min(...claims.map(({ since }) => since)),
    symptoms: claims,
    shape: crashes ? 'crash' : claims[0]!.name === 'version-slow' ? 'slow' : 'errors',
    errors: {},
    tenants: null,
    instances: null,
    load: 1,
  };
  return settingSuspects(trouble, fleet).slice(0, 3);
}

/** What it needs is sick, and adds the harm or somebody is suspected of it, other than this version. */
function isVictim(scene: Scene, workload: WorkloadView, version: VersionView): boolean {
  const needs = needsOf(workload.name, scene.fleet);
  if (needs.size === 0) return false;
  if (blamedCallee(workload.name, scene) !== undefined) return true;
  const own = versionSubject(workload.name, version.version).name;
  return troublesOf(scene)
    .filter(({ origins }) => [...origins].some((name) => needs.has(name)))
    .some((trouble) => {
      const first = suspectsOf(trouble, scene)[0];
      return first !== undefined && first.score >= 0.5 && first.subject.name !== own;
    });
}

/**
 * Symptoms that speak against the version itself: that it is worse than the one before, or, while it has not soaked yet,
 * what most of its instances do. Deaths of a proven version accuse something else: rolling it back would be a guess.
 */
function claimsAgainst(scene: Scene, workload: WorkloadView, version: VersionView): readonly Symptom[] {
  const { left, fleet } = scene;
  const proven = version.promotedAt !== null;
  const worse: readonly SymptomName[] = ['version-errors', 'version-slow'];
  const names = proven ? worse : ['crash-loop', ...worse];
  const own = about(left, versionSubject(workload.name, version.version).name).filter(
    (each) => names.includes(each.name) && !isShortHanded(each, scene),
  );
  if (own.length > 0 || proven) return own;
  const needs = [...needsOf(workload.name, fleet)];
  const excused = needs.some((each) => isDown(each, scene) || hasJustStarted(each, scene));
  const counts = excused ? ONLY_ITS_OWN : UNPROVEN;
  const sick = ofWorkload(scene, workload, version).filter(({ name }) => counts.includes(name));
  const instances = workload.instances.filter((each) => each.version === version.version);
  const affected = new Set(sick.map(({ subject }) => subject.name));
  if (affected.size * 2 >= Math.max(1, instances.length)) return sick;
  // A leak is in the code: where one instance has it, the others will.
  return ofWorkload(scene, workload, version).filter(({ name }) => name === 'leak');
}

/** What counts against a version that has not soaked. A single death does not: that is what crash-loop counts. */
const UNPROVEN: readonly SymptomName[] = ['start-failed', 'instance-errors', 'instance-slow', 'hung', 'probe-failed'];

/** What nothing that a version depends on can do to its instances. */
const ONLY_ITS_OWN: readonly SymptomName[] = ['hung'];

/** A process of it died, hangs or does not come up, or calls to it fail: whoever calls it fails with it. */
export function isDown(workload: string, { left }: Pick<Scene, 'left'>): boolean {
  return downPlaces(left).has(workload);
}

const downPlaces = oncePer((left: Symptoms): ReadonlySet<string> => {
  const ofProcesses = named(left, ['exited', 'hung', 'start-failed']).flatMap(({ subject }) =>
    subject.kind === 'instance' ? [subject.workload] : [],
  );
  const ofCalls = named(left, ['calls-failing', 'calls-slow']).filter((each) => !isOfFewCallers(each));
  return new Set([...ofProcesses, ...ofCalls.map(({ subject }) => subject.name)]);
});

/** What was seen while a dependency was away still stands in the windows of detectors when it is back. */
const AFTERMATH_MS = 10_000;

export function hasJustStarted(workload: string, { fleet }: Pick<Scene, 'fleet'>): boolean {
  const instances = workloadOf(fleet, workload)?.instances ?? [];
  return instances.some((each) => fleet.at - each.startedAt < AFTERMATH_MS);
}

/** What is seen of a version, its instances and the workload that runs it. */
function ofWorkload({ left }: Scene, workload: WorkloadView, { version }: VersionView): readonly Symptom[] {
  const whole: readonly SymptomName[] = ['workload-errors', 'workload-slow', 'overloaded'];
  return placed(left, [workload.name]).filter(({ name, subject, evidence }) => {
    if (subject.kind === 'route') return subject.workload === workload.name;
    if ('workload' in subject)
      return subject.workload === workload.name && subject.version === version && name !== 'poison';
    if (subject.kind === 'workload') return subject.name === workload.name && whole.includes(name);
    return name === 'tenant-errors' && evidence['workload'] === workload.name;
  });
}
