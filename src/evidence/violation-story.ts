import { fromIso } from '../base/clock.ts';
import type { ControlRecord, IncidentRecord, RepairRecord, ViolationRecord } from './dossier.ts';

/** The times of one violation, as they were measured and are kept. ISO 8601. */
export interface MeasuredViolation {
  readonly control: string;
  readonly goodAt: string | null;
  readonly badAt: string;
  readonly foundAt: string;
  readonly healedAt: string | null;
}

/** A violation as far as it stood in the period. */
interface Stood extends MeasuredViolation {
  readonly from: string;
  readonly to: string | null;
}

/**
 * The violations of a period, oldest first: by their measurements where those are kept, and by what the ledger tells where
 * they are not. Beside each what answered it: the incident that names its control, or one of a kindred cause meanwhile.
 */
export function violationsOf(
  controls: readonly Pick<ControlRecord, 'id' | 'spans'>[],
  measured: readonly MeasuredViolation[],
  incidents: readonly IncidentRecord[],
  { from, to }: { readonly from: string; readonly to: string },
): readonly ViolationRecord[] {
  const ids = new Set(controls.map(({ id }) => id));
  const kept = measured.filter(({ control }) => ids.has(control)).map((each) => clipped(each, from, to));
  const told = controls.flatMap(({ id, spans }) =>
    spans
      .filter((span) => span.status === 'not-satisfied' && !kept.some((each) => covers(each, id, span, to)))
      .map((span): Stood => {
        const isOver = span.to !== to;
        const times = { goodAt: null, badAt: span.from, foundAt: span.from, healedAt: isOver ? span.to : null };
        return { control: id, from: span.from, to: isOver ? span.to : null, ...times };
      }),
  );
  return [...kept, ...told]
    .toSorted((a, b) => fromIso(a.foundAt) - fromIso(b.foundAt))
    .map((each) => ({ ...each, ...answerTo(each, incidents, to) }));
}

function clipped(violation: MeasuredViolation, from: string, to: string): Stood {
  const { foundAt, healedAt } = violation;
  const isOver = healedAt !== null && healedAt <= to;
  const times = { ...violation, healedAt: isOver ? healedAt : null };
  return { ...times, from: foundAt < from ? from : foundAt, to: isOver ? healedAt : null };
}

function covers(violation: Stood, control: string, span: { from: string; to: string }, to: string): boolean {
  return violation.control === control && violation.from <= span.to && (violation.to ?? to) >= span.from;
}

function answerTo(violation: Stood, incidents: readonly IncidentRecord[], to: string) {
  const found = incidentOf(violation, incidents, to);
  const repair = found && (found.repairs.findLast(({ outcome }) => outcome === 'healed') ?? found.repairs.at(-1));
  return {
    incident: found?.id ?? null,
    repair: repair?.id ?? null,
    moves: repair?.moves ?? [],
    refusal: repair ? null : (found?.refusal ?? null),
    containedAt: healedBy(repair)?.appliedAt ?? null,
    verifiedAt: healedBy(repair)?.verifiedAt ?? null,
  };
}

function healedBy(repair: RepairRecord | undefined): RepairRecord | undefined {
  return repair?.outcome === 'healed' ? repair : undefined;
}

/** Causes of incidents that a control is violated by, before its own measurement is part of the incident. */
const CAUSES: ReadonlySet<string> = new Set(['compliance', 'protection', 'isolation']);

function incidentOf(violation: Stood, incidents: readonly IncidentRecord[], to: string): IncidentRecord | undefined {
  const { control, goodAt, badAt, healedAt } = violation;
  const meanwhile = incidents.filter(({ detectedAt, openedAt, closedAt }) => {
    const beganAt = detectedAt < openedAt ? detectedAt : openedAt;
    return beganAt <= (healedAt ?? to) && (closedAt === null || closedAt >= badAt);
  });
  const named = meanwhile.find(({ violates }) => violates.includes(control));
  if (named || goodAt === null) return named;
  // What is healed at once may be over before the incident names a control.
  return meanwhile.find(({ cause, violates }) => violates.length === 0 && CAUSES.has(cause));
}
