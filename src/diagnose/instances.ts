import { oncePer } from '../base/once-per.ts';
import type { Subject, Symptom, SymptomName } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import type { Cause } from '../resources/playbook.ts';
import { actorSuspects, standsOn } from './actor-suspects.ts';
import { isOfCollapse } from './collapse.ts';
import { conditionsIn } from './condition-effects.ts';
import type { Diagnosis } from './diagnosis.ts';
import { type FleetView, type InstanceView, instanceOf, workloadOf } from './fleet-view.ts';
import { named, placed } from './claims.ts';
import { accuse, burning, needsOf, type Rule, type Scene, victimsOf } from './scene.ts';
import { sharesTrait } from './shared-traits.ts';
import { isSettling } from './setting-suspects.ts';
import { startedInto } from './started-into.ts';
import { callerOf, failsAllOver, isOfFewCallers, textsOf } from './trouble.ts';
import { hasJustStarted, isDown } from './versions.ts';

/** The first that stands names the cause. */
const INSTANCE_CAUSES: readonly (readonly [SymptomName, Cause])[] = [
  ['exited', 'instance-died'],
  ['start-failed', 'instance-died'],
  ['hung', 'instance-hung'],
  ['leak', 'resource'],
  ['exhausting', 'resource'],
  ['instance-errors', 'instance-degraded'],
  ['instance-slow', 'instance-degraded'],
  ['probe-failed', 'instance-degraded'],
  ['calls-failing', 'instance-degraded'],
];

/**
 * Not ready alone may be what a dependency does, or a busy machine: both pass. Traffic leaves at once either way; only the
 * replacement waits.
 */
const RIPE_AFTER_MS: Readonly<Partial<Record<SymptomName, number>>> = {
  'probe-failed': 5_000,
  hung: 1_500,
  'instance-slow': 3_000,
  'instance-errors': 1_500,
  'calls-failing': 5_000,
};
/** What nothing else does to a process. */
const CERTAIN: readonly SymptomName[] = ['exited', 'hung', 'leak', 'exhausting'];
const OF_CALLS: readonly SymptomName[] = [
  'calls-failing',
  'calls-slow',
  'workload-errors',
  'workload-slow',
  'tenant-errors',
];
/** Fewer failures than this fall on few of those who call by chance. */
const FAILED_MIN = 5;
const CONDITION_BEGAN_MS = 10_000;
/** So much of a machine somebody must use, to be accused of what an instance on it does. */
const ACTOR_SCORE_MIN = 0.6;

/** An instance that is sick by itself, unless what it needs is. */
export const instances: Rule = (scene) => {
  for (const [id, symptoms] of byInstance(scene)) {
    const found = diagnosisOf(id, symptoms, scene);
    if (found) return found;
  }
  return undefined;
};

const byInstance = oncePer(({ left, all, fleet }: Scene): ReadonlyMap<string, readonly Symptom[]> => {
  const found = new Map<string, Symptom[]>();
  for (const symptom of left.values()) {
    for (const id of instancesIn(symptom, all, fleet))
      found
        .set(id, found.get(id) ?? [])
        .get(id)!
        .push(symptom);
  }
  return found;
});

/** The instance that it is about, or the few whose calls fail where those of others do not. */
function instancesIn(symptom: Symptom, all: Symptoms, fleet: FleetView): readonly string[] {
  if (symptom.name === 'instance-outlier') return [];
  if (symptom.subject.kind === 'instance') return [symptom.subject.name];
  // What fails wherever it is asked fails for whoever asks: that it is seen at few of these is chance.
  if (failsAllOver(symptom.subject.name, { left: all })) return [];
  if (callerOf(symptom, fleet) !== undefined) return [];
  return isOfFewCallers(symptom) && failedIn(symptom) >= FAILED_MIN ? textsOf(symptom.evidence['instances']) : [];
}

function failedIn({ evidence }: Symptom): number {
  return Number(evidence['failedShare'] ?? 0) * Number(evidence['requests'] ?? 0);
}

