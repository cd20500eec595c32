import { fromIso } from '../base/clock.ts';
import { printDuration } from '../base/duration.ts';
import type { Dossier, IncidentRecord, LossRecord, NoticeRecord, ViolationRecord } from './dossier.ts';
import { tellMoves } from './move-words.ts';
import { type Block, type Cell, heading, moment, table, text } from './report-block.ts';

/** What was healed within so long is listed by itself: nobody would have seen it otherwise. */
const QUICK_MS = 60_000;

/** Every violation with its times, and by itself what was violated and healed at once. */
export function violationBlocks(dossier: Dossier): readonly Block[] {
  const { violations } = dossier;
  const title = heading(2, 'Violations in the period');
  if (violations.length === 0)
    return [
      title,
      text('None was measured. Where a control was not determined, a violation would not have been seen.'),
    ];
  const rows = violations.map((each) => [clauseCell(dossier, each.control), ...timesOf(each), answerTo(each)]);
  const head = ['Control', 'Began', 'Found', 'Contained', 'Healed', 'Verified', 'Answered by'];
  return [
    title,
    text(
      'A violation began at some time between the last measurement that was good and the first that was not. It was ' +
        'contained when the repair that healed it made its first move, healed with the first measurement that was good ' +
        'again, and verified when a signal of its own had stayed good. Spans are upper bounds: from the last good ' +
        'measurement on.',
    ),
    table('Violations, healed ones included', head, rows),
    heading(3, 'Violated and healed within a minute'),
    ...quickBlocks(dossier),
  ];
}

function quickBlocks(dossier: Dossier): readonly Block[] {
  const quick = dossier.violations.filter((each) => (lastedMs(each) ?? Number.POSITIVE_INFINITY) <= QUICK_MS);
  if (quick.length === 0) return [text('None.')];
  const rows = quick.map((each) => [
    clauseCell(dossier, each.control),
    moment(each.foundAt),
    printDuration(lastedMs(each)),
    answerTo(each),
  ]);
  return [table('They are violations like all others', ['Control', 'Found', 'Lasted at most', 'Answered by'], rows)];
}

function timesOf(violation: ViolationRecord): readonly string[] {
  const { goodAt, badAt, foundAt, containedAt, healedAt, verifiedAt } = violation;
  const after = (at: string | null, none: string) => {
    if (at === null) return none;
    return goodAt === null ? moment(at) : `${moment(at)}, after ${printDuration(fromIso(at) - fromIso(goodAt))}`;
  };
  return [
    goodAt === null
      ? `before ${moment(badAt)}: it was never measured good before`
      : `${moment(goodAt)} to ${moment(badAt)}`,
    after(foundAt, ''),
    after(containedAt, 'not by a repair'),
    after(healedAt, 'still violated at the end'),
    after(verifiedAt, 'not by a repair'),
  ];
}

/** From the last good measurement to the first that was good again; undefined where one of them is missing. */
function lastedMs({ goodAt, healedAt }: ViolationRecord): number | undefined {
  return goodAt === null || healedAt === null ? undefined : fromIso(healedAt) - fromIso(goodAt);
}

function answerTo({ incident, repair, moves, refusal, goodAt }: ViolationRecord): string {
  if (incident === null) {
    return goodAt === null ? 'no incident: it was so when it was first measured' : 'no incident is on record';
  }
  if (repair !== null) return `${incident}, repair ${repair}: ${tellMoves(moves)}`;
  return `${incident}: ${refusal === null ? 'no repair' : `refused (${refusal})`}`;
}

function clauseCell({ controls }: Dossier, id: string): Cell {
  const found = controls.find((each) => each.id === id);
  return found ? { text: `${found.clause} ${found.title}`, href: `#${id}` } : { text: id };
}

/** Incidents that touched the tenant, and what was done about each. */
export function incidentBlocks(dossier: Dossier): readonly Block[] {
  const { incidents } = dossier;
  const rows = incidents.map((incident) => [
    incident.id,
    moment(incident.detectedAt),
    printDuration(fromIso(incident.openedAt) - fromIso(incident.detectedAt)),
    incident.closedAt === null ? 'open' : printDuration(fromIso(incident.closedAt) - fromIso(incident.detectedAt)),
    incident.summary,
    doneAbout(incident),
    violatedHere(dossier, incident),
    incident.otherTenants === 0 ? 'no other' : `${incident.otherTenants} more`,
  ]);
  const head = [
    'Incident',
    'First sign',
    'Recognised after',
    'Over after',
    'What it was',
    'What was done',
    'Violated here',
    'Tenants',
  ];
  const withheld = incidents.reduce((sum, { entriesWithheld }) => sum + entriesWithheld, 0);
  return [
    heading(2, 'Incidents and repairs'),
    incidents.length === 0
      ? text('No incident that touched this tenant is on record in the period.')
      : table('Incidents that touched this tenant', head, rows),
    ...(withheld === 0
      ? []
      : [
          text(
            `Entries of the ledger about these that name other tenants too, and are not in this bundle: ${withheld}.`,
          ),
        ]),
  ];
}

/** What of the tenant's own it violated: what it touches may be others' alone. */
function violatedHere({ controls }: Dossier, { violates }: IncidentRecord): string {
  const clauses = violates.map((id) => controls.find((each) => each.id === id)?.clause ?? id);
  return clauses.length === 0 ? 'nothing of this framework' : clauses.join('; ');
}

