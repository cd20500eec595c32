import { oncePer } from '../base/once-per.ts';
import { isLeak } from '../detect/violation.ts';
import { factOf, type Symptom, versionSubject } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import type { ConditionName } from '../observe/condition.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import { about } from './claims.ts';
import { violatedControlsIn, tellClauses } from './clauses.ts';
import type { Diagnosis } from './diagnosis.ts';
import {
  assetOf,
  type FleetView,
  lastKnownGood,
  occupantOf,
  type SettingView,
  type VersionView,
  type WorkloadView,
  workloadOf,
} from './fleet-view.ts';
import { accuse, occupants, type Rule, type Scene } from './scene.ts';

const violationClaims = oncePer((left: Symptoms) =>
  [...left.values()].filter(({ name }) => factOf(name) !== undefined),
);

/** Claims that one tenant sees what is another's, as measured by a fact. */
export function leaksMeasured({ left }: Scene): readonly Symptom[] {
  return violationClaims(left).filter(({ name }) => isLeak(factOf(name)!));
}

const CLOCK: FactName = 'clock.offset.seconds';
/** Of the instances that run, so many are off by the same clock before it is that clock that is doubted. */
const OFF_SHARE = 0.5;
const OFF_MIN = 2;

/** Clocks are compared with that of control. One that is off is off; when most are, nobody can say which is right. */
function ownClock(scene: Scene): Diagnosis | undefined {
  const claims = violationClaims(scene.left).filter(({ name }) => factOf(name) === CLOCK);
  const off = claims.filter(({ subject }) => occupantOf(scene.fleet, subject.name) !== undefined);
  const running = occupants(scene.fleet).filter((each) => each.running).length;
  if (off.length < OFF_MIN || off.length < OFF_SHARE * running) return undefined;
  const summary = `${off.length} of ${running} instances differ from the clock of control, which may itself be off: ${tellViolations(claims)}`;
  return accuse(
    { cause: 'observer', subject: { kind: 'actor', name: 'control' }, workload: null, summary },
    claims,
    [],
  );
}

/** A thing with a fact that violates controls: one incident, however many controls, frameworks and tenants it violates. */
export const violations: Rule = (scene) => {
  const [claim] = violationClaims(scene.left);
  if (!claim) return undefined;
  const own = ownClock(scene);
  if (own) return own;
  const change = changeBefore(claim, scene);
  if (change) return ofChange(change, scene);
  const setting = settingBehind(claim, scene);
  if (setting) return ofSetting(setting, scene);
  const { name } = claim.subject;
  const evidence = violationsOf(name, scene);
  const [workload = null, ...others] = assetOf(scene.fleet, name)?.workloads ?? [];
  const place = others.length === 0 ? workload : null;
  const accused = {
    cause: 'compliance' as const,
    subject: claim.subject,
    workload: place ?? occupantOf(scene.fleet, name)?.workload ?? null,
  };
  return accuse({ ...accused, summary: tellViolations(evidence) }, evidence, []);
};

/** The setting that a fact comes of: it is what is wrong, for however many tenants that is measured. */
function settingBehind({ name, subject }: Symptom, { fleet }: Scene): SettingView | undefined {
  const fact = factOf(name);
  return (
    fact && fleet.settings.find(({ floor }) => floor?.facts.includes(fact) && floor.subjects.includes(subject.name))
  );
}

function ofSetting(setting: SettingView, scene: Scene): Diagnosis {
  const evidence = violationClaims(scene.left).filter((each) => settingBehind(each, scene)?.id === setting.id);
  const [workload = null, ...others] = setting.workloads;
  const summary = `${setting.id} is beyond what the law allows: ${tellViolations(evidence)}`;
  const subject = { kind: 'setting', name: setting.id } as const;
  const accused = { cause: 'compliance' as const, subject, workload: others.length === 0 ? workload : null };
  return accuse({ ...accused, summary }, evidence, []);
}

/** What came into a slot right before its facts turned. */
interface ChangeBefore {
  readonly workload: WorkloadView;
  readonly version: VersionView;
}

