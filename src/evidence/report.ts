import { receiptPath, transcriptPath } from './bundle-paths.ts';
import type { ControlRecord, ControlStatus, Dossier } from './dossier.ts';
import { isAddressed, openingTallyOf, type Tally, tallyOf } from './dossier-tally.ts';
import { type Block, type Cell, heading, moment, type Share, STATUS_WORDS, table, text } from './report-block.ts';
import {
  methodBlocks,
  recordSince,
  responsibilityBlocks,
  scopeBlocks,
  shareOf,
  uncoveredBlocks,
} from './report-scope.ts';
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
    ...scopeBlocks(dossier),
    ...violationBlocks(dossier),
    ...overviewOf(dossier),
    ...incidentBlocks(dossier),
    ...refusalBlocks(dossier),
    ...lossBlocks(dossier),
    ...exceptionBlocks(dossier),
    ...drillBlocks(dossier),
    ...responsibilityBlocks(dossier),
    ...uncoveredBlocks(dossier),
    ...methodBlocks(dossier),
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
function recordBegan(dossier: Dossier): readonly Block[] {
  const since = recordSince(dossier);
  if (since === null) return [text('No result is on record in the period.')];
  return since === dossier.from
    ? []
    : [text(`The first result in the period is of ${moment(since)}; before it nothing is known.`)];
}

function sharesOf({ satisfied, notSatisfied, unknown }: Omit<Tally, 'addressed'>): readonly Share[] {
  return [
    { status: 'satisfied', count: satisfied },
    { status: 'not-satisfied', count: notSatisfied },
    { status: 'unknown', count: unknown },
  ];
}

function overviewOf(dossier: Dossier): readonly Block[] {
  const rows = dossier.controls
    .toSorted((a, b) => RANK[a.status] - RANK[b.status])
    .map((control) => [
      { text: control.clause, href: `#${control.id}` },
      control.title,
      statusCell(control),
      ...SHARED.map((status) => shareOf(control, status, dossier)),
      control.level,
    ]);
  return [
    heading(2, 'Controls'),
    text(
      'Beside the result at the end: for how much of the period each control was measured as satisfied, as not satisfied, and was ' +
        'not determined. Satisfied is rounded down, the others up.',
    ),
    table(
      'Every control, those that are not satisfied first',
      ['Clause', 'Control', 'At the end', ...SHARED.map((status) => `${capital(STATUS_WORDS[status])} for`), 'Level'],
      rows,
    ),
  ];
}

const SHARED: readonly ControlStatus[] = ['satisfied', 'not-satisfied', 'unknown'];
const RANK: Readonly<Record<ControlStatus, number>> = { 'not-satisfied': 0, unknown: 1, satisfied: 2 };

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
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
  if (entries.length > 0) {
    const links = entries.map((entry) => ({ text: entry, href: receiptPath(entry) }));
    blocks.push({ kind: 'links', text: 'Entries of the ledger, with their receipts:', links });
  }
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
