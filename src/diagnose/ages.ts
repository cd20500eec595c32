import type { Symptom } from '../detect/symptom.ts';

/**
 * Processes that reach about the same age and end are ended by what they had at their start: when the first of them ran
 * before this time, what came at this time has nothing to do with it.
 */
export function diesWithout(symptoms: readonly Symptom[], changedAt: number): boolean {
  return symptoms.some(({ name, evidence }) => {
    const { ofOneAge, firstStartedAt } = evidence;
    return name === 'deaths-recurring' && ofOneAge === true && Number(firstStartedAt) < changedAt;
  });
}
