import type { JsonObject } from '../base/json.ts';
import { symptomKey } from '../detect/symptom.ts';
import { type FleetView, type InstanceView, instanceOf, lastKnownGood, workloadOf } from '../diagnose/fleet-view.ts';
import type { MoveName, Playbook } from '../resources/playbook.ts';
import { type Guard, GUARDS, reviewPlan } from './guards.ts';
import { type Decision, NOTHING_TOUCHED, type Plan, type Step, type Touch, type Verdict } from './plan.ts';
import type { Budgets, Policy, Situation } from './situation.ts';

/** A plan that needs no approval is executed at once or not at all. */
const PLAN_LIFE_MS = 30_000;

/**
 * From what is wrong to what will be done about it, or to the reasons why nothing is. One pure function over plain data:
 * equal input gives an equal decision, so that any decision can be replayed.
 */
export function decide(
  situation: Situation,
  fleet: FleetView,
  budgets: Budgets,
  policy: Policy,
  now: number,
  guards: readonly Guard[] = GUARDS,
): Decision {
  const { diagnosis } = situation;
  const playbook = choosePlaybook(policy.playbooks, diagnosis.cause, diagnosis.workload);
  if (!playbook) return refuse(situation, null, 'playbook', `no playbook answers ${diagnosis.cause}`, 'apply one');
  const drafted = playbook.spec.ladder.flatMap((rung) => {
    const draft = DRAFTS[rung.move]?.(situation, fleet, rung.parameters);
    return draft ? [{ ...draft, soakMs: rung.soakMs, verifyWithinMs: rung.verifyWithinMs }] : [];
  });
  const steps = drafted.map((step, rung) => ({ ...step, rung }));
  const target = targetOf(situation, fleet);
  if (steps.length === 0) {
    return refuse(
      situation,
      target,
      'possible',
      `no move of playbook ${playbook.metadata.name} fits`,
      'a person has to look',
    );
  }
  const draft: Plan = {
    kind: 'plan',
    id: situation.planId,
    incident: situation.incident,
    cause: diagnosis.cause,
    playbook: playbook.metadata.name,
    summary: diagnosis.summary,
    answers: diagnosis.evidence.map(({ name, subject }) => symptomKey(name, subject)),
    target,
    workload: diagnosis.workload,
    revision: diagnosis.workload === null ? null : (workloadOf(fleet, diagnosis.workload)?.revision ?? null),
    madeAt: now,
    expiresAt: now + PLAN_LIFE_MS,
    needsApproval: false,
    steps,
    verdicts: [],
  };
  const verdicts = reviewPlan({ plan: draft, situation, fleet, budgets, policy, now }, guards);
  const denied = verdicts.filter((verdict) => verdict.kind === 'deny');
  if (denied.length > 0 && denied.every((verdict) => verdict.guard === 'attempts')) return callInstead(draft, verdicts);
  if (denied.length > 0) return { kind: 'refusal', incident: situation.incident, target, verdicts };
  const needsApproval = verdicts.some((verdict) => verdict.kind === 'ask');
  const expiresAt = needsApproval ? now + playbook.spec.limits.approvalMs : draft.expiresAt;
  return { ...draft, verdicts, needsApproval, expiresAt };
}

/** Enough was tried: what is left is to call a person, which takes nothing away and so needs no other leave. */
function callInstead(draft: Plan, verdicts: readonly Verdict[]): Plan {
  const input = { incident: draft.incident, summary: draft.summary };
  const touch = NOTHING_TOUCHED;
  const said = { effect: 'a person is called', undo: 'what was said stays said' };
  const step: Step = { move: 'page', rung: 0, input, touch, ...said, soakMs: 0, verifyWithinMs: 0 };
  return { ...draft, steps: [step], verdicts };
}

/** The most specific playbook wins: one that names the workload before one for all, a declared one before a built-in. */
function choosePlaybook(playbooks: readonly Playbook[], cause: string, workload: string | null): Playbook | undefined {
  const answering = playbooks.filter((each) => (each.spec.answers as readonly string[]).includes(cause));
  const specific = answering.find((each) => workload !== null && each.spec.workloads.includes(workload));
  return specific ?? answering.find((each) => each.spec.workloads.length === 0);
}

function targetOf(situation: Situation, fleet: FleetView): string {
  const { subject, workload } = situation.diagnosis;
  if (subject.kind === 'tenant') return `tenant ${subject.name}`;
  const instance = subject.kind === 'instance' ? instanceOf(fleet, subject.name) : undefined;
  if (instance) return `slot ${slotName(instance)}`;
  return `workload ${workload ?? subject.name}`;
}

function slotName(instance: InstanceView): string {
  return `${instance.workload}/${instance.region}/${instance.ordinal}`;
}

type Draft = Pick<Step, 'move' | 'input' | 'touch' | 'effect' | 'undo'>;
type DraftMove = (situation: Situation, fleet: FleetView, parameters: JsonObject) => Draft | undefined;

const replaceInstance: DraftMove = (situation, fleet) => {
  const { subject } = situation.diagnosis;
  const instance = subject.kind === 'instance' ? instanceOf(fleet, subject.name) : undefined;
  const workload = instance && workloadOf(fleet, instance.workload);
  if (!instance || !workload || instance.role !== 'occupant') return undefined;
  const inPlace = workload.replacement === 'in-place';
  const input = {
    workload: workload.name,
    region: instance.region,
    ordinal: instance.ordinal,
    oldInstance: instance.id,
    newInstance: successorId(situation.planId, instance, 0),
    version: instance.version,
    oldVersion: instance.version,
    inPlace,
  };
  return {
    move: inPlace ? 'restart' : 'replace',
    input,
    touch: touchOf(fleet, [instance], inPlace && instance.ready ? 1 : 0),
    undo: `${instance.id} keeps the slot`,
    effect: inPlace
      ? `stop ${instance.id}, then start ${input.newInstance} in its place`
      : `start ${input.newInstance}, then take ${instance.id} out of service`,
  };
};