/** A version that brought violations along: one incident for all its slots. */
function ofChange({ workload: { name }, version: { version } }: ChangeBefore, scene: Scene): Diagnosis {
  const evidence = violationClaims(scene.left).filter((each) => {
    const change = changeBefore(each, scene);
    return change?.workload.name === name && change.version.version === version;
  });
  const summary = `version ${version} of ${name} came right before: ${tellViolations(evidence)}`;
  const accused = { cause: 'compliance' as const, subject: versionSubject(name, version), workload: name };
  return accuse({ ...accused, summary }, evidence, []);
}

/** From the first process of a version until its facts were measured: two rounds of the slowest rhythm, and some more. */
const MEASURED_WITHIN_MS = 180_000;
/** A version whose processes were only started anew changed nothing. */
const NEW_FOR_MS = 900_000;
const SLACK_MS = 4_000;
/** Moves that go back from a version: where the law names neither, a version is nothing to accuse. */
const GOES_BACK: readonly string[] = ['revert', 'rollback'];

/**
 * Of a fact of a slot (`listener portal/eu/0`): the version that came into it right before the fact turned, if there is one
 * to go back to. The same answer while that is under way, when another one has the slot again.
 */
function changeBefore(claim: Symptom, { fleet }: Scene): ChangeBefore | undefined {
  const { subject, since } = claim;
  const [name = '', region, ordinal] = subject.name.slice(subject.name.indexOf(' ') + 1).split('/');
  const workload = workloadOf(fleet, name);
  const version = workload?.versions
    .filter(({ createdAt, rejectedAt }) => createdAt <= since + SLACK_MS && (rejectedAt ?? since) >= since)
    .toSorted((a, b) => b.version - a.version)[0];
  if (!workload || !version || since - version.createdAt > NEW_FOR_MS) return undefined;
  if (!lastKnownGood(workload, version.version)) return undefined;
  const own = workload.instances.filter((each) => each.version === version.version);
  const began = Math.min(...own.map(({ startedAt }) => startedAt));
  const isHere = own.some((each) => each.region === region && String(each.ordinal) === ordinal);
  const isAfter = since + SLACK_MS >= began && since - began <= MEASURED_WITHIN_MS;
  if (version.rejectedAt === null && !(isHere && isAfter)) return undefined;
  return violatedControlsIn([claim]).some(({ moves }) => moves.some((move) => GOES_BACK.includes(move)))
    ? { workload, version }
    : undefined;
}

/** All that is measured to be violated by one thing. */
export function violationsOf(subject: string, { left }: Scene): readonly Symptom[] {
  return about(left, subject).filter(({ name }) => factOf(name) !== undefined);
}

const FACTS_TOLD = 3;

/** What was measured, and the clauses that it violates. */
export function tellViolations(evidence: readonly Symptom[]): string {
  const facts = evidence.filter(({ name }) => factOf(name) !== undefined).map(({ reason }) => reason);
  const rest = facts.length > FACTS_TOLD ? ` and ${facts.length - FACTS_TOLD} more` : '';
  return `${facts.slice(0, FACTS_TOLD).join(', ')}${rest}; violates ${tellClauses(evidence)}`;
}

/** What a condition of a thing does to the facts that are measured of it, or of what it is part of. */
const EXPLAINS: Readonly<Partial<Record<ConditionName, readonly FactName[]>>> = {
  disabled: ['rls.enabled', 'isolation.sql.foreignRows'],
  expired: ['tls.chain.valid', 'tls.certificate.daysLeft'],
  expiring: ['tls.certificate.daysLeft'],
  'not-yet-valid': ['tls.chain.valid'],
  skewed: ['clock.offset.seconds'],
  leaking: ['isolation.sql.foreignRows', 'isolation.api.foreignRows'],
};

/** Violations that a condition explains: they are in its incident, and add their clauses to it. */
export function violationsBy(condition: ConditionName, asset: string, scene: Scene): readonly Symptom[] {
  const facts = EXPLAINS[condition] ?? [];
  return placesOf(asset, scene.fleet).flatMap((place) =>
    violationsOf(place, scene).filter(({ name }) => facts.includes(factOf(name)!)),
  );
}

function placesOf(asset: string, fleet: FleetView): readonly string[] {
  const whole = assetOf(fleet, asset)?.partOf ?? null;
  return whole === null ? [asset] : [asset, whole];
}
