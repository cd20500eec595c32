import type { Cause } from '../resources/playbook.ts';
import { MOVE_TRAITS } from './move-traits.ts';
import type { Outlook, Step } from './plan.ts';

const LEVELS = ['low', 'medium', 'high'] as const;

/**
 * What a plan is expected to bring, to cost and to risk: sums over the declared properties of its moves and what each
 * step touches. For people who approve it; no guard goes by it.
 */
export function outlookOf(cause: Cause, steps: readonly Step[]): Outlook {
  const first = steps.filter((step) => step.rung === 0);
  const last = first.at(-1);
  const tenants = new Set(first.flatMap((step) => step.touch.tenants));
  return {
    predicted: {
      effect: first.map((step) => step.effect).join('; then '),
      withinMs: last ? last.verifyWithinMs : 0,
      clears: cause,
    },
    cost: {
      instancesStarted: first.reduce((sum, step) => sum + startedBy(step), 0),
      servingTakenAtOnce: Math.max(0, ...first.map((step) => step.touch.servingTakenAtOnce)),
      tenantsTouched: tenants.size,
      what: [...new Set(first.map((step) => MOVE_TRAITS[step.move].cost))],
    },
    risk: riskOf(steps),
  };
}

function startedBy({ move, input, touch }: Step): number {
  if (move === 'scale') return Math.max(0, Number(input['by'] ?? 0)) * touch.regions.length;
  if (Array.isArray(input['slots'])) return input['slots'].length;
  return typeof input['newInstance'] === 'string' ? 1 : 0;
}

/** The most dangerous step decides, and what cannot be taken back is one worse. */
function riskOf(steps: readonly Step[]): Outlook['risk'] {
  const risks = steps.map((step) => ({
    step,
    risk: Math.min(
      3,
      MOVE_TRAITS[step.move].risk + (step.touch.reversible ? 0 : 1) + (step.touch.servingTakenAtOnce > 0 ? 1 : 0),
    ),
  }));
  const worst = risks.toSorted((a, b) => b.risk - a.risk)[0];
  if (!worst) return { level: 'low', why: 'nothing is done' };
  const { step, risk } = worst;
  const reasons = [
    ...(step.touch.reversible ? [] : ['it cannot be taken back']),
    ...(step.touch.servingTakenAtOnce > 0
      ? [`${step.touch.servingTakenAtOnce} that serve are taken away at once`]
      : []),
  ];
  const why = reasons.length > 0 ? reasons.join(', and ') : MOVE_TRAITS[step.move].inverse;
  return { level: LEVELS[risk - 1] ?? 'high', why: `${step.move}: ${why}` };
}
