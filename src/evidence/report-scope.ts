import { printDuration } from '../base/duration.ts';
import { fromIso } from '../base/clock.ts';
import { FACT_KINDS, type FactName } from '../resources/fact-kinds.ts';
import type { ControlRecord, ControlStatus, Dossier, ObservationRecord } from './dossier.ts';
import { type Block, type Cell, heading, moment, table, text } from './report-block.ts';

/** Of whom, over which time, by whom, and at what was looked. */
export function scopeBlocks(dossier: Dossier): readonly Block[] {
  const { tenant, framework, from, to, madeAt, madeBy, ledger, operator, controls } = dossier;
  const observed = controls.flatMap(({ observations }) => observations);
  const subjects = [...new Set(observed.flatMap(({ subject }) => subject ?? []))].toSorted();
  const since = recordSince(dossier);
  const rows: (readonly (Cell | string)[])[] = [
    ['Tenant', `${tenant.displayName ?? tenant.name} (${tenant.name})`],
    ['Framework', `${framework.title} (${framework.name})`],
    ...(framework.source === null ? [] : [['Published at', { text: framework.source, href: framework.source }]]),
    ['Period', `${moment(from)} to ${moment(to)}; all times are UTC`],
    [
      'On record',
      since === null ? 'nothing within the period' : `from ${moment(since)} on; nothing is known of the time before`,
    ],
    ['Controls', `${controls.length}, all of the framework as it is declared in profile.json`],
    ['Run by', operator ?? 'nobody is declared: see `processor` of the Policy'],
    [
      'Evaluated by',
      `${madeBy}, the control plane of whoever runs the platform, without an end and by machine. No independent person has ` +
        'examined it; what lets others check it is at the end of this report.',
    ],
    ['Made', `${moment(madeAt)}, from the ledger ${ledger}`],
    ['Looked at', subjects.length === 0 ? 'nothing' : subjects.join(', ')],
  ];
  return [heading(2, 'Scope'), table('What this report is about', ['What', 'Which'], rows)];
}

/** When the first result within the period was put on record; null when none was. */
export function recordSince({ controls }: Dossier): string | null {
  const known = controls.flatMap(({ spans }) => spans.filter(({ status }) => status !== 'unknown'));
  return known.map(({ from }) => from).toSorted()[0] ?? null;
}

/**
 * For how much of the period a control stood so. Rounded against whoever is examined: satisfied for all of it reads as 100 %
 * only when it was so, and a violation of a moment does not read as none.
 */
export function shareOf({ spans }: ControlRecord, status: ControlStatus, { from, to }: Dossier): string {
  const periodMs = fromIso(to) - fromIso(from);
  if (periodMs === 0) return 'no time';
  const ms = spans
    .filter((span) => span.status === status)
    .reduce((sum, span) => sum + fromIso(span.to) - fromIso(span.from), 0);
  const round = status === 'satisfied' ? Math.floor : Math.ceil;
  return `${(round((ms / periodMs) * 10_000) / 100).toFixed(2)} %`;
}

/** What nobody knows at the end of the period, each with the reason. */
export function uncoveredBlocks({ controls }: Dossier): readonly Block[] {
  const open = controls.filter(({ status }) => status === 'unknown');
  const rows = open.map((control) => [clauseOf(control), control.title, whyUnknown(control)]);
  return [
    heading(2, 'What is not covered'),
    text(
      'Nothing here speaks for what no control of the framework asks, for other systems of the tenant, for its own people and ' +
        'devices, and for the time before the record begins. A measurement proves what "What the measurements prove" says and no more.',
    ),
    open.length === 0
      ? text('Every control was determined at the end of the period.')
      : table('Controls that were not determined at the end of the period', ['Clause', 'Control', 'Why'], rows),
  ];
}

function whyUnknown({ observations, decidedBy, proof }: ControlRecord): string {
  const open = observations.filter(({ status }) => status === 'unknown').map(({ text: said }) => said);
  const reasons = [...new Set(open)].join('; ');
  const person = decidedBy === null ? '' : `decided by ${decidedBy}${proof === null ? '' : `, by ${proof}`}`;
  return [reasons, person].filter((each) => each !== '').join('; ') || 'what was measured of it is not of the period';
}

/** Who has to do what: the operator for what is measured, others for what nobody can measure. */
export function responsibilityBlocks({ controls, operator, tenant }: Dossier): readonly Block[] {
  const shared = controls.filter(({ decidedBy }) => decidedBy !== null);
  const rows = shared.map((control) => [
    clauseOf(control),
    control.title,
    control.decidedBy ?? '',
    control.observations.length > 0 ? 'the measurements below' : 'nothing',
    control.proof ?? 'not said',
  ]);
  const measured = controls.length - shared.length;
  return [
    heading(2, 'Who answers for what'),
    text(
      `${operator ?? 'Whoever runs the platform'} answers for what is measured: ${measured} controls are judged by measurements ` +
        `alone. What the tenant ${tenant.name} does with its accounts, its own systems and its people is its own. The following ` +
        'are decided by people, whatever was measured:',
    ),
    shared.length === 0
      ? text('None.')
      : table('Decided by people', ['Clause', 'Control', 'By', 'Measured for it', 'Serves as proof'], rows),
  ];
}

/** What each kind of measurement is, who took it, when and how often it counts. */
export function methodBlocks({ controls }: Dossier): readonly Block[] {
  const measured = controls
    .flatMap(({ observations }) => observations)
    .filter(({ measuredAt, fact }) => measuredAt !== null && Object.hasOwn(FACT_KINDS, fact));
  const byFact = Map.groupBy(measured, ({ fact }) => fact);
  const rows = [...byFact].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([fact, all]) => methodOf(fact, all));
  return [
    heading(2, 'What the measurements prove'),
    text(
      'Collectors measure effects: a handshake, a query as somebody else, an entry that is found again. Where only a catalogue, a ' +
        'file or a signed record is read, it says so. A measurement counts for the time in the table; an older one is unknown.',
    ),
    rows.length === 0
      ? text('Nothing was measured in the period.')
      : table(
          'Measurements that results stand on',
          ['Measurement', 'What it tells', 'By', 'Counts for', 'Newest', 'Oldest that counts here'],
          rows,
        ),
  ];
}

function methodOf(fact: string, all: readonly ObservationRecord[]): readonly string[] {
  const { proves, freshMs } = FACT_KINDS[fact as FactName];
  const times = all.flatMap(({ measuredAt }) => measuredAt ?? []).toSorted();
  const collectors = [...new Set(all.flatMap(({ collector }) => collector ?? []))].join(', ');
  return [fact, proves, collectors, printDuration(freshMs), moment(times.at(-1) ?? ''), moment(times[0] ?? '')];
}

function clauseOf({ clause, id }: ControlRecord): Cell {
  return { text: clause, href: `#${id}` };
}
