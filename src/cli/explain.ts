import type { Command } from 'commander';
import type { Account, BudgetAccount, Outlook, Unusual } from '../detect/account.ts';
import type { Ranking } from '../diagnose/diagnosis.ts';
import type { ExplainAnswer, ExplainedEvidence, ExplainedSuspect } from './answers.ts';
import { printValue, renderChart } from './chart.ts';
import { resolveId } from './incidents.ts';
import type { Binder, Invocation } from './invocation.ts';
import { printDuration } from '../base/duration.ts';
import type { PrintTime } from './moment.ts';
import { type Paint, paintWord } from './paint.ts';
import { section } from './story.ts';
import { renderRows } from './table.ts';

const CHART_WIDTH = 60;
const VIEWS_SHOWN = 3;

/** How it is drawn. `now` is the time from which what is to come counts. */
export interface Drawing {
  readonly paint: Paint;
  readonly time: PrintTime;
  readonly now: number;
  readonly ascii: boolean;
}

export function declareExplain(program: Command, binder: Binder): void {
  const command = program
    .command('explain')
    .description('the evidence: what was seen and expected, how rare it is, who is suspected, and what will run out')
    .argument('[what...]', 'incident (`last` is the newest), or words of a series; without it, what is odd just now')
    .option('--ascii', 'charts of plain characters, as they are without a terminal');
  binder.bind<{ ascii?: boolean }>(command, async (invocation, { ascii }, ...words) => {
    const { paint, time, context } = invocation;
    const what = words.filter((word) => word !== undefined).join(' ');
    const answer = await ask(invocation, what);
    const drawing = { paint, time, now: context.clock.now(), ascii: ascii === true || !context.isTty };
    invocation.print(answer, () => renderExplanation(answer, drawing, what));
  });
}

async function ask(invocation: Invocation, what: string): Promise<ExplainAnswer> {
  const path = (name: string, value: string) => `/v1/explain?${new URLSearchParams({ [name]: value }).toString()}`;
  if (what !== 'last' && !what.startsWith('inc_')) return invocation.ask('GET', path('series', what));
  return invocation.ask('GET', path('incident', await resolveId(invocation, what)));
}

/** The whole answer for people. */
export function renderExplanation(answer: ExplainAnswer, drawing: Drawing, asked: string): string {
  const { incident, evidence = [], suspects = [], ranking, series } = answer;
  const charts = series.map((account) => renderAccount(account, drawing)).join('\n');
  if (incident === undefined) {
    const nothing = asked === '' ? 'nothing is out of the usual just now\n' : `no series is called ${asked}\n`;
    return series.length === 0 ? nothing : charts;
  }
  const { paint } = drawing;
  return [
    `${paint('bold', `Incident ${incident.id}`)}: ${paintWord(paint, incident.outcome ?? incident.state)}\n` +
      `${incident.cause}, ${incident.subject}: ${incident.summary}\n`,
    section(paint, 'Seen', renderEvidence(evidence, drawing)),
    section(paint, 'Suspected besides', renderSuspects(suspects)),
    ...(ranking ? [section(paint, `Who adds the harm felt at ${ranking.of}`, renderRanking(ranking))] : []),
    section(paint, 'Series', charts === '' ? 'none is watched of what it is about' : charts),
  ].join('\n');
}

function renderEvidence(evidence: readonly ExplainedEvidence[], { time }: Drawing): string {
  if (evidence.length === 0) return 'nothing is on record';
  return evidence
    .map(({ name, reason, vantages, since, facts }) => {
      const by = vantages.length > 0 ? `, seen by ${vantages.join(', ')}` : '';
      const told = Object.entries(facts).map(([fact, value]) => `${fact} ${printFact(fact, value, time)}`);
      return `${time(since)}  ${name}: ${reason}${by}${told.length > 0 ? `\n          ${told.join(', ')}` : ''}`;
    })
    .join('\n');
}

