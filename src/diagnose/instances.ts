import type { Subject, Symptom, SymptomName } from '../detect/symptom.ts';
import type { Cause } from '../resources/playbook.ts';
import { actorSuspects, standsOn } from './actor-suspects.ts';
import type { Diagnosis, Suspect } from './diagnosis.ts';
import { instanceOf, settingOf, workloadOf } from './fleet-view.ts';
import { accuse, burning, needsOf, placeOf, type Rule, type Scene, victimsOf } from './scene.ts';
import { isPutBack, settingSuspects } from './setting-suspects.ts';
import { failsAllOver, type Trouble } from './trouble.ts';
import { hasJustStarted, isDown } from './versions.ts';

/** The first that stands names the cause. */
const INSTANCE_CAUSES: readonly (readonly [SymptomName, Cause])[] = [
  ['exited', 'instance-died'],
  ['start-failed', 'instance-died'],
  ['hung', 'instance-hung'],
  ['leak', 'resource'],
  ['instance-errors', 'instance-degraded'],
  ['instance-slow', 'instance-degraded'],
  ['probe-failed', 'instance-degraded'],
];

/**
 * Not ready alone may be what a dependency does, or a busy machine: both pass. Traffic leaves at once either way; only the
 * replacement waits.
 */
const RIPE_AFTER_MS: Readonly<Partial<Record<SymptomName, number>>> = {
  'probe-failed': 3_000,
  hung: 2_000,
  'instance-slow': 3_000,
  'instance-errors': 1_500,
};
/** What nothing else does to a process. */
const CERTAIN: readonly SymptomName[] = ['exited', 'hung', 'leak'];
const OF_CALLS: readonly SymptomName[] = [
  'calls-failing',
  'calls-slow',
  'workload-errors',
  'workload-slow',
  'tenant-errors',
];
/** So much of a machine somebody must use, to be accused of what an instance on it does. */
const ACTOR_SCORE_MIN = 0.6;
const SETTING_SCORE_MIN = 0.5;
/** Who ends so soon ends of how it was started. */
const YOUNG_MS = 30_000;

/** An instance that is sick by itself, unless what it needs is. */
export const instances: Rule = (scene) => {
  for (const [id, symptoms] of byInstance(scene)) {
    const found = diagnosisOf(id, symptoms, scene);
    if (found) return found;
  }
  return undefined;
};

function byInstance({ left }: Scene): ReadonlyMap<string, readonly Symptom[]> {
  const found = new Map<string, Symptom[]>();
  for (const symptom of left.values()) {
    if (symptom.subject.kind !== 'instance') continue;
    found.set(symptom.subject.name, [...(found.get(symptom.subject.name) ?? []), symptom]);
  }
  return found;
}

function diagnosisOf(id: string, symptoms: readonly Symptom[], scene: Scene): Diagnosis | undefined {
  const { subject } = symptoms[0]!;
  if (subject.kind !== 'instance' || !instanceOf(scene.fleet, id)) return undefined;
  const isShared = failsAllOver(subject.workload, { left: scene.all });
  const ripe = symptoms.filter(
    (each) =>
      each.at - each.since >= (RIPE_AFTER_MS[each.name] ?? 0) &&
      !isContradicted(each) &&
      !(isShared && each.name === 'instance-errors'),
  );
  const [name, cause] = INSTANCE_CAUSES.find(([each]) => ripe.some((symptom) => symptom.name === each)) ?? [];
  if (!name || !cause || (!CERTAIN.includes(name) && isExcused(subject.workload, scene))) return undefined;
  const main = symptoms.filter((each) => each.name === name);
  const victims = [
    ...symptoms,
    ...whole(subject.workload, scene),
    ...victimsOf(scene, [subject.workload]),
    ...burning(scene),
  ];
  const changed = bornInto(id, main, scene);
  if (changed[0]) {
    const { cause: why, subject: setting, why: summary } = changed[0];
    const accused = {
      cause: why,
      subject: setting,
      workload: subject.workload,
      summary: `${summary}: ${main[0]!.reason}`,
    };
    return accuse(accused, main, victims, [...changed, { cause, subject, score: 0.2, why: main[0]!.reason }]);
  }
  const actor = name === 'exited' ? undefined : heavyUserNear(id, scene);
  if (actor) {
    const accused = { cause: 'actor' as const, subject: actor.subject, workload: subject.workload, summary: actor.why };
    return accuse(accused, main, victims, [{ cause, subject, score: 0.3, why: main[0]!.reason }]);
  }
  return accuse({ cause, subject, workload: subject.workload, summary: main[0]!.reason }, main, victims);
}

/** A probe says that it is down, and it answers requests: two vantages that contradict each other accuse nobody. */
function isContradicted({ name, evidence }: Symptom): boolean {
  return name === 'probe-failed' && evidence['answers'] === true;
}

function isExcused(workload: string, scene: Scene): boolean {
  const needs = [...needsOf(workload, scene.fleet)];
  // What explains the dependency took its symptoms with it: all that stand are asked.
  return needs.some((each) => isDown(each, { left: scene.all }) || hasJustStarted(each, scene));
}

/** What the workload shows as a whole, when this is one of few of its instances that are sick. */
function whole(workload: string, { left }: Scene): readonly Symptom[] {
  return [...left.values()].filter((symptom) => OF_CALLS.includes(symptom.name) && placeOf(symptom) === workload);
}

/**
 * Settings that were changed after the last of its well siblings started and before it did: what only those show who
 * started since, is what they started with.
 */
function bornInto(id: string, main: readonly Symptom[], scene: Scene): readonly Suspect[] {
  const instance = instanceOf(scene.fleet, id)!;
  const [{ name, evidence }] = main as [Symptom];
  const isOfStart = name === 'start-failed' || (name === 'exited' && Number(evidence['livedMs']) < YOUNG_MS);
  const siblings = workloadOf(scene.fleet, instance.workload)?.instances ?? [];
  const sick = new Set(byInstance(scene).keys());
  const wellSince = Math.max(
    0,
    ...siblings.filter((each) => !sick.has(each.id) && each.ready).map((each) => each.startedAt),
  );
  const trouble: Trouble = {
    origins: new Set([instance.workload]),
    callers: new Set(),
    onset: Math.min(...main.map(({ since }) => since)),
    symptoms: main,
    shape:
      name === 'start-failed' ? 'start' : name === 'exited' ? 'crash' : name === 'instance-slow' ? 'slow' : 'errors',
    errors: {},
    tenants: null,
    instances: [id],
    load: 1,
  };
  return settingSuspects(trouble, scene.fleet).filter(({ subject, score }) => {
    const setting = subject.kind === 'setting' ? settingOf(scene.fleet, subject.name) : undefined;
    if (!setting || score < SETTING_SCORE_MIN || isPutBack(setting)) return false;
    const at = setting.history.findLast((each) => each.at <= trouble.onset)?.at ?? 0;
    return (
      (isOfStart || (setting.needsRestart && name !== 'exited')) &&
      at > wellSince &&
      (isOfStart || at <= instance.startedAt)
    );
  });
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
