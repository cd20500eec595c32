import type { Diagnosis } from '../../src/diagnose/diagnosis.ts';
import { BUILTIN_PLAYBOOKS } from '../../src/heal/playbooks.ts';
import type { Plan, Step } from '../../src/heal/plan.ts';
import type { PastRepair, Policy, Situation } from '../../src/heal/situation.ts';
import type { Cause } from '../../src/resources/playbook.ts';
import { AT } from './fleet-views.ts';

/** What healing decides from, with what a test does not care about filled in. */
export function diagnosisOf(cause: Cause, subject: Diagnosis['subject'], more: Partial<Diagnosis> = {}): Diagnosis {
  const workload = 'workload' in subject ? subject.workload : subject.kind === 'workload' ? subject.name : null;
  const summary = `${subject.name} is broken`;
  const seen = { since: AT - 1_000, at: AT - 100, vantages: ['keeper'], reason: 'it was seen', evidence: {} };
  const evidence = [{ name: 'hung' as const, subject, ...seen }];
  return { key: `${subject.kind} ${subject.name}`, cause, subject, workload, summary, evidence, explains: [], ...more };
}

export function situationOf(diagnosis: Diagnosis, repairs: readonly PastRepair[] = []): Situation {
  return { incident: 'inc_1', diagnosis, planId: 'pln_abcde', repairs };
}

export function policyOf(more: Partial<Policy> = {}): Policy {
  return { stops: [], freezes: [], playbooks: BUILTIN_PLAYBOOKS, rules: [], autonomyMax: 'auto', ...more };
}

export function repairOf(target: string, more: Partial<PastRepair> = {}): PastRepair {
  const times = { startedAt: AT - 5_000, endedAt: null, outcome: null };
  return { id: `rep of ${target}`, target, ...times, instances: [], ...more };
}

export function stepOf(more: Partial<Step> = {}, touch: Partial<Step['touch']> = {}): Step {
  const touches = {
    instances: [],
    servingTakenAtOnce: 0,
    tenants: ['shop'],
    regions: ['eu'],
    reversible: true,
    ...touch,
  };
  return {
    move: 'replace',
    input: {},
    touch: touches,
    effect: 'it is replaced',
    soakMs: 0,
    verifyWithinMs: 0,
    ...more,
  };
}

export function planOf(more: Partial<Plan> = {}): Plan {
  return {
    kind: 'plan',
    id: 'pln_abcde',
    incident: 'inc_1',
    cause: 'instance-hung',
    playbook: 'replace-hung',
    summary: 'it hangs',
    target: 'slot records/eu/0',
    workload: 'records',
    revision: 7,
    madeAt: AT,
    expiresAt: AT + 30_000,
    needsApproval: false,
    steps: [stepOf()],
    verdicts: [],
    ...more,
  };
}
