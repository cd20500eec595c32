import type { Command } from 'commander';
import type { FactName } from '../resources/fact-kinds.ts';
import { printDuration } from '../base/duration.ts';
import type { Binder, Invocation } from './invocation.ts';
import { renderRows, renderTable } from './table.ts';

/** How a tenant stands under one framework. */
export interface PostureRow {
  readonly tenant: string;
  readonly framework: string;
  readonly satisfied: number;
  readonly notSatisfied: number;
  readonly unknown: number;
  readonly addressed: number;
}

export interface PostureAnswer {
  readonly at: string;
  readonly rows: readonly PostureRow[];
  /** Frameworks that a tenant names and that nobody knows. */
  readonly unjudged: readonly { readonly tenant: string; readonly framework: string }[];
  /** Of those that were violated lately; left out by an earlier Kintsugi. */
  readonly times?: readonly ViolationTimesAnswer[];
  /** Left out by an earlier Kintsugi. */
  readonly exceptions?: readonly ExceptionAnswer[];
  /** Only where one tenant was asked for. */
  readonly results?: readonly ResultAnswer[];
}

/** How long violations lasted. Null: nobody knows. */
interface ViolationTimesAnswer {
  readonly tenant: string;
  readonly framework: string;
  readonly found: number;
  readonly open: number;
  readonly findMsMax: number | null;
  readonly healMsMax: number | null;
}

interface ExceptionAnswer {
  readonly name: string;
  readonly control: string;
  readonly owner: string;
  readonly compensatingControl: string;
  readonly expiresAt: string;
  readonly isExpired: boolean;
  /** How many results it stands in for now, and how often it began to since `matchesSince`. */
  readonly standsFor: number;
  readonly matches: number;
  readonly matchesSince: string;
}

export interface ResultAnswer {
  readonly tenant?: string;
  readonly control: string;
  readonly title: string;
  readonly framework: string;
  readonly clause: string;
  readonly level: 'required' | 'addressable';
  readonly status: 'satisfied' | 'not-satisfied' | 'unknown';
  readonly since: string;
  readonly parameters: Readonly<Record<string, number | readonly string[]>>;
  readonly reasons: readonly {
    readonly fact: FactName;
    /** Null where nobody reports the fact. */
    readonly subject: string | null;
    readonly status: string;
    readonly text: string;
    readonly measuredAt: string | null;
    readonly collector: string | null;
  }[];
  readonly decidedBy: string | null;
  readonly deviation: { readonly name: string; readonly owner: string; readonly expiresAt: string } | null;
}

/** A result with the tenant that it is about. */
export type TenantResult = ResultAnswer & { readonly tenant: string };

export function declarePosture(program: Command, binder: Binder): void {
  const posture = program
    .command('posture')
    .description(
      'how the tenants stand under their regulations, worst first; one tenant with each control that is not met',
    )
    .argument('[tenant]')
    .option('--all', 'of one tenant: also what is satisfied or not known');
  binder.bind<{ all?: boolean }>(posture, async (invocation, { all }, tenant) => {
    const path = tenant === undefined ? '/v1/posture' : `/v1/posture/${encodeURIComponent(tenant)}`;
    const answer = await invocation.ask<PostureAnswer>('GET', path);
    invocation.print(answer, () => renderPosture(invocation, answer, all === true));
  });
}

function renderPosture(invocation: Invocation, answer: PostureAnswer, all: boolean): string {
  const { rows, unjudged, results, exceptions = [], times = [] } = answer;
  if (rows.length === 0 && unjudged.length === 0) return 'no tenant lives under a regulation\n';
  const { paint } = invocation;
  const columns = [
    { title: 'tenant' },
    { title: 'framework' },
    { title: 'not satisfied', align: 'right' },
    { title: 'unknown', align: 'right' },
    { title: 'satisfied', align: 'right' },
    { title: 'alternative', align: 'right' },
  ] as const;
  const table = renderTable(
    columns,
    rows.map(({ tenant, framework, satisfied, notSatisfied, unknown, addressed }) => [
      tenant,
      framework,
      notSatisfied > 0 ? paint('red', String(notSatisfied)) : '0',
      unknown > 0 ? paint('yellow', String(unknown)) : '0',
      String(satisfied),
      String(addressed),
    ]),
  );
  const strange = unjudged.map(
    ({ tenant, framework }) => `${tenant} names ${framework}, which nobody knows: every move for it is denied\n`,
  );
  return (
    table +
    strange.join('') +
    renderTimes(times) +
    renderExceptions(invocation, exceptions) +
    (results ? renderResults(invocation, results, all) : HINT)
  );
}

/** A violation may have begun at any time since the last good measurement, so these are the longest that it can have been. */
function renderTimes(times: readonly ViolationTimesAnswer[]): string {
  return times
    .map(({ tenant, framework, found, open, findMsMax, healMsMax }) => {
      const foundIn = findMsMax === null ? 'nobody saw when they began' : `found within ${printDuration(findMsMax)}`;
      const spans = `${foundIn}, ${healMsMax === null ? 'none healed yet' : `healed within ${printDuration(healMsMax)}`}`;
      return `${tenant} ${framework}: ${found} violations in 30 days, ${open} of them not over; ${spans}\n`;
    })
    .join('');
}

/** Exceptions with their counter; one that stands in for nothing is pointed at. */
function renderExceptions({ paint }: Invocation, exceptions: readonly ExceptionAnswer[]): string {
  if (exceptions.length === 0) return '';
  const columns = ['exception', 'control', 'owner', 'expires', 'stands for', 'matched', ''].map((title) => ({ title }));
  const rows = exceptions.map(({ name, control, owner, expiresAt, isExpired, standsFor, matches, matchesSince }) => {
    const unused =
      matches === 0 && standsFor === 0 ? paint('yellow', `never matched since ${matchesSince}: still needed?`) : '';
    const note = isExpired ? paint('red', 'expired: it stands for nothing') : unused;
    return [name, control, owner, expiresAt, `${standsFor} results`, `${matches} times`, note];
  });
  return `\n${renderTable(columns, rows)}`;
}

const HINT = '`kintsugi posture TENANT` names the controls, `kintsugi control ID` explains one\n';

function renderResults(invocation: Invocation, results: readonly ResultAnswer[], all: boolean): string {
  const shown = results.filter(({ status }) => all || status === 'not-satisfied');
  if (shown.length === 0) {
    const unknown = results.filter(({ status }) => status === 'unknown').length;
    return `\nno control is known to be violated; ${unknown} are not known (--all lists them)\n`;
  }
  return `\n${renderRows(shown.flatMap((each) => resultRows(invocation, each)))}`;
}

function resultRows({ paint, time }: Invocation, result: ResultAnswer): readonly (readonly string[])[] {
  const { control, title, status, since, reasons, decidedBy, deviation } = result;
  const bad = reasons.filter((reason) => reason.status === status);
  const texts = decidedBy === null ? bad.map(({ text }) => text) : [`${decidedBy} decides`];
  const beside =
    deviation === null ? [] : [`exception ${deviation.name} of ${deviation.owner}, until ${time(deviation.expiresAt)}`];
  const head = [paintStatus(paint, status), control, title, `since ${time(since)}`];
  return [head, ...[...texts, ...beside].map((text) => ['', '', text])];
}

export function paintStatus(paint: Invocation['paint'], status: ResultAnswer['status']): string {
  if (status === 'satisfied') return paint('green', status);
  return paint(status === 'unknown' ? 'yellow' : 'red', status);
}
