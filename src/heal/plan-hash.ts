import { digestOfJson } from '../base/digest.ts';
import type { Plan } from './plan.ts';

/**
 * What an approver approves: everything that the plan says, as bytes. Computed from the plan as it is stored, so that an
 * operator, the database and an auditor get the same hash.
 */
export function planHash(plan: Plan): string {
  return digestOfJson(plan);
}