function printFact(fact: string, value: unknown, time: PrintTime): string {
  if (typeof value === 'number' && fact.endsWith('At')) return time(value);
  if (typeof value === 'number' && fact.endsWith('InMs')) return printDuration(value);
  if (typeof value === 'number') return printValue(value);
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(' ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function renderSuspects(suspects: readonly ExplainedSuspect[]): string {
  if (suspects.length === 0) return 'nobody';
  return renderRows(
    suspects.map(({ score, cause, subject, why }) => [score.toFixed(2), cause, subject, why]),
    [{ align: 'right' }],
  );
}

/** Each suspect of the call graph with what speaks for and against it. */
function renderRanking({ verdict, reason, causes }: Ranking): string {
  const first = verdict === 'cause' ? reason : `it cannot be told: ${reason}`;
  const rows = causes
    .filter(({ confidence }) => confidence > 0)
    .map(({ node, confidence, evidence }) => [`${Math.round(confidence * 100)} %`, node, evidence.join('; ')]);
  return `${first}\n${renderRows(rows, [{ align: 'right' }])}`;
}

/** One series: its last values, what was expected, and what is said of it. */
function renderAccount(account: Account, drawing: Drawing): string {
  const { paint, time, ascii } = drawing;
  const { series, unit, points, expected, unusual, outlook, budgets, release, numbers } = account;
  const values = points.map(({ value }) => value);
  const lines = [paint('bold', series)];
  if (points.length > 0) {
    const [first, last] = [points[0]!, points.at(-1)!];
    lines.push(renderChart(values, { width: CHART_WIDTH, ascii }));
    lines.push(
      `${time(first.at)} to ${time(last.at)}, ${printValue(Math.min(...values))} to ${printValue(Math.max(...values))}${unit === '' ? '' : ` ${unit}`}; now ${printValue(last.value)}`,
    );
  }
  if (expected !== null) lines.push(`expected ${printValue(expected.low)} to ${printValue(expected.high)} of late`);
  if (unusual !== null) lines.push(...renderUnusual(unusual, drawing));
  if (outlook !== null) lines.push(renderOutlook(outlook, unit, drawing));
  lines.push(...budgets.flatMap((budget) => renderBudget(budget, drawing)));
  if (release?.isDoubted) lines.push(paint('yellow', `${release.summary}: no other instance gets it`));
  else if (release !== null) lines.push(release.summary);
  const set = Object.entries(numbers).map(([name, value]) => `${name} ${printNumber(name, value)}`);
  if (set.length > 0) lines.push(paint('dim', `judged by ${set.join(', ')}`));
  return `${lines.join('\n  ')}\n`;
}

function printNumber(name: string, value: number): string {
  return name.endsWith('Ms') ? printDuration(value) : printValue(value);
}

function renderUnusual({ at, channel, severity, oneIn, views }: Unusual, { paint, time }: Drawing): readonly string[] {
  const how = channel === 'novel' ? 'never seen before' : 'out of the last minutes';
  const first = `${paint('yellow', 'unusual')} at ${time(at)}: ${how}, severity ${printValue(severity)}, one in ${printValue(oneIn)} values`;
  const fired = views
    .slice(0, VIEWS_SHOWN)
    .map(
      ({ view, seen, low, high }) => `  ${view}: ${printValue(seen)}, was ${printValue(low)} to ${printValue(high)}`,
    );
  return [first, ...fired];
}

function renderOutlook(outlook: Outlook, unit: string, { paint, now }: Drawing): string {
  const limit = outlook.limit === null ? 'no limit is known' : `limit ${printValue(outlook.limit)} ${unit}`;
  if (outlook.kind === 'gone') return paint('red', `at its limit: ${limit}`);
  if (outlook.kind !== 'exhausts' && outlook.limit === null) return limit;
  if (outlook.kind !== 'exhausts')
    return `${limit}; ${outlook.kind === 'safe' ? 'it will not be reached' : 'it cannot be told when'}`;
  const { perHour, atMs, earliestMs, latestMs } = outlook;
  const away = (at: number) => printDuration(Math.max(0, at - now));
  const text = `grows by ${printValue(perHour)} ${unit} an hour; ${limit} in ${away(atMs)}, between ${away(earliestMs)} and ${away(latestMs)}`;
  return paint('yellow', text);
}

function renderBudget(
  { counts, target, left, spentInMs, burns }: BudgetAccount,
  { paint }: Drawing,
): readonly string[] {
  const what = counts === 'failed' ? 'failures' : 'slow answers';
  const rest =
    left === null ? 'nothing was counted yet' : left > 0 ? `${Math.round(left * 100)} % left` : paint('red', 'spent');
  const when = spentInMs === null || spentInMs === 0 ? '' : `, spent in ${printDuration(spentInMs)} at this pace`;
  const first = `budget of ${what} (${printValue(target * 100)} % good): ${rest}${when}`;
  const lit = burns.filter(({ state, long }) => state === 'burning' || long > 0);
  if (lit.length === 0) return [`${first}; no window burns`];
  const pairs = lit.map(({ pair, long, short, factor, state }) => {
    const said = state === 'burning' ? paint('red', state) : state === 'too-quiet' ? 'too few to say' : state;
    return `  ${pair}: ${printValue(long)} and ${printValue(short)} times too fast, ${printValue(factor)} is too much: ${said}`;
  });
  return [first, ...pairs];
}