function doneAbout({ outcome, repairs, refusal }: IncidentRecord): string {
  const moves = repairs.flatMap((each) => each.moves);
  const approvers = [...new Set(repairs.flatMap((each) => each.approvedBy))];
  const leave = approvers.length === 0 ? '' : `, approved by ${approvers.join(' and ')}`;
  return `${moves.length > 0 ? tellMoves(moves) : (refusal ?? 'no repair')}${leave}: ${outcome ?? 'open'}`;
}

/** What the gate did not permit. */
export function refusalBlocks({ refusals }: Dossier): readonly Block[] {
  const rows = refusals.map(({ at, incident, reason, entry }) => [moment(at), incident, reason, entry ?? 'not here']);
  return [
    heading(2, 'Repairs that the law did not permit'),
    refusals.length === 0
      ? text('The gate refused no repair for this tenant in the period.')
      : table('Refused by the gate, with the clause', ['At', 'Incident', 'Clause and reason', 'Entry'], rows),
  ];
}

/** Losses that had to be assessed, and the notices that controls ask for. */
export function lossBlocks(dossier: Dossier): readonly Block[] {
  const { losses } = dossier;
  const title = heading(2, 'Losses and notices');
  if (losses.length === 0)
    return [title, text('No loss of confidentiality, integrity or availability had to be assessed in the period.')];
  const rows = losses.map((loss) => [
    loss.id,
    loss.loss,
    loss.what,
    moment(loss.detectedAt),
    loss.awareAt === null ? (loss.drill === null ? 'nobody yet' : 'a drill') : moment(loss.awareAt),
    loss.endedAt === null ? 'not known to be: it has to stay well for a minute' : moment(loss.endedAt),
    stateOf(loss),
  ]);
  const notices = losses.flatMap((loss) => loss.notices.map((each) => noticeRow(dossier, loss, each)));
  const head = ['Loss', 'Of', 'What was seen', 'Detected', 'Aware', 'Over', 'State'];
  return [
    title,
    text(
      'Whether a loss is a breach that somebody has to be told of is for people to decide. Here are facts and times; what ' +
        'was decided is a signed statement whose digest is in the ledger.',
    ),
    table('Losses that had to be assessed', head, rows),
    notices.length === 0
      ? text('No control of a framework of this tenant asks for a notice after them.')
      : table('Notices', ['Loss', 'Asked for by', 'Decided', 'Sent', 'Deadline'], notices),
  ];
}

function stateOf({ drill, closedAt, notices }: LossRecord): string {
  if (drill !== null) return `drill ${drill}`;
  if (closedAt !== null) return `closed ${moment(closedAt)}`;
  return notices.some(({ choice }) => choice !== null) ? 'decided' : 'to be assessed';
}

function noticeRow(
  dossier: Dossier,
  { id, drill, closedAt }: LossRecord,
  notice: NoticeRecord,
): readonly (Cell | string)[] {
  const { control, choice, decidedAt, sentAt, missedAt } = notice;
  const isOwed = drill === null && closedAt === null;
  const decided = choice === 'notify' ? 'to be sent' : 'none is owed';
  return [
    id,
    clauseCell(dossier, control),
    choice === null || decidedAt === null ? (isOwed ? 'not yet' : 'not needed') : `${decided}, ${moment(decidedAt)}`,
    sentAt === null ? 'not sent' : moment(sentAt),
    missedAt === null ? 'not missed' : `missed ${moment(missedAt)}`,
  ];
}

/** Deviations that somebody answers for, and whether each is still needed. */
export function exceptionBlocks(dossier: Dossier): readonly Block[] {
  const { exceptions, to } = dossier;
  const rows = exceptions.map(
    ({ name, control, owner, reason, compensatingControl, expiresAt, matches, matchesSince }) => [
      name,
      clauseCell(dossier, control),
      owner,
      reason,
      compensatingControl,
      `${moment(expiresAt)}${expiresAt <= to ? ' (run out)' : ''}`,
      `${matches === 0 ? 'never' : `${matches} times`} since ${moment(matchesSince)}`,
    ],
  );
  const head = ['Exception', 'Control', 'Owner', 'Reason', 'Instead', 'Until', 'Stood in'];
  return [
    heading(2, 'Exceptions'),
    exceptions.length === 0
      ? text('None is declared for this tenant and framework.')
      : table('Documented deviations; one that never stood in may no longer be needed', head, rows),
  ];
}

/** What was drilled, by whom, and what it showed. */
export function drillBlocks({ drills }: Dossier): readonly Block[] {
  const rows = drills.map((drill) => [
    drill.id,
    drill.scenario,
    drill.participants.join(', '),
    moment(drill.startedAt),
    drill.outcome,
    drill.detectedAfterMs === null ? 'not seen' : printDuration(drill.detectedAfterMs),
    drill.recoveredAfterMs === null ? 'not measured' : printDuration(drill.recoveredAfterMs),
    drill.dataLostMs === null ? 'not measured' : printDuration(drill.dataLostMs),
  ]);
  const head = ['Drill', 'Scenario', 'By', 'Began', 'Outcome', 'Seen after', 'Recovery time', 'Data lost'];
  return [
    heading(2, 'Drills'),
    drills.length === 0 ? text('No drill is on record in the period.') : table('Drills', head, rows),
  ];
}
