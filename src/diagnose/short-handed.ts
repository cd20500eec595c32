import { oncePer } from '../base/once-per.ts';
import type { Symptom } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import { workloadOf } from './fleet-view.ts';
import { named, placeOf } from './claims.ts';
import type { Scene } from './scene.ts';

/** So long after its start a process has come up, and what had piled up without it is worked off. */
const STARTED_MS = 45_000;

const deadPlaces = oncePer((all: Symptoms) => new Set(named(all, ['exited']).map(placeOf)));

/**
 * Slower than it was, while fewer of its processes serve than should, or have only just come back: the others have more
 * to do. That accuses nothing that was changed. A version that serves beside the one before is compared at once.
 */
export function isShortHanded(symptom: Symptom, { fleet, all }: Omit<Scene, 'left'>): boolean {
  const { name, evidence } = symptom;
  if ((name !== 'version-slow' && name !== 'workload-slow') || evidence['concurrent'] === true) return false;
  const workload = workloadOf(fleet, placeOf(symptom) ?? '');
  if (!workload) return false;
  const died = deadPlaces(all).has(workload.name);
  const anew = workload.instances.filter(({ startedAt }) => fleet.at - startedAt < STARTED_MS).length;
  return died || (anew > 0 && anew * 2 <= workload.instances.length);
}
