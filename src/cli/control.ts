import type { Command } from 'commander';
import { printDuration } from '../base/duration.ts';
import type { Binder, Invocation } from './invocation.ts';
import { epochMsOf } from './moment.ts';
import { paintStatus, type TenantResult } from './posture.ts';
import { renderRows, renderTable } from './table.ts';

/** What a control asks for, as its profile says it. */
interface ControlSpec {
  readonly id: string;
  readonly framework: string;
  readonly clause: string;
  readonly link?: string;
  readonly title: string;
  readonly paraphrase: string;
  readonly level: string;
  readonly parameters: Readonly<
    Record<
      string,
      {
        readonly value: number | readonly string[];
        readonly unit: string;
        readonly status: string;
        readonly source: string;
      }
    >
  >;
  readonly checks: readonly { readonly fact: string; readonly holds: string }[];
  readonly remedies: readonly ({ readonly move: string; readonly what: string } | { readonly person: string })[];
  readonly decidedBy?: string;
  readonly evidence?: string;
  readonly nist80053: readonly string[];
}

interface ControlAnswer {
  readonly control: ControlSpec;
  readonly results: readonly TenantResult[];
  /** The last one of each tenant; left out by an earlier Kintsugi. */
  readonly violations?: readonly LastViolationAnswer[];
}

interface LastViolationAnswer {
  readonly tenant: string;
  readonly goodAt: string | null;
  readonly badAt: string;
  readonly foundAt: string;
  readonly healedAt: string | null;
}

export function declareControl(program: Command, binder: Binder): void {
  const control = program
    .command('control')
    .description('what one control asks for, on what it stands, and how each tenant meets it')
    .argument('<id>', 'such as pci-8.2.8')
    .option('--tenant <name>', 'only this one');
  binder.bind<{ tenant?: string }>(control, async (invocation, { tenant }, id = '') => {
    const query = tenant === undefined ? '' : `?tenant=${encodeURIComponent(tenant)}`;
    const answer = await invocation.ask<ControlAnswer>('GET', `/v1/controls/${encodeURIComponent(id)}${query}`);
    invocation.print(answer, () => renderControl(invocation, answer));
  });
}

function renderControl(invocation: Invocation, { control, results, violations = [] }: ControlAnswer): string {
  const { paint } = invocation;
  const { id, framework, clause, link, title, paraphrase, level, decidedBy, evidence, nist80053 } = control;
  const facts = [
    ['clause', `${clause} of ${framework}, ${level}`],
    ...(link === undefined ? [] : [['text', link]]),
    ...Object.entries(control.parameters).map(([name, { value, unit, status, source }]) => [
      'number',
      `${name} = ${String(value)} ${unit} (${status}: ${source})`,
    ]),
    ...control.checks.map(({ fact, holds }) => ['check', `${holds}, of every ${fact}`]),
    ...(decidedBy === undefined ? [] : [['decided by', decidedBy]]),
    ...(evidence === undefined ? [] : [['proof', evidence]]),
    ...control.remedies.map((remedy) => [
      'remedy',
      'person' in remedy ? `${remedy.person} (a person)` : `${remedy.move}: ${remedy.what}`,
    ]),
    ...(nist80053.length === 0 ? [] : [['NIST 800-53', nist80053.join(', ')]]),
  ];
  return `${paint('bold', id)}  ${title}\n${paraphrase}\n\n${renderRows(facts)}\n${renderResults(invocation, results, violations)}`;
}

function renderResults(
  { paint, time }: Invocation,
  results: ControlAnswer['results'],
  violations: readonly LastViolationAnswer[],
): string {
  if (results.length === 0) return 'it binds no tenant\n';
  const lastOf = (name: string) => violations.filter(({ tenant }) => tenant === name);
  const rows = results.flatMap(({ tenant, status, since, reasons, deviation }) => [
    [tenant, paintStatus(paint, status), `since ${time(since)}`],
    ...reasons.map(({ text, measuredAt }) => ['', '', measuredAt === null ? text : `${text} (${time(measuredAt)})`]),
    ...lastOf(tenant).map((each) => ['', '', tellViolation(each, time)]),
    ...(deviation === null
      ? []
      : [['', '', `exception ${deviation.name} of ${deviation.owner}, until ${time(deviation.expiresAt)}`]]),
  ]);
  return renderTable([{ title: 'tenant' }, { title: 'result' }, { title: 'why' }], rows);
}

/** When it began is only known to be between two measurements. */
function tellViolation({ goodAt, badAt, foundAt, healedAt }: LastViolationAnswer, time: Invocation['time']): string {
  const since = epochMsOf(goodAt ?? badAt);
  const after = (at: string) => printDuration(Math.max(0, epochMsOf(at) - since));
  const began = goodAt === null ? `before ${time(badAt)}` : `between ${time(goodAt)} and ${time(badAt)}`;
  const end = healedAt === null ? 'not over' : `measured to be over within ${after(healedAt)}`;
  return `last violated ${began}, found within ${goodAt === null ? 'an unknown time' : after(foundAt)}, ${end}`;
}
