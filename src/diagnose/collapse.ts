import type { ErrorClass } from '../observe/condition.ts';
import type { Symptom } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import { about } from './claims.ts';
import type { Scene } from './scene.ts';

/** Failures of somebody who has too much to do. */
export const BY_LOAD: readonly ErrorClass[] = ['exhausted', 'throttled', 'timeout'];

/** So many times as slow as usual in the median, a workload cannot keep up, whoever of it is looked at. */
const COLLAPSED_TIMES = 10;
/** The siblings are slow too, if not as slow: gateways leave out in turns those that time out. */
const SIBLINGS_TIMES = 3;
const SHARE_MIN = 0.6;

/**
 * Whether what an instance shows is what its whole workload suffers: everything piles up, and the one with the longest queue
 * stands out. Taking that one away leaves the others with more.
 */
export function isOfCollapse(symptom: Symptom, workload: string, { all }: Pick<Scene, 'all'>): boolean {
  const { name, evidence } = symptom;
  const slow = slowAllOver(workload, all);
  if (slow === undefined || !(hasCollapsed(slow) || slow.since < symptom.since)) return false;
  if (name === 'instance-slow')
    return Number(evidence['siblingsMedianMs']) >= SIBLINGS_TIMES * Number(slow.evidence['usualMs']);
  return name === 'instance-errors' && shareByLoad(evidence['errors']) >= SHARE_MIN;
}

function slowAllOver(workload: string, all: Symptoms): Symptom | undefined {
  return about(all, workload).find(({ name, evidence }) => name === 'workload-slow' && evidence['where'] === 'median');
}

function hasCollapsed({ evidence }: Symptom): boolean {
  return Number(evidence['ms']) >= COLLAPSED_TIMES * Math.max(1, Number(evidence['usualMs']));
}

/** Share of counted failures that are of load; 0 where nobody could tell. */
function shareByLoad(errors: unknown): number {
  const counts = Object.entries((errors ?? {}) as Record<string, unknown>).map(([name, count]) => {
    return { isByLoad: BY_LOAD.includes(name as ErrorClass), count: Number(count) };
  });
  const all = counts.reduce((sum, { count }) => sum + count, 0);
  return all === 0 ? 0 : counts.reduce((sum, { isByLoad, count }) => sum + (isByLoad ? count : 0), 0) / all;
}
