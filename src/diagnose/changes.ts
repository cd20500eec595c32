import type { Symptom, SymptomName } from '../detect/symptom.ts';
import { actorSuspects, standsOn } from './actor-suspects.ts';
import { awaitsCallee } from './blamed-callee.ts';
import type { Diagnosis, Suspect } from './diagnosis.ts';
import { instanceOf, settingOf, workloadOf } from './fleet-view.ts';
import { accuse, burning, type Rule, type Scene, symptomsIn, victimsOf } from './scene.ts';
import { isPutBack, settingSuspects } from './setting-suspects.ts';
import { type Trouble, troublesOf } from './trouble.ts';
import { versionSuspects } from './version-suspects.ts';

/** Below this a coincidence in time is all that speaks for it. */
const SCORE_MIN = 0.35;
/** What fails is looked at for so long before anything is suspected of it: its extent must show first. */
const RIPE_AFTER_MS = 2_500;
const FELT_RIPE_AFTER_MS = 5_000;
/** Slowness shows later the deeper it is: who is slow first need not be who is slow by itself. */
const SLOW_RIPE_AFTER_MS = 8_000;
const SUSPECTS_MAX = 5;
/** Troubles that begin within this time may have one cause; each that a suspect explains besides speaks for it. */
const AT_ONCE_MS = 4_000;
const SHARED = 0.25;
const SHARED_MAX = 2;

/** What fails together, and who of those that changed or use the most is most likely behind it. */
export const changes: Rule = (scene) => {
  const cases = troublesOf(scene)
    .filter((trouble) => isRipe(trouble, scene))
    .map((trouble) => ({ trouble, suspects: suspectsOf(trouble, scene) }));
  for (const { trouble, suspects: own } of cases) {
    if (own.length === 0) continue;
    const others = cases.filter((each) => each.trouble !== trouble && isAtOnce(each.trouble, trouble));
    const suspects = withShared(own, others);
    const [first] = suspects;
    const found = first && first.score >= SCORE_MIN ? accusationOf(first, suspects, trouble, scene) : undefined;
    if (found) return found;
  }
  return undefined;
};

/** A trouble and who may be behind it, best first. */
interface Case {
  readonly trouble: Trouble;
  readonly suspects: readonly Suspect[];
}

function isAtOnce(one: Trouble, other: Trouble): boolean {
  return Math.abs(one.onset - other.onset) <= AT_ONCE_MS;
}

/** One who explains all that began together is more likely than several of whom each explains a part. */
function withShared(own: readonly Suspect[], others: readonly Case[]): readonly Suspect[] {
  const weighed = own.map((suspect) => {
    const shared = others.filter(({ suspects }) => suspects.some((each) => isSame(each, suspect)));
    return { ...suspect, score: Math.min(1, suspect.score * (1 + SHARED * Math.min(SHARED_MAX, shared.length))) };
  });
  return weighed.sort((a, b) => b.score - a.score);
}

function isSame(one: Suspect, other: Suspect): boolean {
  const isWho = one.subject.kind === other.subject.kind && one.subject.name === other.subject.name;
  return isWho && Math.min(one.score, other.score) >= SCORE_MIN;
}

/** A process that ended or does not start says all that there is to be said at once. */
function isRipe({ shape, onset, symptoms, origins }: Trouble, scene: Scene): boolean {
  const { fleet } = scene;
  if (shape === 'crash' || shape === 'start') return true;
  if (awaitsCallee(origins, onset, scene)) return false;
  if (shape === 'slow') return fleet.at - onset >= SLOW_RIPE_AFTER_MS;
  // Who calls others may fail by them: what it saw of its calls is told a little later.
  const mayBeBelow = [...origins].some((name) => (workloadOf(fleet, name)?.dependsOn.length ?? 0) > 0);
  const isFelt = mayBeBelow && symptoms.every(({ name }) => name === 'workload-errors' || name === 'tenant-errors');
  return fleet.at - onset >= (isFelt ? FELT_RIPE_AFTER_MS : RIPE_AFTER_MS);
}

/** Everybody who may be behind a trouble, best first. */
export function suspectsOf(trouble: Trouble, { fleet }: Scene): readonly Suspect[] {
  const hosts = new Set((trouble.instances ?? []).flatMap((id) => instanceOf(fleet, id)?.host ?? []));
  return [
    ...settingSuspects(trouble, fleet),
    ...versionSuspects(trouble, fleet),
    ...actorSuspects(standsOn(trouble.origins, hosts, fleet), fleet),
  ]
    .sort((a, b) => b.score - a.score)
    .slice(0, SUSPECTS_MAX);
}

/** What ended while it was wrong stays ended when it is put back: from then on that is a matter of these processes. */
const ENDED: readonly SymptomName[] = ['exited', 'hung', 'start-failed'];

function accusationOf(
  first: Suspect,
  suspects: readonly Suspect[],
  trouble: Trouble,
  scene: Scene,
): Diagnosis | undefined {
  const setting = first.subject.kind === 'setting' ? settingOf(scene.fleet, first.subject.name) : undefined;
  const isOver = setting !== undefined && isPutBack(setting);
  const counts = ({ name }: Symptom) => !isOver || !ENDED.includes(name);
  const evidence = trouble.symptoms.filter(counts);
  if (evidence.length === 0) return undefined;
  const [origin] = trouble.origins;
  const isOurs = scene.fleet.workloads.some(({ name }) => name === origin);
  const [caller] = trouble.callers;
  const workload = (isOurs ? origin : caller) ?? null;
  const summary = `${first.why}: ${evidence[0]!.reason}`;
  const accused = { cause: first.cause, subject: first.subject, workload, summary };
  return accuse(accused, evidence, victimsIn(trouble, scene).filter(counts), suspects);
}

/** What a trouble explains besides itself: all that is seen where it is, of who calls it, and of what tenants feel. */
export function victimsIn(trouble: Trouble, scene: Scene) {
  const places = new Set([...trouble.origins, ...trouble.callers]);
  const withOwn = trouble.shape === 'crash' || trouble.shape === 'start' || trouble.shape === 'probe';
  return [
    ...symptomsIn(scene, trouble.origins, withOwn),
    ...symptomsIn(scene, trouble.callers, false),
    ...victimsOf(scene, places),
    ...burning(scene),
  ].filter(({ name }) => name !== 'artefact-drift');
}
