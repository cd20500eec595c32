import { fromIso } from '../base/clock.ts';
import { printDuration } from '../base/duration.ts';
import type { ControlRecord, ControlStatus, Dossier, IncidentRecord, Span } from './dossier.ts';
import { isAddressed, tallyOf, violatedMs } from './dossier.ts';
import { transcriptPath } from './assessment-results.ts';

/** A piece of a report, said without a form: the page and the PDF are two renderings of the same pieces. */
export type Block =
  | { readonly kind: 'heading'; readonly level: 1 | 2 | 3; readonly text: string; readonly anchor: string | null }
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'table';
      readonly caption: string;
      readonly head: readonly string[];
      readonly rows: readonly (readonly Cell[])[];
    }
  /** How many of each, as one bar. */
  | { readonly kind: 'shares'; readonly caption: string; readonly parts: readonly Share[] }
  /** How a control stood over the period, as one bar. */
  | {
      readonly kind: 'timeline';
      readonly caption: string;
      readonly from: string;
      readonly to: string;
      readonly spans: readonly Span[];
    };

export interface Cell {
  readonly text: string;
  /** Shown beside the text, never by colour alone. */
  readonly status?: ControlStatus;
  /** An anchor of the report, a file of the bundle, or a published text. */
  readonly href?: string;
}

export interface Share {
  readonly status: ControlStatus;
  readonly count: number;
}

/** The words for people; the same everywhere in a report. */
export const STATUS_WORDS: Readonly<Record<ControlStatus, string>> = {
  satisfied: 'satisfied',
  'not-satisfied': 'not satisfied',
  unknown: 'not determined',
};

/** The report of a dossier, piece by piece, as an auditor reads it: the answer first, then what it stands on. */
export function reportOf(dossier: Dossier): readonly Block[] {
  return [
    ...opening(dossier),
    ...violationsOf(dossier),
    ...overviewOf(dossier),
    ...responseOf(dossier),
    heading(2, 'Each control'),
    ...dossier.controls.flatMap((control) => detailOf(control, dossier)),
    ...closing(dossier),
  ];
}

/** A heading; with an anchor it can be linked to. */
export function heading(level: 1 | 2 | 3, text: string, anchor: string | null = null): Block {
  return { kind: 'heading', level, text, anchor };
}

/** A paragraph. */
export function text(said: string): Block {
  return { kind: 'text', text: said };
}

/** A table; a cell that is a plain text has no status and no link. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly (Cell | string)[])[]): Block {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell)));
  return { kind: 'table', caption, head, rows: cells };
}

function statusCell(control: ControlRecord): Cell {
  const said = STATUS_WORDS[control.status];
  return { text: isAddressed(control) ? `${said}, alternative documented` : said, status: control.status };
}

function opening(dossier: Dossier): readonly Block[] {
  const { tenant, framework, controls } = dossier;
  const tally = tallyOf(dossier);
  const violated = controls.filter((each) => violatedMs(each) > 0).length;
  const parts: Share[] = [
    { status: 'satisfied', count: tally.satisfied },
    { status: 'not-satisfied', count: tally.notSatisfied },
    { status: 'unknown', count: tally.unknown },
  ];
  const alternative = tally.addressed === 0 ? '' : ` For ${tally.addressed} of those a documented alternative stands.`;
  return [
    heading(1, `${framework.title}: ${tenant.displayName ?? tenant.name}`),
    text(
      `From ${moment(dossier.from)} to ${moment(dossier.to)} (UTC). Made at ${moment(dossier.madeAt)} by ${dossier.madeBy}.`,
    ),
    heading(2, 'In short'),
    text(
      `At the end of the period ${tally.satisfied} of ${controls.length} controls were measured as satisfied, ` +
        `${tally.notSatisfied} as not satisfied, and ${tally.unknown} could not be determined.${alternative} ` +
        `${violated === 0 ? 'No control was' : `${violated} ${violated === 1 ? 'control was' : 'controls were'}`} measured as violated at some time in the period.`,
    ),
    { kind: 'shares', caption: 'Controls at the end of the period', parts },
    text(
      'Satisfied says that the effect was measured and was within the threshold. Not determined is never a pass: nothing ' +
        'measured it, the measurement was too old, or a person has to decide it. This report is evidence for an ' +
        'assessment and no legal opinion.',
    ),
  ];
}

function violationsOf(dossier: Dossier): readonly Block[] {
  const rows = dossier.controls.flatMap((control) =>
    control.spans
      .filter(({ status }) => status === 'not-satisfied')
      .map((span) => [
        { text: control.clause, href: `#${control.id}` },
        control.title,
        moment(span.from),
        span.to === dossier.to ? 'still at the end' : moment(span.to),
        printDuration(fromIso(span.to) - fromIso(span.from)),
        answerTo(control, span, dossier),
      ]),
  );
  const said =
    rows.length === 0
      ? text('None was measured. Where a control was not determined, a violation would not have been seen.')
      : table('Violations, healed ones included', ['Clause', 'Control', 'From', 'To', 'Lasted', 'Answered by'], rows);
  return [heading(2, 'Violations in the period'), said];
}

function answerTo(control: ControlRecord, span: Span, { incidents }: Dossier): string {
  const found = incidents.filter(
    (each) =>
      each.controls.includes(control.id) &&
      each.detectedAt <= span.to &&
      (each.closedAt === null || each.closedAt >= span.from),
  );
  return found.length === 0 ? 'nothing on record' : found.map(answered).join('; ');
}

function answered(incident: IncidentRecord): string {
  return `${incident.id}: ${doneAbout(incident)}`;
}

function doneAbout({ outcome, repairs, refusal }: IncidentRecord): string {
  const moves = repairs.flatMap((each) => each.moves);
  return `${moves.length > 0 ? moves.join(', ') : (refusal ?? 'no repair')} (${outcome ?? 'open'})`;
}

function overviewOf({ controls, from, to }: Dossier): readonly Block[] {
  const rows = controls
    .toSorted((a, b) => RANK[a.status] - RANK[b.status])
    .map((control) => [
      { text: control.clause, href: `#${control.id}` },
      control.title,
      statusCell(control),
      shareOf(control, fromIso(to) - fromIso(from)),
      control.level,
    ]);
  return [
    heading(2, 'Controls'),
    table(
      'Every control, those that are not satisfied first',
      ['Clause', 'Control', 'At the end', 'Satisfied for', 'Level'],
      rows,
    ),
  ];
}

const RANK: Readonly<Record<ControlStatus, number>> = { 'not-satisfied': 0, unknown: 1, satisfied: 2 };

/** Share of the period for which it was known to be satisfied; rounded so that anything less than all never reads as all. */
function shareOf({ spans }: ControlRecord, periodMs: number): string {
  const good = spans.filter(({ status }) => status === 'satisfied');
  const ms = good.reduce((sum, { from, to }) => sum + fromIso(to) - fromIso(from), 0);
  return periodMs === 0 ? 'no time' : `${(Math.floor((ms / periodMs) * 10_000) / 100).toFixed(2)} %`;
}

