import type { FieldPath } from '../field-path.ts';
import type { ManifestDocument } from '../manifest-document.ts';
import type { Complaints } from './complaints.ts';
import type { OpensloDocuments } from './openslo-documents.ts';
import { type ConditionSpec, type PolicySpec, type Slo, shorthandMs, toShorthand } from './openslo-schema.ts';
import type { BurnPolicy } from './openslo-terms.ts';

/** A part of a policy, and the document that it stands in; of the SLO itself when that is undefined. */
interface At {
  readonly path: FieldPath;
  readonly document: ManifestDocument | undefined;
}

/**
 * Holds the alert policies of an SLO against ours. All objectives have the same alerts, so a condition that is one of
 * them is met, and any other has no counterpart.
 */
export function alertComplaints(
  policies: Slo['spec']['alertPolicies'],
  documents: OpensloDocuments,
  burns: BurnPolicy,
  complaints: Complaints,
): void {
  for (const [index, policy] of policies.entries()) {
    const path = ['spec', 'alertPolicies', index];
    if (!('alertPolicyRef' in policy)) {
      checkPolicy(policy.spec, { path: [...path, 'spec'], document: undefined }, documents, burns, complaints);
      continue;
    }
    const referred = documents.policies.get(policy.alertPolicyRef);
    if (referred) checkPolicy(referred.value, { path: ['spec'], ...referred }, documents, burns, complaints);
    else
      complaints.refuse([...path, 'alertPolicyRef'], 'names a policy that is in none of the files; give its file too');
  }
}

function checkPolicy(
  policy: PolicySpec,
  { path, document }: At,
  documents: OpensloDocuments,
  burns: BurnPolicy,
  complaints: Complaints,
): void {
  if (policy.alertWhenNoData) {
    const message = 'has no counterpart: no data is neither good nor bad; use false, and watch the source itself';
    complaints.refuse([...path, 'alertWhenNoData'], message, document);
  }
  if (!policy.alertWhenBreaching) {
    complaints.refuse([...path, 'alertWhenBreaching'], 'has no counterpart: what burns is told; use true', document);
  }
  const [condition] = policy.conditions;
  const at = [...path, 'conditions', 0];
  if (condition === undefined) return;
  if (!('conditionRef' in condition)) {
    checkCondition(condition.spec, { path: [...at, 'spec'], document }, burns, complaints);
    return;
  }
  const referred = documents.conditions.get(condition.conditionRef);
  if (referred) checkCondition(referred.value, { path: ['spec'], ...referred }, burns, complaints);
  else {
    const message = 'names a condition that is in none of the files; give its file too';
    complaints.refuse([...at, 'conditionRef'], message, document);
  }
}

function checkCondition(
  { condition, severity }: ConditionSpec,
  { path, document }: At,
  burns: BurnPolicy,
  complaints: Complaints,
): void {
  const { op, threshold, lookbackWindow, alertAfter } = condition;
  const where = [...path, 'condition'];
  const alert = burns.alerts.find((each) => each.factor === threshold && each.longMs === shorthandMs(lookbackWindow));
  if (alert === undefined || op === 'lt' || op === 'lte') {
    const known = burns.alerts.map(({ factor, longMs }) => `${factor} over ${toShorthand(longMs)}`).join(', ');
    complaints.refuse(
      [...where, 'threshold'],
      `has no counterpart: alerts are at a burn of more than ${known}; use one of these or leave the policy out`,
      document,
    );
    return;
  }
  if (alert.severity !== severity) {
    complaints.warn([...path, 'severity'], `such a burn is a ${alert.severity} here`, document);
  }
  if (shorthandMs(alertAfter) !== 0) {
    const message = `an alert waits until the last ${toShorthand(alert.shortMs)} burn as well, not for a time`;
    complaints.warn([...where, 'alertAfter'], message, document);
  }
}
