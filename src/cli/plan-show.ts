import type { PlanAnswer } from './answers.ts';
import { printDuration } from '../base/duration.ts';
import { epochMsOf } from './moment.ts';
import { renderStep, renderVerdicts, section, type Telling } from './story.ts';

/** A plan for the person who has to say yes or no: what, why, what it touches, what it would call, and who says what. */
export function renderPlanShow(answer: PlanAnswer, telling: Telling, now: number): string {
  const { plan, rehearsal } = answer;
  const { paint } = telling;
  const calls = rehearsal.map(({ moveIndex, call, order }) => `${moveIndex + 1}. ${call} ${JSON.stringify(order)}`);
  return [
    `${paint('bold', `Plan ${plan.id}`)}: ${standing(answer, now)}`,
    plan.summary,
    `cause ${plan.cause}; incident ${plan.incident}; playbook ${plan.playbook}; holds ${plan.target}\n`,
    section(
      paint,
      'Ladder',
      plan.steps.flatMap((step, at) => [...renderStep(step, at), ...renderUndo(step.undo)]).join('\n'),
    ),
    section(paint, 'Expected', renderOutlook(answer)),
    section(paint, 'Judged', renderVerdicts(plan.verdicts)),
    section(paint, 'Would call (nothing was called)', calls.join('\n') || 'nothing'),
    answer.missing > 0 ? renderWhatToSay(answer) : '',
  ]
    .filter((text) => text !== '')
    .join('\n');
}

function standing({ plan, outcome, approvedBy, missing }: PlanAnswer, now: number): string {
  if (outcome !== null) return outcome;
  if (missing === 0) return 'under way';
  const left = epochMsOf(plan.expiresAt) - now;
  const who = approvedBy.length > 0 ? `approved by ${approvedBy.join(' and ')}, ` : '';
  const still = `${who}waits for ${missing} ${approvedBy.length > 0 ? 'more ' : ''}${missing === 1 ? 'person' : 'people'}`;
  return left > 0 ? `${still}, for ${printDuration(left)} more` : 'expired';
}

function renderUndo(undo: string): readonly string[] {
  return undo === '' ? [] : [`   undone: ${undo}`];
}

function renderOutlook({ plan: { predicted, cost, risk } }: PlanAnswer): string {
  const lines = [
    ...(predicted ? [`${predicted.effect}; proven within ${printDuration(predicted.withinMs)}`] : []),
    ...(cost
      ? [`${cost.tenantsTouched} tenants touched, ${cost.instancesStarted} instances started; ${cost.what.join('; ')}`]
      : []),
    ...(risk ? [`risk ${risk.level}: ${risk.why}`] : []),
  ];
  return lines.join('\n') || 'nothing is known';
}

function renderWhatToSay({ plan, hash }: PlanAnswer): string {
  return [`yes:  kintsugi approve ${plan.id} ${hash}`, `no:   kintsugi reject ${plan.id} --reason "..."`, ''].join(
    '\n',
  );
}
