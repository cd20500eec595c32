import { violatedControlsIn } from '../../diagnose/clauses.ts';
import { settingOf } from '../../diagnose/fleet-view.ts';
import type { MoveName, Playbook } from '../../resources/playbook.ts';
import { inLearnedOrder, type Learned } from '../learned-order.ts';
import { keepsOut, MOVE_TRAITS } from '../move-traits.ts';
import type { Step } from '../plan.ts';
import { SLOWEST_FAILURE_MS } from '../slowest-failure.ts';
import type { Draft, Scene } from './scene.ts';
import { DRAFTS } from './table.ts';

/** A rung of a playbook as it would be climbed here. Its steps have no place in a ladder yet. */
export interface Rung {
  readonly steps: readonly Omit<Step, 'rung'>[];
}

/**
 * The rungs of a playbook that fit a scene, without the call to a person that may end it. A rung whose own move does not
 * fit is left out whole; what it does `also` is left out alone.
 */
export function draftLadder(scene: Omit<Scene, 'rung'>, playbook: Playbook, learned: Learned): readonly Rung[] {
  const placed = playbook.spec.ladder.map((rung, place) => ({ ...rung, place }));
  return inLearnedOrder(scene.cause, placed, learned).flatMap(({ place, ...rung }): readonly Rung[] => {
    if (rung.move === 'page' || !isRemedy(rung.move, scene)) return [];
    const here: Scene = { ...scene, rung: place };
    const own = DRAFTS[rung.move](here, rung.parameters);
    if (own.length === 0) return [];
    const also = rung.also.filter(({ move }) => isRemedy(move, scene));
    const rest = also.flatMap((each) => DRAFTS[each.move](here, each.parameters));
    // A leak that nothing here could mend is held for a person, who is called at once.
    const onlyHolds = scene.cause === 'isolation' && [...own, ...rest].every(({ move }) => keepsOut(move));
    if (onlyHolds && callsAPerson(playbook)) return [];
    const slowestMs = SLOWEST_FAILURE_MS[scene.cause];
    const soakMs = Math.max(rung.soakMs, slowestMs, ...own.map((draft) => livedUnderMs(draft, here)));
    const verifyWithinMs = Math.max(rung.verifyWithinMs, 2 * soakMs);
    return [{ steps: withoutRepetition([...own, ...rest]).map((draft) => ({ ...draft, soakMs, verifyWithinMs })) }];
  });
}

/** A violation is met with what the violated controls name against it, and with nothing else. */
function isRemedy(move: MoveName, { cause, evidence }: Omit<Scene, 'rung'>): boolean {
  if (cause !== 'compliance' || move === 'page') return true;
  return violatedControlsIn(evidence).some(({ moves }) => moves.includes(move));
}

const DEATHS: ReadonlySet<string> = new Set(['exited', 'crash-loop']);
const LIVED_MS_MAX = 300_000;

/**
 * For how long the processes that died had lived with the value that is put back. Those that take their places are as
 * young as these were when it was written: that they live yet says nothing for as long again.
 */
function livedUnderMs({ move, input }: Draft, { evidence, fleet }: Scene): number {
  const deaths = evidence.filter(({ name }) => DEATHS.has(name)).map(({ since }) => since);
  const setting = MOVE_TRAITS[move].restores ? settingOf(fleet, String(input['setting'])) : undefined;
  const writtenAt = setting?.history.at(-1)?.at;
  if (deaths.length === 0 || writtenAt === undefined) return 0;
  return Math.min(LIVED_MS_MAX, Math.max(0, Math.min(...deaths) - writtenAt));
}

/** Two moves of a rung may come to the same deed: the restart that a write needs, and the restart that follows it. */
function withoutRepetition(drafts: readonly Draft[]): readonly Draft[] {
  const seen = new Set<string>();
  return drafts.filter((draft) => {
    const deed = deedOf(draft);
    return seen.has(deed) ? false : seen.add(deed);
  });
}

function deedOf({ move, input }: Draft): string {
  const of = input['setting'] ?? input['oldInstance'] ?? input['key'] ?? input['id'] ?? input['workload'];
  return `${'setting' in input ? 'write' : (MOVE_TRAITS[move].twin ?? move)} ${String(of)}`;
}

/** The call to a person that ends every ladder that could not help. */
export function pageRung(scene: Omit<Scene, 'rung'>): Rung {
  const place = { ...scene, rung: 0 };
  return { steps: DRAFTS.page(place, {}).map((draft) => ({ ...draft, soakMs: 0, verifyWithinMs: 0 })) };
}

/** Whether a ladder ends with a person. */
export function callsAPerson(playbook: Playbook): boolean {
  return playbook.spec.ladder.some(({ move }) => move === 'page');
}

/**
 * Whether the steps of a rung may follow those of others in one plan: what an earlier rung changed, even if it was taken
 * back, has another revision and other occupants by then, and has to be looked at anew. So has what is limited, and how
 * far: load moves within seconds.
 */
export function isIndependent(rung: Rung, others: readonly Rung[]): boolean {
  if (rung.steps.some(({ move }) => MOVE_TRAITS[move].limits)) return false;
  const touched = new Set(
    others.flatMap(({ steps }) => steps.flatMap(({ touch }) => [...touch.instances, ...touch.settings])),
  );
  return rung.steps.every(({ touch }) => [...touch.instances, ...touch.settings].every((each) => !touched.has(each)));
}