function diagnosisOf(id: string, symptoms: readonly Symptom[], scene: Scene): Diagnosis | undefined {
  const instance = instanceOf(scene.fleet, id);
  if (!instance) return undefined;
  const { workload, version } = instance;
  const subject: Subject = { kind: 'instance', name: id, workload, version };
  const isShared = failsAllOver(workload, { left: scene.all });
  const ripe = symptoms.filter(
    (each) =>
      each.at - each.since >= (RIPE_AFTER_MS[each.name] ?? 0) &&
      !isContradicted(each) &&
      !isOfCollapse(each, workload, scene) &&
      !(isShared && each.name === 'instance-errors'),
  );
  const [name, cause] = INSTANCE_CAUSES.find(([each]) => ripe.some((symptom) => symptom.name === each)) ?? [];
  if (!name || !cause) return undefined;
  const main = symptoms.filter((each) => each.name === name);
  if (!CERTAIN.includes(name) && (isUndecided(symptoms, ripe) || isExcused(workload, main, scene))) return undefined;
  if (WORSE.includes(name) && mayBeShared(instance, main, scene)) return undefined;
  const victims = [...symptoms, ...whole(workload, scene), ...victimsOf(scene, [workload]), ...burning(scene)];
  const changed = startedInto(instance, main, new Set(byInstance(scene).keys()), scene.fleet);
  if (changed[0]) {
    const { cause: why, subject: setting, why: summary } = changed[0];
    const accused = {
      cause: why,
      subject: setting,
      workload,
      summary: `${summary}: ${main[0]!.reason}`,
    };
    return accuse(accused, main, victims, [...changed, { cause, subject, score: 0.2, why: main[0]!.reason }]);
  }
  const actor = name === 'exited' ? undefined : heavyUserNear(id, scene);
  if (actor) {
    const accused = { cause: 'actor' as const, subject: actor.subject, workload, summary: actor.why };
    return accuse(accused, main, victims, [{ cause, subject, score: 0.3, why: main[0]!.reason }]);
  }
  return accuse({ cause, subject, workload, summary: main[0]!.reason }, main, victims);
}

/** What stands out from its siblings, and when others in its place began to as well, the place may be what is wrong. */
const WORSE: readonly SymptomName[] = ['instance-errors', 'instance-slow'];
const SHARED_WITHIN_MS = 12_000;

/** Others in the same region began to stand out too: whether they have something in common shows soon. */
function mayBeShared(instance: InstanceView, main: readonly Symptom[], scene: Scene): boolean {
  const { left, fleet } = scene;
  const { id, region } = instance;
  if (fleet.at - Math.min(...main.map(({ since }) => since)) >= SHARED_WITHIN_MS) return false;
  if (sharesTrait(instance, scene)) return true;
  return named(left, ['instance-outlier', ...WORSE]).some(
    ({ subject: { name }, since }) =>
      name !== id && fleet.at - since < SHARED_WITHIN_MS && instanceOf(fleet, name)?.region === region,
  );
}

/** Probes have begun to fail: whether it only fails or hangs shows a moment later, and they ask for different remedies. */
function isUndecided(symptoms: readonly Symptom[], ripe: readonly Symptom[]): boolean {
  return symptoms.some(
    (each) => (each.name === 'hung' || each.name === 'probe-failed') && !ripe.includes(each) && !isContradicted(each),
  );
}

/** A probe says that it is down, and it answers requests: two vantages that contradict each other accuse nobody. */
function isContradicted({ name, evidence }: Symptom): boolean {
  return name === 'probe-failed' && evidence['answers'] === true;
}

function isExcused(workload: string, main: readonly Symptom[], scene: Scene): boolean {
  if (main.every(({ since }) => isSettling(workload, since, scene.fleet))) return true;
  const needs = [...needsOf(workload, scene.fleet)];
  // What explains the dependency took its symptoms with it: all that stand are asked.
  if (needs.some((each) => isDown(each, { left: scene.all }) || hasJustStarted(each, scene))) return true;
  // A condition of what it needs, that has only begun, may still turn out to be behind it.
  return newlyConditioned(scene).has(workload);
}

/** Who needs something of which a condition has only begun. */
const newlyConditioned = oncePer((scene: Scene): ReadonlySet<string> => {
  const young = conditionsIn({ ...scene, left: scene.all }).filter(
    ({ claim }) => scene.fleet.at - claim.since < CONDITION_BEGAN_MS,
  );
  return new Set(young.flatMap(({ workloads }) => [...workloads]));
});

/** What the workload shows as a whole, when this is one of few of its instances that are sick. */
function whole(workload: string, { left }: Scene): readonly Symptom[] {
  return placed(left, [workload]).filter(({ name }) => OF_CALLS.includes(name));
}

function heavyUserNear(id: string, { fleet }: Scene) {
  const instance = instanceOf(fleet, id)!;
  if (!workloadOf(fleet, instance.workload)) return undefined;
  const hosts = new Set([instance.host]);
  const nearby = [...standsOn(new Set(), hosts, fleet)];
  const [first] = actorSuspects(new Set(nearby), fleet);
  const suspect = first && first.score >= ACTOR_SCORE_MIN ? first : undefined;
  return suspect?.subject.kind === 'actor' ? { subject: suspect.subject as Subject, why: suspect.why } : undefined;
}
