import { symptomKey } from '../detect/symptom.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import { type FleetView, workloadOf } from '../diagnose/fleet-view.ts';
import { aftermathOf, echoedBy, rolloutOver } from './aftermath.ts';
import { asksForHelp, type Candidate, candidatesOf, type Deliberation } from './candidate.ts';
import { callsAPerson, isIndependent, pageRung, type Rung } from './drafts/ladder.ts';
import type { Guard } from './guards/guard.ts';
import { reviewPlan } from './guards/review.ts';
import { GUARDS } from './guards/table.ts';
import { MOVE_TRAITS } from './move-traits.ts';
import { outlookOf } from './outlook.ts';
import type { Decision, Plan, Step, Verdict } from './plan.ts';
import type { Budgets, Policy, Situation } from './situation.ts';

/** A plan that needs no approval is executed at once or not at all. */
const PLAN_LIFE_MS = 30_000;

/**
 * From what is wrong to what will be done about it, or to the reasons why nothing is. One pure function over plain data:
 * equal input gives an equal decision, so that any decision can be replayed.
 *
 * Every rung of the playbook that fits is judged for itself, and one that a guard denies is left out with the reasons. A
 * plan holds the rungs that can follow each other without another look at the world; what was tried in vain gives way to
 * the next rung, and then to the next suspect. A person is called when nothing else is left, after another look.
 */
export function decide(
  situation: Situation,
  fleet: FleetView,
  budgets: Budgets,
  policy: Policy,
  now: number,
  guards: readonly Guard[] = GUARDS,
): Decision {
  const judge: Judge = (plan) => reviewPlan({ plan, situation, fleet, budgets, policy, now }, guards);
  const desk: Desk = { situation, fleet, policy, now, guards, judge };
  const candidates = candidatesOf(situation.diagnosis, desk);
  const [first] = candidates;
  if (!first) {
    return refuse(situation, null, 'playbook', `no playbook answers ${situation.diagnosis.cause}`, 'apply one');
  }
  const before = echoedBy(situation, first.target, now);
  if (before) {
    const reason = `${before.id} has just healed ${before.target}, and nothing new was seen since`;
    return refuse(situation, first.target, 'aftermath', reason, 'wait until what was seen before it has passed');
  }
  const fresh = candidates.find((each) => each.fresh.length > 0);
  if (fresh) return planFor(fresh, fresh.fresh, desk);
  const rolled = rolloutOver(situation.diagnosis, fleet);
  if (rolled) {
    const reason = `${rolled.name} is on its way to version ${rolled.targetVersion}`;
    return refuse(situation, first.target, 'aftermath', reason, 'wait for the end of the rollout');
  }
  const recent = aftermathOf(situation, fleet, now);
  if (recent) {
    const reason = `${recent.id} is at work on ${recent.target} or has just ended; what is seen may be older`;
    return refuse(situation, first.target, 'aftermath', reason, 'wait until what was seen before it has passed');
  }
  // All of it was tried in vain: a person, with what is to hold until then, where the playbook ends with one; otherwise
  // once more.
  return planFor(first, callsAPerson(first.playbook) ? first.rungs.filter(asksForHelp) : first.rungs, desk);
}

type Judge = (plan: Plan) => readonly Verdict[];

interface Desk extends Deliberation {
  readonly guards: readonly Guard[];
  readonly judge: Judge;
}

function planFor(chosen: Candidate, rungs: readonly Rung[], desk: Desk): Decision {
  const { situation } = desk;
  const judged = rungs.map((rung) => {
    const verdicts = desk.judge(toPlan(chosen, [rung], desk));
    const denied = verdicts.filter((verdict) => verdict.kind === 'deny');
    return { rung, verdicts, denied, asks: verdicts.some((verdict) => verdict.kind === 'ask') };
  });
  const lawful = judged.filter(({ denied }) => denied.length === 0);
  const refused = whatWasRefused(judged);
  if (lawful.length === 0) {
    const proposed = judged.filter(({ denied }) => denied.every(({ guard }) => guard === 'autonomy'));
    if (proposed.length > 0) return propose(chosen, proposed, refused, desk);
    const names = new Set(refused.map(({ guard }) => guard));
    const allowed = judged[0]?.verdicts.filter(({ guard }) => !names.has(guard)) ?? [];
    return callInstead(chosen, refused, allowed, desk);
  }
  const ladder = followable(lawful).map(({ rung }) => rung);
  const plan = withVerdicts(toPlan(chosen, ladder, desk), refused, desk);
  if (plan) return plan;
  const alone = withVerdicts(toPlan(chosen, ladder.slice(0, 1), desk), refused, desk);
  return alone ?? { kind: 'refusal', incident: situation.incident, target: chosen.target, verdicts: refused };
}

/** Nothing stands against these rungs but that the playbook has no leave to climb any: they are laid before people. */
function propose(
  chosen: Candidate,
  proposed: readonly { readonly rung: Rung; readonly verdicts: readonly Verdict[] }[],
  refused: readonly Verdict[],
  desk: Desk,
): Decision {
  const { situation } = desk;
  const plan = toPlan(
    chosen,
    proposed.map(({ rung }) => rung),
    desk,
  );
  const proposal = { ...plan, needsApproval: true, verdicts: proposed[0]?.verdicts ?? [] };
  return { kind: 'refusal', incident: situation.incident, target: chosen.target, verdicts: refused, proposal };
}

