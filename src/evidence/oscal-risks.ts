import type { JsonObject } from '../base/json.ts';
import type { ControlRecord, ViolationRecord } from './dossier.ts';
import { isAddressed } from './dossier-tally.ts';
import { list, originOf, type Paper } from './oscal-paper.ts';

function violationsOf({ dossier }: Paper, { id }: ControlRecord): readonly ViolationRecord[] {
  return dossier.violations.filter(({ control }) => control === id);
}

/** The references of a finding to its risks. */
export function relatedRisksOf(paper: Paper, control: ControlRecord): readonly JsonObject[] {
  return violationsOf(paper, control).map((each) => ({ 'risk-uuid': riskId(paper, each) }));
}

function riskId(paper: Paper, { control, foundAt }: ViolationRecord): string {
  return paper.id('risk', control, foundAt);
}

/** Each violation of a control as a risk: what is known of its times, and what answered it. */
export function risksOf(paper: Paper, control: ControlRecord): readonly JsonObject[] {
  return violationsOf(paper, control).map((violation) => {
    const { goodAt, badAt, to } = violation;
    const began = goodAt === null ? `No measurement before ${badAt} was good` : `Began between ${goodAt} and ${badAt}`;
    const status = to !== null ? 'closed' : isAddressed(control) ? 'deviation-approved' : 'open';
    return {
      uuid: riskId(paper, violation),
      title: `${control.clause} was not satisfied`,
      description: `${began}; ${to === null ? 'still at the end of the period' : `until ${to}`}.`,
      statement: control.paraphrase,
      status,
      origins: [originOf(paper)],
      ...list('remediations', responsesOf(paper, violation)),
      'risk-log': { entries: logOf(paper, violation) },
    };
  });
}

function responseId(paper: Paper, { control, foundAt, repair }: ViolationRecord): string {
  return paper.id('response', control, foundAt, repair ?? '');
}

function responsesOf(paper: Paper, violation: ViolationRecord): readonly JsonObject[] {
  const incident = paper.dossier.incidents.find(({ id }) => id === violation.incident);
  const repair = incident?.repairs.find(({ id }) => id === violation.repair);
  if (!incident || !repair) return [];
  const { id, moves, outcome, approvedBy, endedAt } = repair;
  const leave = approvedBy.length === 0 ? '' : `, approved by ${approvedBy.join(' and ')}`;
  return [
    {
      uuid: responseId(paper, violation),
      lifecycle: endedAt === null ? 'planned' : 'completed',
      title: `${moves.join(', then ')}: ${outcome ?? 'not ended'}`,
      description: `Repair ${id} of incident ${incident.id} (${incident.cause})${leave}.`,
      origins: [originOf(paper)],
    },
  ];
}

/** What is known of the times of a violation, in their order. */
function logOf(paper: Paper, violation: ViolationRecord): readonly JsonObject[] {
  const { control, goodAt, badAt, foundAt, containedAt, healedAt, verifiedAt, repair, moves, to, refusal } = violation;
  const entry = (name: string, start: string | null, title: string, more: JsonObject = {}): readonly JsonObject[] =>
    start === null ? [] : [{ uuid: paper.id('log', control, foundAt, name), title, start, ...more }];
  const isOfRepair = paper.dossier.incidents.some(({ repairs }) => repairs.some(({ id }) => id === repair));
  const related = isOfRepair ? { 'related-responses': [{ 'response-uuid': responseId(paper, violation) }] } : {};
  const refused = refusal === null ? {} : { remarks: `Refused: ${refusal}` };
  const closed = to === null ? {} : { 'status-change': 'closed' };
  return [
    ...entry('good', goodAt, 'Last measured as satisfied'),
    ...entry('bad', badAt, 'First measured as not satisfied'),
    ...entry('open', foundAt, 'Found and put on record', { 'status-change': 'open', ...refused }),
    ...entry('contained', containedAt, moves.join(', then '), { 'status-change': 'remediating', ...related }),
    ...entry('close', healedAt, 'Measured as no longer violated', closed),
    ...entry('verified', verifiedAt, 'The repair was verified by a signal of its own', related),
  ];
}
