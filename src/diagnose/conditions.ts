import type { Symptom } from '../detect/symptom.ts';
import type { ConditionName } from '../observe/condition.ts';
import type { Cause } from '../resources/playbook.ts';
import { actorSuspects } from './actor-suspects.ts';
import { clockBehind, judgedBy } from './clocks.ts';
import { type Condition, conditionOf, conditionsNamed, effectsOf, sameThing } from './condition-effects.ts';
import type { Diagnosis, Suspect } from './diagnosis.ts';
import { assetOf, settingOf } from './fleet-view.ts';
import { accuse, type Rule, type Scene } from './scene.ts';
import { settingSuspects } from './setting-suspects.ts';
import type { Trouble } from './trouble.ts';
import { versionSuspects } from './version-suspects.ts';
import { tellViolations, violationsBy } from './violations.ts';

/** What explains others stands before what it explains. What only will be wrong, or is only behind, is calm. */
const ORDER: readonly ConditionName[] = [
  'recovering',
  'skewed',
  'holding',
  'missing',
  'disabled',
  'revoked',
  'rejected',
  'expired',
  'not-yet-valid',
  'blocked',
  'failing',
  'exhausted',
  'stale',
  'corrupt',
  'expiring',
];

/** Wrong or a danger by itself, also while nobody feels it yet. */
const ALARMING: readonly ConditionName[] = [
  'skewed',
  'missing',
  'disabled',
  'revoked',
  'rejected',
  'expired',
  'blocked',
  'corrupt',
];

const RIPE_AFTER_MS = 6_000;
/** What is guilty of a condition is as guilty as of what it does. */
const GUILTY_MIN = 0.35;

/** Conditions that were measured of things, and what whoever needs these things does because of them. */
export const conditions: Rule = (scene) => {
  for (const name of ORDER) {
    for (const claim of conditionsNamed(name, scene)) {
      const diagnosis = explain(conditionOf(claim, scene), scene);
      if (diagnosis) return diagnosis;
    }
  }
  return undefined;
};

function explain(condition: Condition, scene: Scene): Diagnosis | undefined {
  const effects = effectsOf(condition, scene);
  const suspects = suspectsOf(condition, effects, scene);
  const first = suspects.find(({ score }) => score >= GUILTY_MIN);
  if (effects.length === 0 && first === undefined && !isAlarming(condition, scene)) return undefined;
  if (isGuess(condition, first, scene)) return undefined;
  // A certificate that is judged by a wrong clock is not what is wrong.
  const clock = clockBehind(condition, scene);
  const accused = clock ? ofClock(clock, condition) : accusedOf(condition, first, scene);
  const same = sameThing(condition, scene);
  const judged = condition.name === 'skewed' ? judgedBy(condition, scene) : [];
  const further = judged.flatMap((each) => [each.claim, ...effectsOf(each, scene)]);
  const { workloads, claim } = condition;
  const workload = workloads.size === 1 ? [...workloads][0]! : null;
  const violated = violationsBy(condition.name, claim.subject.name, scene);
  const summary = violated.length === 0 ? accused.summary : `${accused.summary}; ${tellViolations(violated)}`;
  const evidence = [claim, ...same, ...violated];
  return accuse({ ...accused, workload, summary }, evidence, [...effects, ...further], suspects);
}

/** What will end is calm, unless somebody said how it is renewed: then that is done while there is time. */
function isAlarming({ name, claim }: Condition, { fleet }: Scene): boolean {
  const isRenewable = assetOf(fleet, claim.subject.name)?.detail['renewable'] === true;
  return ALARMING.includes(name) || (name === 'expiring' && isRenewable);
}

/** Nobody is suspected yet, and it has only begun: who uses it up, or what changed, shows a little later. */
function isGuess({ name, claim }: Condition, first: Suspect | undefined, { fleet }: Scene): boolean {
  return first === undefined && USED.includes(name) && fleet.at - claim.since < RIPE_AFTER_MS;
}

type Verdict = Pick<Diagnosis, 'cause' | 'subject' | 'summary'>;

function ofClock(clock: string, { claim }: Condition): Verdict {
  return { cause: 'clock', subject: { kind: 'asset', name: clock }, summary: `${clock} is off: ${claim.reason}` };
}

/** The thing itself, or what was done to it before. */
function accusedOf(condition: Condition, first: Suspect | undefined, scene: Scene): Verdict {
  const { claim, name } = condition;
  const own: Verdict = { cause: causeOf(condition, scene), subject: claim.subject, summary: claim.reason };
  if (first === undefined || STANDS_FOR_ITSELF.includes(name)) return own;
  // What protects and what is missing is put back as such, when its setting is nothing but its being there.
  if (first.cause === 'configuration' && isItself(name, first, scene)) return own;
  return { cause: first.cause, subject: first.subject, summary: `${first.why}: ${claim.reason}` };
}

function isItself(name: ConditionName, { subject }: Suspect, { fleet }: Scene): boolean {
  const kind = settingOf(fleet, subject.name)?.kind;
  return (
    (name === 'disabled' && (kind === 'protection' || kind === 'policy')) || (name === 'missing' && kind === 'object')
  );
}

/** Whatever was changed before: it is this that has to be dealt with. */
const STANDS_FOR_ITSELF: readonly ConditionName[] = ['recovering', 'skewed', 'holding', 'stale'];

const CAUSES: Readonly<Partial<Record<ConditionName, Cause>>> = {
  recovering: 'dependency',
  skewed: 'clock',
  holding: 'session',
  missing: 'missing',
  disabled: 'protection',
  revoked: 'protection',
  rejected: 'credential',
  stale: 'credential',
  exhausted: 'resource',
  corrupt: 'data',
};

function causeOf({ name, kind }: Condition, { fleet }: Scene): Cause {
  const known = CAUSES[name];
  if (known !== undefined) return known;
  if (kind === 'certificate') return 'certificate';
  if (kind === 'credential') return 'credential';
  if (name === 'blocked') return kind === 'queue' || kind === 'data' ? 'data' : 'unknown';
  // What others run for us is theirs to heal.
  return kind === 'service' && fleet.assets.length > 0 ? 'dependency' : 'infrastructure';
}

/** What changed before a condition began, who uses most of what is used up, and which version came before it. */
function suspectsOf(condition: Condition, effects: readonly Symptom[], { fleet }: Scene): readonly Suspect[] {
  const { claim, workloads } = condition;
  const asset = assetOf(fleet, claim.subject.name);
  const settings = asset?.settings ?? [];
  const isUsedUp = condition.name === 'exhausted';
  const trouble: Trouble = {
    origins: new Set([claim.subject.name, ...workloads]),
    callers: new Set(),
    onset: Math.min(claim.since, ...effects.map(({ since }) => since)),
    symptoms: [claim],
    shape: 'errors',
    errors: isUsedUp ? { exhausted: 1 } : {},
    tenants: null,
    instances: null,
    load: 1,
  };
  const changed = settingSuspects({ ...trouble, onset: claim.since }, fleet, settings);
  const governing = changed.filter(
    ({ subject, cause }) => cause === 'actor' || isUsedUp || settings.includes(subject.name),
  );
  const partOf = asset?.partOf ?? claim.subject.name;
  const users = USED.includes(condition.name) ? actorSuspects(new Set([claim.subject.name, partOf]), fleet) : [];
  const versions = isUsedUp ? versionSuspects(trouble, fleet) : [];
  return [...governing, ...users, ...versions].sort((a, b) => b.score - a.score).slice(0, 5);
}

/** Conditions that use brings about. */
const USED: readonly ConditionName[] = ['exhausted', 'failing', 'blocked'];