const goBack: DraftMove = (situation, fleet) => {
  const { subject } = situation.diagnosis;
  const workload = subject.kind === 'version' ? workloadOf(fleet, subject.workload) : undefined;
  if (!workload || subject.kind !== 'version') return undefined;
  const good = lastKnownGood(workload, subject.version);
  if (!good) return undefined;
  const affected = workload.instances.filter((each) => each.version === subject.version && each.role === 'occupant');
  const slots = affected.map((instance, i) => ({
    region: instance.region,
    ordinal: instance.ordinal,
    oldInstance: instance.id,
    newInstance: successorId(situation.planId, instance, i),
  }));
  const inPlace = workload.replacement === 'in-place';
  const bad = workload.versions.find((each) => each.version === subject.version);
  const move = bad?.artefactDigest === good.artefactDigest ? 'revert' : 'rollback';
  return {
    move,
    input: {
      workload: workload.name,
      from: subject.version,
      to: good.version,
      oldPhase: workload.phase,
      inPlace,
      slots,
    },
    touch: touchOf(fleet, affected, inPlace && affected.some((each) => each.ready) ? 1 : 0),
    undo: `version ${subject.version} is wanted again`,
    effect: `${workload.name} goes back from version ${subject.version} to version ${good.version}, which has soaked`,
  };
};

const limitTenant =
  (kind: 'throttle' | 'quarantine'): DraftMove =>
  (situation, fleet, parameters) => {
    const { subject, evidence } = situation.diagnosis;
    const tenant = subject.kind === 'tenant' ? fleet.tenants.find((each) => each.name === subject.name) : undefined;
    if (!tenant || tenant.mitigations.some((each) => each.kind === kind)) return undefined;
    const usual = Number(evidence[0]?.evidence['usualPerSecond'] ?? tenant.limits.requestsPerSecond / 4);
    const requestsPerSecond = Math.max(1, Math.round(usual * Number(parameters['timesUsual'] ?? 1.5)));
    const concurrency = Math.max(2, Math.ceil(tenant.limits.concurrency / 8));
    const minutes = Number(parameters['minutes'] ?? 10);
    const touch: Touch = { ...NOTHING_TOUCHED, tenants: [tenant.name], dataClasses: tenant.dataClasses };
    return {
      move: kind,
      input: { id: `${situation.planId}-${kind}`, kind, tenant: tenant.name, requestsPerSecond, concurrency, minutes },
      touch,
      undo: 'the limit is lifted',
      effect:
        kind === 'throttle'
          ? `${tenant.name} is held to ${requestsPerSecond} requests/s for ${minutes} min`
          : `${tenant.name} is refused for ${minutes} min`,
    };
  };

const scaleByOne: DraftMove = (situation, fleet) => {
  const workload = workloadOf(fleet, situation.diagnosis.workload ?? '');
  if (!workload || workload.replacement === 'in-place') return undefined;
  const regions = Object.keys(workload.wanted);
  const touch = { ...touchOf(fleet, [], 0), regions };
  return {
    move: 'scale',
    input: { workload: workload.name, regions, by: 1, key: situation.planId },
    touch,
    undo: 'as many as before',
    effect: `one more instance of ${workload.name} in ${regions.join(' and ')}`,
  };
};

const page: DraftMove = (situation) => ({
  move: 'page',
  input: { incident: situation.incident, summary: situation.diagnosis.summary },
  touch: NOTHING_TOUCHED,
  effect: 'a person is called',
  undo: 'what was said stays said',
});

/** How each move is drafted for a situation; nothing where it does not fit. */
const DRAFTS: Readonly<Partial<Record<MoveName, DraftMove>>> = {
  replace: replaceInstance,
  restart: replaceInstance,
  rollback: goBack,
  revert: goBack,
  throttle: limitTenant('throttle'),
  quarantine: limitTenant('quarantine'),
  scale: scaleByOne,
  page,
};

/** Every tenant that may be served where the instances stand is touched: pooled instances serve them all. */
function touchOf(fleet: FleetView, instances: readonly InstanceView[], servingTakenAtOnce: number): Touch {
  const regions = [...new Set(instances.map((each) => each.region))];
  const tenants = fleet.tenants.filter((each) => regions.some((region) => each.regions.includes(region)));
  return {
    ...NOTHING_TOUCHED,
    instances: instances.map((each) => each.id),
    servingTakenAtOnce,
    dataClasses: [...new Set(tenants.flatMap((each) => each.dataClasses))],
    tenants: tenants.map((each) => each.name),
    regions,
  };
}

/** `records-eu-0-k3f9a`: says where it belongs; unique because plan ids are. */
function successorId(planId: string, instance: InstanceView, index: number): string {
  return `${instance.workload}-${instance.region}-${instance.ordinal}-${planId.slice(-5)}${index > 0 ? index : ''}`;
}

function refuse(situation: Situation, target: string | null, guard: string, reason: string, remedy: string): Decision {
  return {
    kind: 'refusal',
    incident: situation.incident,
    target,
    verdicts: [{ guard, kind: 'deny', reason, remedy }],
  };
}
