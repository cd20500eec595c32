import type { ControlRecord, ControlStatus, Dossier } from './dossier.ts';

export interface Tally {
  readonly satisfied: number;
  readonly notSatisfied: number;
  readonly unknown: number;
  /** Of the last two: addressable controls for which a documented alternative stands. */
  readonly addressed: number;
}

/** How many controls stand how at the end of the period. */
export function tallyOf({ controls }: Dossier): Tally {
  return { ...countsOf(controls.map(({ status }) => status)), addressed: controls.filter(isAddressed).length };
}

/** How many controls stood how at its beginning, as far as it was on record. */
export function openingTallyOf({ controls }: Dossier): Omit<Tally, 'addressed'> {
  return countsOf(controls.map(({ spans }) => spans[0]?.status ?? 'unknown'));
}

function countsOf(statuses: readonly ControlStatus[]): Omit<Tally, 'addressed'> {
  const count = (status: ControlStatus) => statuses.filter((each) => each === status).length;
  return { satisfied: count('satisfied'), notSatisfied: count('not-satisfied'), unknown: count('unknown') };
}

/** Every entry of the ledger that the dossier names, each once: each has its receipt in the bundle. */
export function entriesOf({ controls, incidents, refusals, losses, drills }: Dossier): ReadonlySet<string> {
  const lists = [...controls, ...incidents, ...losses].flatMap(({ entries }) => entries);
  return new Set([...lists, ...[...refusals, ...drills].flatMap(({ entry }) => entry ?? [])]);
}

/** Whether a documented alternative stands in for what is not met as it is written (45 CFR 164.306(d)(3)). */
export function isAddressed({ status, level, deviation }: ControlRecord): boolean {
  return status !== 'satisfied' && level === 'addressable' && deviation !== null;
}
