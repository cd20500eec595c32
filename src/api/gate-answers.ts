import { z } from 'zod';
import { type BoundTenant, gate, type MoveRules, type Ruling } from '../comply/gate.ts';
import { type MoveQuestion, moveQuestionSchema } from '../resources/move-question.ts';

/** At once; who has more asks again. */
export const questionsSchema = z.array(moveQuestionSchema).min(1).max(1_000);

/** What the law says of a move that somebody thinks of. */
export interface GateAnswer extends Ruling {
  readonly move: string;
  readonly when: string | null;
}

/** What the gate says of each question, in their order. Nothing is planned, done or put on record. */
export function gateAnswers(
  questions: readonly MoveQuestion[],
  tenants: readonly BoundTenant[],
  rules: readonly MoveRules[],
): readonly GateAnswer[] {
  const everybody = tenants.map(({ name }) => name);
  return questions.map(({ move, when = null, deeds, tenants: touched = everybody, after, claims }) => {
    return { move, when, ...gate({ move, deeds, tenants: touched, after, claims }, tenants, rules) };
  });
}
