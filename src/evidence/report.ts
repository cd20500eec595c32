import { fromIso } from '../base/clock.ts';
import { transcriptPath } from './assessment-results.ts';
import type { ControlRecord, ControlStatus, Dossier } from './dossier.ts';
import { isAddressed, openingTallyOf, type Tally, tallyOf } from './dossier-tally.ts';
import { type Block, type Cell, heading, moment, type Share, STATUS_WORDS, table, text } from './report-block.ts';
import {
  drillBlocks,
  exceptionBlocks,
  incidentBlocks,
  lossBlocks,
  refusalBlocks,
  violationBlocks,
} from './report-events.ts';

/** The report of a dossier, piece by piece, as an auditor reads it: the answer first, then what it stands on. */
export function reportOf(dossier: Dossier): readonly Block[] {
  return [
    ...opening(dossier),
    ...violationBlocks(dossier),
    ...overviewOf(dossier),
    ...incidentBlocks(dossier),
    ...refusalBlocks(dossier),
    ...lossBlocks(dossier),
    ...exceptionBlocks(dossier),
    ...drillBlocks(dossier),
    heading(2, 'Each control'),
    ...dossier.controls.flatMap((control) => detailOf(control, dossier)),
    ...closing(dossier),
  ];
}

function statusCell(control: ControlRecord): Cell {
  const said = STATUS_WORDS[control.status];
  return { text: isAddressed(control) ? `${said}, alternative documented` : said, status: control.status };
}

function opening(dossier: Dossier): readonly Block[] {
  const { tenant, framework, controls } = dossier;
  const tally = tallyOf(dossier);
  const violated = new Set(dossier.violations.map(({ control }) => control)).size;
  const alternative = tally.addressed === 0 ? '' : ` For ${tally.addressed} of those a documented alternative stands.`;
  return [
    heading(1, `${framework.title}: ${tenant.displayName ?? tenant.name}`),
    text(
      `From ${moment(dossier.from)} to ${moment(dossier.to)} (UTC). Made at ${moment(dossier.madeAt)} by ${dossier.madeBy}. ` +
        `Tenant ${tenant.name}, framework ${framework.name}, ledger ${dossier.ledger}.`,
    ),
    heading(2, 'In short'),
    text(
      `At the end of the period ${tally.satisfied} of ${controls.length} controls were measured as satisfied, ` +
        `${tally.notSatisfied} as not satisfied, and ${tally.unknown} could not be determined.${alternative} ` +
        `${violated === 0 ? 'No control was' : `${violated} ${violated === 1 ? 'control was' : 'controls were'}`} measured as violated at some time in the period.`,
    ),
    { kind: 'shares', caption: 'Controls at the beginning of the period', parts: sharesOf(openingTallyOf(dossier)) },
    ...recordBegan(dossier),
    { kind: 'shares', caption: 'Controls at the end of the period', parts: sharesOf(tally) },
    text(
      'Satisfied says that the effect was measured and was within the threshold. Not determined is never a pass: nothing ' +
        'measured it, the measurement was too old, or a person has to decide it. This report is evidence for an ' +
        'assessment and no legal opinion.',
    ),
  ];
}

/** Nothing is known of the time before the first record, and a short record is not to be taken for a long one. */
function recordBegan({ controls, from }: Dossier): readonly Block[] {
  const known = controls.flatMap(({ spans }) => spans.filter(({ status }) => status !== 'unknown'));
  const first = known.map((span) => span.from).toSorted()[0];
  if (first === undefined) return [text('No result is on record in the period.')];
  return first === from
    ? []
    : [text(`The first result in the period is of ${moment(first)}; before it nothing is known.`)];
}

function sharesOf({ satisfied, notSatisfied, unknown }: Omit<Tally, 'addressed'>): readonly Share[] {
  return [
    { status: 'satisfied', count: satisfied },
    { status: 'not-satisfied', count: notSatisfied },
    { status: 'unknown', count: unknown },
  ];
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
