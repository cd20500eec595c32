import type { Scenario } from '../scenarios/scenario.ts';
import type { Act, Trial } from '../sim/world/trial.ts';

/** What a scenario asks for or forbids: a move, what it touched, what it wrote. */
export type Deed = Scenario['expect']['forbidden'][number];

/** Whether an act that was applied is the deed. A call for a person is no deed unless it is asked for by name. */
export function isDeed(act: Act, deed: Deed): boolean {
  if (deed.move === 'any' ? act.move === 'page' : act.move !== deed.move) return false;
  const { subject } = deed;
  if (subject !== undefined && !act.subjects.some((each) => each.includes(subject))) return false;
  return deed.value === undefined || (act.value ?? null) === deed.value;
}

/** Acts that changed something: applied, and no call for a person. */
export function changesOf(trial: Trial): readonly Act[] {
  return trial.acts.filter((act) => act.verb === 'apply' && act.move !== 'page');
}

/** Acts that ended well and were not taken back: what the world was left with. */
export function keptOf(trial: Trial): readonly Act[] {
  const undone = new Set(trial.acts.filter((act) => act.verb === 'undo').map((act) => stepOf(act)));
  return trial.acts.filter((act) => act.verb === 'apply' && act.failed === null && !undone.has(stepOf(act)));
}

/** `rep_x:0`: apply and undo of one step share it. */
function stepOf({ key }: Act): string {
  return key.replace(/:(apply|undo)$/, '');
}

/** The first set of deeds that was done in full, as the acts that did it; undefined when none was. */
export function repairOf(trial: Trial, repairs: readonly (readonly Deed[])[]): readonly Act[] | undefined {
  const kept = keptOf(trial);
  for (const deeds of repairs) {
    const acts = deeds.map((deed) => kept.find((act) => isDeed(act, deed)));
    const done = acts.filter((act) => act !== undefined);
    if (done.length === deeds.length) return done;
  }
  return undefined;
}

/** How a deed is told to people. */
export function deedText({ move, subject, value }: Deed): string {
  const what = subject === undefined ? move : `${move} ${subject}`;
  return value === undefined ? what : `${what} to ${value ?? 'absent'}`;
}
