import type { Diagnosis } from '../diagnose/diagnosis.ts';
import { type FleetView, type WorkloadView, workloadOf } from '../diagnose/fleet-view.ts';
import { isMovedOn } from './drafts/succession.ts';
import { overlaps } from './guards/target.ts';
import type { PastRepair, Situation } from './situation.ts';

/** As long as detectors look back. */
const AFTERMATH_MS = 60_000;

/** A repair of the same target that has just healed it, when all that is seen began before its end: an echo. */
export function echoedBy({ repairs, diagnosis }: Situation, target: string, now: number): PastRepair | undefined {
  return repairs.find(
    ({ target: held, outcome, endedAt }) =>
      held === target &&
      outcome === 'healed' &&
      endedAt !== null &&
      now - endedAt < AFTERMATH_MS &&
      diagnosis.evidence.every((each) => each.since <= endedAt),
  );
}

/**
 * A repair of the same thing that runs or has just healed, when nothing else could be done but to call a person: windows of
 * detectors still hold what it healed, and a person who is called for that is called in vain.
 */
export function aftermathOf({ repairs, diagnosis }: Situation, fleet: FleetView, now: number): PastRepair | undefined {
  const { subject, workload } = diagnosis;
  const governing = fleet.settings.filter((each) => workload !== null && each.workloads.includes(workload));
  const about = new Set([`${subject.kind} ${subject.name}`, ...governing.map(({ id }) => `setting ${id}`)]);
  return repairs.find((repair) => {
    const isRecent = repair.outcome === 'healed' && now - (repair.endedAt ?? now) < AFTERMATH_MS;
    if (repair.endedAt !== null && !isRecent) return false;
    const holds = workload !== null && overlaps(`workload ${workload}`, repair.target);
    return holds || about.has(repair.target) || repair.wrote.some(({ setting }) => about.has(`setting ${setting}`));
  });
}

/** The workload of an accused version that somebody is already replacing by another. */
export function rolloutOver({ subject }: Diagnosis, fleet: FleetView): WorkloadView | undefined {
  const workload = subject.kind === 'version' ? workloadOf(fleet, subject.workload) : undefined;
  return workload && subject.kind === 'version' && isMovedOn(workload, subject.version) ? workload : undefined;
}
