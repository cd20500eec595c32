import { canonicalJson } from '../base/json.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import type { FleetView } from '../diagnose/fleet-view.ts';
import type { Playbook } from '../resources/playbook.ts';
import { draftLadder, type Rung } from './drafts/ladder.ts';
import { type Scene, targetOf, wasDisturbed } from './drafts/scene.ts';
import { workloadNamed } from './guards/target.ts';
import { MOVE_TRAITS } from './move-traits.ts';
import { onsetOf } from './onset.ts';
import type { Policy, Situation } from './situation.ts';

/** Other suspects that are tried when what was suspected first did not hold: a guess further down is none. */
const SUSPECTS_MAX = 2;
/** A suspect that is less likely than this share of the likeliest one is not tried. */
const SUSPECT_SHARE_MIN = 0.5;

/** What is thought about, and when. */
export interface Deliberation {
  readonly situation: Situation;
  readonly fleet: FleetView;
  readonly policy: Policy;
  readonly now: number;
}

/** One explanation of what is wrong, with what could be done about it. */
export interface Candidate {
  readonly scene: Omit<Scene, 'rung'>;
  readonly playbook: Playbook;
  readonly target: string;
  readonly rungs: readonly Rung[];
  /** Those that were not tried in vain and call nobody. */
  readonly fresh: readonly Rung[];
}

/**
 * The explanations that a playbook answers, the likeliest first: what is diagnosed, and then the suspects that come near it.
 * Each with every rung of its playbook that fits.
 */
export function candidatesOf(diagnosis: Diagnosis, desk: Deliberation): readonly Candidate[] {
  const best = Math.max(0, ...diagnosis.suspects.map(({ score }) => score));
  const likely = diagnosis.suspects.filter(({ score }) => score >= SUSPECT_SHARE_MIN * best).slice(0, SUSPECTS_MAX);
  const others = likely.map(({ cause, subject, why }) => ({ cause, subject, summary: why }));
  return [diagnosis, ...others].flatMap(({ cause, subject, summary }): readonly Candidate[] => {
    const own = workloadNamed(subject) ?? (subject === diagnosis.subject ? diagnosis.workload : null);
    const playbook = choosePlaybook(desk.policy.playbooks, cause, own);
    if (!playbook) return [];
    const { situation, fleet } = desk;
    const { planId, repairs, incident } = situation;
    const onset = onsetOf(diagnosis);
    const scene = {
      cause,
      subject,
      workload: own,
      incident,
      summary,
      evidence: diagnosis.evidence,
      onset,
      fleet,
      planId,
      repairs,
    };
    const target = targetOf(subject, own, fleet);
    const rungs = draftLadder(scene, playbook, situation.learned ?? {});
    return [
      {
        scene,
        playbook,
        target,
        rungs,
        fresh: rungs.filter((rung) => !asksForHelp(rung) && !wasInVain(rung, target, playbook, desk)),
      },
    ];
  });
}

/** A rung that calls a person besides comes when nothing else is left, for other suspects too. */
export function asksForHelp({ steps }: Rung): boolean {
  return steps.some(({ move }) => move === 'page');
}

/** The same moves on the same target, lately, that did not hold. A write of another value is another deed. */
function wasInVain(rung: Rung, target: string, playbook: Playbook, { situation, fleet, now }: Deliberation): boolean {
  const since = now - playbook.spec.limits.windowMs;
  const values = rung.steps.flatMap(({ input }) =>
    'setting' in input ? [canonicalJson([input['setting'], input['value']])] : [],
  );
  const moves = rung.steps.map(({ move }) => move);
  return situation.repairs.some((repair) => {
    if (repair.outcome !== 'unwound' || repair.target !== target || repair.startedAt < since) return false;
    if (wasDisturbed(repair, fleet)) return false;
    const wrote = repair.wrote.map(({ setting, value }) => canonicalJson([setting, value]));
    if (!values.every((each) => wrote.includes(each))) return false;
    return moves.every(
      (move) => repair.moves.includes(move) || repair.moves.some((each) => MOVE_TRAITS[each].twin === move),
    );
  });
}

/** The most specific playbook wins: one that names the workload before one for all, a declared one before a built-in. */
function choosePlaybook(playbooks: readonly Playbook[], cause: string, workload: string | null): Playbook | undefined {
  const answering = playbooks.filter((each) => (each.spec.answers as readonly string[]).includes(cause));
  const specific = answering.find((each) => workload !== null && each.spec.workloads.includes(workload));
  return specific ?? answering.find((each) => each.spec.workloads.length === 0);
}