/** The first rung and those that can follow it: none that asks for a person after one that does not. */
function followable<T extends { readonly rung: Rung; readonly asks: boolean }>(lawful: readonly T[]): readonly T[] {
  const taken: T[] = [];
  for (const each of lawful) {
    const first = taken[0];
    if (
      first &&
      (each.asks !== first.asks ||
        !isIndependent(
          each.rung,
          taken.map(({ rung }) => rung),
        ))
    )
      break;
    taken.push(each);
  }
  return taken;
}

/** The plan with the verdicts of all guards on it and with what was left out; undefined when one denies. */
function withVerdicts(draft: Plan, left: readonly Verdict[], desk: Desk): Plan | undefined {
  const verdicts = desk.judge(draft);
  if (verdicts.some((verdict) => verdict.kind === 'deny')) return undefined;
  const needsApproval = verdicts.some((verdict) => verdict.kind === 'ask');
  const playbook = desk.policy.playbooks.find((each) => each.metadata.name === draft.playbook);
  const lifeMs = needsApproval ? (playbook?.spec.limits.approvalMs ?? PLAN_LIFE_MS) : PLAN_LIFE_MS;
  return { ...draft, needsApproval, expiresAt: desk.now + lifeMs, verdicts: [...verdicts, ...left] };
}

/**
 * No rung may be climbed. When nothing but time would help, the refusal stands and is looked at again. Otherwise a person
 * is called, which takes nothing away, if nothing stands against that either.
 */
function callInstead(
  chosen: Candidate,
  refused: readonly Verdict[],
  allowed: readonly Verdict[],
  desk: Desk,
): Decision {
  const { situation, guards } = desk;
  const { target, playbook } = chosen;
  const calling = new Set(guards.filter(({ helps }) => helps === 'person').map(({ name }) => name));
  const refusal = { kind: 'refusal', incident: situation.incident, target } as const;
  if (refused.some(({ guard }) => !calling.has(guard))) return { ...refusal, verdicts: [...allowed, ...refused] };
  if (refused.length === 0 && !callsAPerson(playbook)) {
    const reason = `no move of playbook ${playbook.metadata.name} fits`;
    return refuse(situation, target, 'possible', reason, 'a person has to look');
  }
  const page = toPlan(chosen, [pageRung(chosen.scene)], desk);
  const verdicts = desk.judge(page);
  const denied = verdicts.filter((verdict) => verdict.kind === 'deny');
  if (denied.length > 0) return { ...refusal, verdicts: [...allowed, ...denied, ...refused] };
  const needsApproval = verdicts.some((verdict) => verdict.kind === 'ask');
  return { ...page, needsApproval, verdicts: [...verdicts, ...refused] };
}

/** What stood against rungs: what stands against all of them is said once, and the rest with the move that it is about. */
function whatWasRefused(
  judged: readonly { readonly rung: Rung; readonly denied: readonly Verdict[] }[],
): readonly Verdict[] {
  const told = new Set<string>();
  return judged.flatMap(({ rung, denied }) =>
    denied.flatMap((verdict): readonly Verdict[] => {
      const stands = ({ guard, reason }: Verdict) => guard === verdict.guard && reason === verdict.reason;
      const isGeneral = judged.every((each) => each.denied.some(stands));
      const reason = isGeneral ? verdict.reason : `${rung.steps[0]?.move}: ${verdict.reason}`;
      const what = `${verdict.guard} ${reason}`;
      if (told.has(what)) return [];
      told.add(what);
      return [{ ...verdict, reason }];
    }),
  );
}

function toPlan(chosen: Candidate, rungs: readonly Rung[], desk: Desk): Plan {
  const { scene, playbook, target } = chosen;
  const { situation, fleet, now } = desk;
  const steps: readonly Step[] = rungs.flatMap((each, rung) => each.steps.map((step) => ({ ...step, rung })));
  return {
    kind: 'plan',
    id: situation.planId,
    incident: situation.incident,
    cause: scene.cause,
    playbook: playbook.metadata.name,
    summary: scene.summary,
    answers: answersOf(situation.diagnosis, steps),
    target,
    workload: scene.workload,
    revision: scene.workload === null ? null : (workloadOf(fleet, scene.workload)?.revision ?? null),
    madeAt: now,
    expiresAt: now + PLAN_LIFE_MS,
    needsApproval: false,
    steps,
    verdicts: [],
    ...outlookOf(scene.cause, steps),
  };
}

/**
 * What is to go away. A way around something does not mend it: a tenant that is held to its rate sends on, a host that was
 * left stays broken, and so do the instances on it. Then what the tenants feel is all that counts.
 */
function answersOf({ evidence }: Diagnosis, steps: readonly Step[]): readonly string[] {
  // What holds a leak does not end it: only that nothing is measured to leak any more does.
  const evades = steps.every(
    ({ move, input }) =>
      (MOVE_TRAITS[move].evades && input['incident'] === undefined) || Array.isArray(input['avoidHosts']),
  );
  return evades ? [] : evidence.map(({ name, subject }) => symptomKey(name, subject));
}

function refuse(situation: Situation, target: string | null, guard: string, reason: string, remedy: string): Decision {
  return {
    kind: 'refusal',
    incident: situation.incident,
    target,
    verdicts: [{ guard, kind: 'deny', reason, remedy }],
  };
}
