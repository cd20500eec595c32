import type { Diagnosis } from '../../src/diagnose/diagnosis.ts';
import { BUILTIN_PLAYBOOKS } from '../../src/heal/playbooks.ts';
import { NOTHING_TOUCHED, type Plan, type Step } from '../../src/heal/plan.ts';
import type { PastRepair, Policy, Situation } from '../../src/heal/situation.ts';
import type { Cause } from '../../src/resources/playbook.ts';
import { AT } from './fleet-views.ts';

/** What healing decides from, with what a test does not care about filled in. */
export function diagnosisOf(cause: Cause, subject: Diagnosis['subject'], more: Partial<Diagnosis> = {}): Diagnosis {
  const workload = 'workload' in subject ? subject.workload : subject.kind === 'workload' ? subject.name : null;
  const summary = `${subject.name} is broken`;
  const seen = { since: AT - 1_000, at: AT - 100, vantages: ['keeper'], reason: 'it was seen', evidence: {} };
  const evidence = [{ name: 'hung' as const, subject, ...seen }];
  return {
    key: `${subject.kind} ${subject.name}`,
    cause,
    subject,
    workload,
    summary,
    evidence,
    explains: [],
    suspects: [],
    ...more,
  };
}

export function situationOf(diagnosis: Diagnosis, repairs: readonly PastRepair[] = []): Situation {
  const healer = { takeovers: 0, overdue: 0, canWrite: true, standsOn: [] };
  const past = { repairs, relapses: { count: 0, lastOverAt: null }, trust: {}, approvals: [] };
  const vantages = ['keeper', 'prober', 'gateway-1'].map((name) => ({ name, host: 'control', lastHeardAt: AT }));
  return { incident: 'inc_1', diagnosis, planId: 'pln_abcde', ...past, vantages, healer };
}

export function policyOf(more: Partial<Policy> = {}): Policy {
  const earned = {
    autonomyMax: 'auto' as const,
    drillAgeMaxMs: null,
    harmMax: 1_000,
    harmWindowMs: 86_400_000,
    destructive: [],
  };
  return { stops: [], freezes: [], playbooks: BUILTIN_PLAYBOOKS, rules: [], ...earned, ...more };
}

export function repairOf(target: string, more: Partial<PastRepair> = {}): PastRepair {
  const times = { startedAt: AT - 5_000, endedAt: null, outcome: null };
  const what = { cause: 'instance-hung' as const, playbook: 'replace-hung', moves: ['replace' as const] };
  return { id: `rep of ${target}`, target, ...times, instances: [], tenants: [], ...what, wrote: [], ...more };
}

export function stepOf(more: Partial<Step> = {}, touch: Partial<Step['touch']> = {}): Step {
  const touches = { ...NOTHING_TOUCHED, tenants: ['shop'], regions: ['eu'], ...touch };
  return {
    move: 'replace',
    rung: 0,
    undo: 'it is put back',
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
    answers: [],
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
