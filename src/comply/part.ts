import type { Fact } from '../observe/fact.ts';
import type { Check, Control } from '../resources/control.ts';
import { type CheckContext, type Status, statusOfFact } from './assess.ts';

/** Takes the facts by which a check is judged: those of one tenant, or those of everybody. */
export type FactsOf = (check: Check) => readonly Fact[];

/** How some of the facts that a control asks for stand by it: those of one tenant, or those of everybody. */
export interface Part {
  /** Satisfied also where there is no such fact: nothing speaks against it. */
  readonly status: Status;
  /** A bit for each check for which there is no such fact. */
  readonly missing: number;
}

export function partOf({ checks }: Control, context: CheckContext, factsOf: FactsOf, now: number): Part {
  let status: Status = 'satisfied';
  let missing = 0;
  for (const [index, check] of checks.entries()) {
    const facts = factsOf(check);
    if (facts.length === 0) missing |= 1 << index;
    for (const fact of facts) status = worse(status, statusOfFact(check, fact, context, now));
  }
  return { status, missing };
}

/**
 * How a control stands for a tenant, by what its own facts say and by those of everybody: the same that `assess` says of
 * all of them. `missing` is that of its own.
 */
export function statusOfParts({ checks }: Control, own: Status, missing: number, shared: Part): Status {
  const status = worse(own, shared.status);
  if (status === 'not-satisfied') return status;
  return checks.length === 0 || (missing & shared.missing) !== 0 ? 'unknown' : status;
}

function worse(one: Status, other: Status): Status {
  return one === 'not-satisfied' || other === 'satisfied' ? one : other;
}