function responseOf({ incidents, drills }: Dossier): readonly Block[] {
  const rows = incidents.map((incident) => [
    incident.id,
    moment(incident.detectedAt),
    printDuration(fromIso(incident.openedAt) - fromIso(incident.detectedAt)),
    incident.closedAt === null ? 'open' : printDuration(fromIso(incident.closedAt) - fromIso(incident.detectedAt)),
    incident.summary,
    doneAbout(incident),
    incident.otherTenants === 0 ? 'no other' : `${incident.otherTenants} more`,
  ]);
  const drilled = drills.map(({ id, scenario, startedAt, outcome, detectedAfterMs, healedAfterMs }) => [
    id,
    scenario,
    moment(startedAt),
    outcome,
    detectedAfterMs === null ? 'not seen' : printDuration(detectedAfterMs),
    healedAfterMs === null ? 'not healed' : printDuration(healedAfterMs),
  ]);
  return [
    heading(2, 'Incidents and repairs'),
    incidents.length === 0
      ? text('No incident that touched this tenant is on record in the period.')
      : table(
          'Incidents that touched this tenant',
          [
            'Incident',
            'First sign',
            'Recognised after',
            'Over after',
            'What it was',
            'What was done',
            'Tenants touched',
          ],
          rows,
        ),
    heading(2, 'Drills'),
    drills.length === 0
      ? text('No drill is on record in the period.')
      : table('Drills', ['Drill', 'Scenario', 'Began', 'Outcome', 'Seen after', 'Healed after'], drilled),
  ];
}

function detailOf(control: ControlRecord, { from, to }: Dossier): readonly Block[] {
  const { parameters, observations, deviation, decidedBy, proof, entries } = control;
  const blocks: Block[] = [
    heading(3, `${control.clause}: ${control.title}`, control.id),
    text(`${control.paraphrase} (${control.id}, ${control.level})`),
    { kind: 'timeline', caption: `How ${control.id} stood over the period`, from, to, spans: control.spans },
  ];
  if (parameters.length > 0) {
    const rows = parameters.map(({ name, value, unit, status, source }) => [name, `${value} ${unit}`, status, source]);
    blocks.push(table('Thresholds', ['Name', 'Value', 'Legal status', 'Source'], rows));
  }
  if (observations.length > 0) {
    const rows = observations.map((each) => [
      each.text,
      { text: STATUS_WORDS[each.status], status: each.status },
      each.measuredAt === null ? 'not measured' : moment(each.measuredAt),
      each.collector ?? 'none',
      each.transcript === null ? 'none' : { text: each.transcript.slice(0, 19), href: transcriptPath(each.transcript) },
    ]);
    blocks.push(table('What was measured', ['Measurement', 'Result', 'At', 'By', 'Transcript'], rows));
  }
  if (deviation) {
    const { name, owner, reason, compensatingControl, expiresAt } = deviation;
    const kind = control.level === 'addressable' ? 'Documented alternative' : 'Deviation, which changes no result';
    blocks.push(
      text(
        `${kind} ${name}, answered for by ${owner} until ${moment(expiresAt)}: ${reason}. Instead: ${compensatingControl}.`,
      ),
    );
  }
  if (decidedBy) blocks.push(text(`Decided by ${decidedBy}${proof === null ? '' : `; proof: ${proof}`}.`));
  if (entries.length > 0) blocks.push(text(`Entries of the ledger: ${entries.join(', ')}.`));
  return blocks;
}

function closing({ ledger }: Dossier): readonly Block[] {
  return [
    heading(2, 'How to check this report'),
    text(
      'This report is one file of a bundle. `kintsugi evidence verify <folder>` checks offline that no file was changed, ' +
        'added or taken away, that the page and the OSCAL document say what the dossier says, and that every entry named ' +
        `here is in the ledger ${ledger}. Receipts in the folder receipts/ are in the public format c2sp.org/tlog-proof, so ` +
        "other people's tools check them too. Use a key of the ledger that you got elsewhere.",
    ),
  ];
}

/** `2026-11-20 08:15:00`, to the second as people read it; milliseconds where they are not zero. */
export function moment(iso: string): string {
  return iso.replace('T', ' ').replace(/(\.000)?Z$/, '');
}
