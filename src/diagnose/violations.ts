import { oncePer } from '../base/once-per.ts';
import { isLeak } from '../detect/violation.ts';
import { factOf, type Symptom } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import type { ConditionName } from '../observe/condition.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import { about } from './claims.ts';
import { tellClauses } from './clauses.ts';
import { assetOf, type FleetView } from './fleet-view.ts';
import { accuse, type Rule, type Scene } from './scene.ts';

const violationClaims = oncePer((left: Symptoms) =>
  [...left.values()].filter(({ name }) => factOf(name) !== undefined),
);

/** Claims that one tenant sees what is another's, as measured by a fact. */
export function leaksMeasured({ left }: Scene): readonly Symptom[] {
  return violationClaims(left).filter(({ name }) => isLeak(factOf(name)!));
}

/** A thing with a fact that violates controls: one incident, however many controls, frameworks and tenants it violates. */
export const violations: Rule = (scene) => {
  const [claim] = violationClaims(scene.left);
  if (!claim) return undefined;
  const evidence = violationsOf(claim.subject.name, scene);
  const [workload = null, ...others] = assetOf(scene.fleet, claim.subject.name)?.workloads ?? [];
  const place = others.length === 0 ? workload : null;
  const accused = { cause: 'compliance' as const, subject: claim.subject, workload: place };
  return accuse({ ...accused, summary: tellViolations(evidence) }, evidence, []);
};

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
