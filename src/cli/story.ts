import type { JsonObject } from '../base/json.ts';
import type { Release } from '../heal/memory.ts';
import type { Plan, Step, Verdict } from '../heal/plan.ts';
import type {
  Evidence,
  GuardRefusal,
  IncidentAnswer,
  Proposed,
  StoryEntry,
  StoryRepair,
  ViolatedClause,
} from './answers.ts';
import { printDuration } from '../base/duration.ts';
import { tellDuties } from './duties.ts';
import { epochMsOf, type PrintTime } from './moment.ts';
import { type Paint, paintWord } from './paint.ts';
import { renderRows } from './table.ts';

/** How a story is told. */
export interface Telling {
  readonly paint: Paint;
  readonly time: PrintTime;
}

/** The story of an incident for people: seen, suspected, planned, judged, done, and how it ended. */
export function renderStory({ incident, repairs, duties = [] }: IncidentAnswer, telling: Telling): string {
  const { paint } = telling;
  const detectedMs = epochMsOf(incident.detectedAt);
  const several = repairs.length > 1;
  const told = repairs.map((repair, at) =>
    renderRepair(repair, detectedMs, telling, several ? ` (repair ${at + 1} of ${repairs.length})` : ''),
  );
  const sections = [
    renderOpening(incident, telling),
    section(paint, 'Seen', renderEvidence(incident, telling)),
    section(paint, 'Suspected', `${incident.cause}: ${incident.summary}\n`),
    incident.violates?.length ? section(paint, 'Violates', renderClauses(incident.violates)) : '',
    ...told.flat(),
    incident.refusal && incident.state === 'open'
      ? section(paint, 'Refused', renderRefusal(incident.refusal.guards))
      : '',
    incident.refusal?.proposal?.length && incident.state === 'open'
      ? section(paint, 'Proposed (nothing was done)', renderProposal(incident.refusal.proposal))
      : '',
    incident.released?.length ? section(paint, 'Let in again', renderReleases(incident.released, detectedMs)) : '',
    duties.length > 0 ? section(paint, 'Owed by law after its moves', tellDuties(duties)) : '',
    section(paint, 'Outcome', renderEnd(incident, repairs, telling)),
  ];
  return sections.filter((text) => text !== '').join('\n');
}

/** A title and what stands below it, indented. */
export function section(paint: Paint, title: string, body: string): string {
  const indented = body
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`));
  return `${paint('bold', title)}\n${indented.join('\n')}\n`;
}

function renderOpening(incident: IncidentAnswer['incident'], { paint, time }: Telling): string {
  const { id, subject, workload, outcome, state, detectedAt, openedAt, belongsTo } = incident;
  const place = workload !== null && !subject.endsWith(` ${workload}`) ? ` of workload ${workload}` : '';
  const openedMs = epochMsOf(openedAt) - epochMsOf(detectedAt);
  return [
    `${paint('bold', `Incident ${id}`)}: ${paintWord(paint, outcome ?? state)}`,
    `${subject}${place}`,
    ...(belongsTo === undefined ? [] : [`belongs to ${belongsTo}: one cause, and each is healed for itself`]),
    `first seen at ${time(detectedAt)}, opened ${printDuration(openedMs)} later; all times below count from when it was seen`,
    '',
  ].join('\n');
}

/** So many lines are read; of more, a few of each kind are shown. */
const LINES_MAX = 12;
const EXAMPLES = 3;
const VANTAGES_SHOWN = 3;

/** Each with its source. What is alike is counted and shown by its first when there is much of it. */
function renderEvidence({ evidence, symptoms = {} }: IncidentAnswer['incident'], { time }: Telling): string {
  if (evidence.length === 0) return 'nothing is on record';
  const rowOf = ({ name, reason, vantages, since }: Evidence) => [time(since), name, reason, seenBy(vantages)];
  const shown =
    evidence.length <= LINES_MAX
      ? evidence
      : [...Map.groupBy(evidence, ({ name }) => name).values()].flatMap((same) => same.slice(0, EXAMPLES));
  const lines = renderRows(shown.map(rowOf));
  const counts = new Map(Object.entries(symptoms));
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (total <= shown.length) return lines;
  const told = [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
  return `${lines}${shown.length} of ${total} symptoms that it explains: ${told}`;
}

/** Clause by clause, for whom, and what the control says has to be done. */
function renderClauses(violates: readonly ViolatedClause[]): string {
  const rows = violates.map(({ framework, clause, control, title, tenants, tenantsTotal }) => {
    const rest = tenantsTotal > tenants.length ? ` and ${tenantsTotal - tenants.length} more` : '';
    return [`${framework} ${clause}`, title, `for ${someOf(tenants)}${rest}`, control];
  });
  const advice = [...new Set(violates.flatMap((each) => each.advice))];
  return `${renderRows(rows)}to do: ${advice.length === 0 ? 'the control names no remedy' : advice.join('; ')}`;
}

function seenBy(vantages: readonly string[]): string {
  return vantages.length === 0 ? '' : `seen by ${someOf(vantages, VANTAGES_SHOWN)}`;
}

/** Planned, judged, done: three sections a repair. */
function renderRepair(repair: StoryRepair, detectedMs: number, { paint }: Telling, which: string): string[] {
  return [
    section(paint, `Planned${which}`, renderPlan(repair)),
    section(paint, `Judged${which}`, renderVerdicts(repair.plan.verdicts)),
    section(paint, `Done${which}`, renderJournal(repair, detectedMs, paint)),
  ];
}

function renderPlan({ plan, target, hash, approvedBy }: StoryRepair): string {
  const approval = approvedBy
    ? `approved by ${approvedBy}`
    : plan.needsApproval
      ? 'needs the approval of a person'
      : 'needs no approval';
  const steps = plan.steps.flatMap((step, at) => renderStep(step, at));
  return [plan.summary, `${plan.id} by playbook ${plan.playbook} on ${target}; ${approval}`, hash, ...steps].join('\n');
}

/** One step: what it does, what it touches, how it is proven. */
export function renderStep(step: Step, at: number): string[] {
  const { move, effect, touch, soakMs, verifyWithinMs } = step;
  const away = touch.servingTakenAtOnce > 0 ? ` (${touch.servingTakenAtOnce} serving taken away at once)` : '';
  const touched = [
    touch.instances.length > 0 ? `${someOf(touch.instances)}${away}` : 'no instance',
    ...(['settings', 'assets', 'actors', 'tenants'] as const).map((kind) => listed(kind, touch[kind])),
    listed('data', touch.dataClasses),
    touch.regions.length > 0 ? `in ${touch.regions.join(', ')}` : '',
    wayBackOf(step),
  ];
  const proof =
    soakMs > 0
      ? `proven by ${printDuration(soakMs)} of good requests within ${printDuration(verifyWithinMs)}`
      : 'not to be proven';
  return [
    `${at + 1}. ${move}: ${effect}`,
    `   touches ${touched.filter((text) => text !== '').join('; ')}`,
    `   ${proof}`,
  ];
}

/** What the law forbids is not gone back to, whatever comes of the repair. */
function wayBackOf({ touch, input, undo }: Step): string {
  if (input['stays'] === true) return `is not undone: ${undo}`;
  return touch.reversible ? 'can be undone' : 'cannot be undone';
}

/** `tenants clinic-de, shop`. Plans that were kept by an earlier Kintsugi do not name everything. */
function listed(kind: string, names: readonly string[] | undefined): string {
  return names && names.length > 0 ? `${kind} ${someOf(names)}` : '';
}

/** Longer lists are not read in a terminal; `--json` has all of them. */
const NAMES_SHOWN = 12;

function someOf(names: readonly string[], most = NAMES_SHOWN): string {
  const more = names.length > most ? ` and ${names.length - most} more` : '';
  return `${names.slice(0, most).join(', ')}${more}`;
}

/** Guards that agree are named, those that do not are quoted: what they deny was left out, since a plan has nothing that is denied. */
export function renderVerdicts(verdicts: readonly Verdict[]): string {
  const of = (wanted: Verdict['kind']) => verdicts.filter(({ kind }) => kind === wanted);
  const told = (said: string, all: readonly Verdict[]) =>
    all.flatMap(({ guard, reason, remedy }) => [`${said} ${guard}: ${reason}`, ...(remedy ? [`  -> ${remedy}`] : [])]);
  const allowing = of('allow').map(({ guard }) => guard);
  const lines = [
    ...told('asked for a person by', of('ask')),
    ...(allowing.length > 0 ? [`allowed by ${allowing.join(', ')}`] : []),
    ...told('left out, refused by', of('deny')),
  ];
  return lines.length > 0 ? lines.join('\n') : 'no verdict is on record';
}

function renderRefusal(guards: readonly GuardRefusal[]): string {
  const lines = guards.flatMap(({ guard, reason, remedy }) => [
    `by ${guard}: ${reason}`,
    ...(remedy ? [`  -> ${remedy}`] : []),
  ]);
  return lines.length > 0 ? lines.join('\n') : 'without a reason on record';
}

/** Who had been kept out, and why they no longer are. */
function renderReleases(released: readonly Release[], detectedMs: number): string {
  const rows = released.map(({ at, kind, tenant, workload, store, why }) => {
    const what =
      store === null ? `${kind} of ${tenant ?? 'everybody'}` : `new rows of ${tenant ?? 'everybody'} in ${store}`;
    return [offsetOf({ at }, detectedMs), `${what}${workload === null ? '' : ` at ${workload}`}`, why];
  });
  return renderRows(rows, [{ align: 'right' }]);
}

function renderProposal(steps: readonly Proposed[]): string {
  return steps
    .map(({ move, effect, undo }, at) => `${at + 1}. ${move}: ${effect}${undo ? `; undone: ${undo}` : ''}`)
    .join('\n');
}

function renderJournal({ journal, plan, id }: StoryRepair, detectedMs: number, paint: Paint): string {
  if (journal.length === 0) return `${id}: nothing yet`;
  const rows = journal.map((entry) => [offsetOf(entry, detectedMs), paintEvent(entry, paint), tellEntry(entry, plan)]);
  return `${id}\n${renderRows(rows, [{ align: 'right' }])}`;
}

function paintEvent({ event }: StoryEntry, paint: Paint): string {
  if (event === 'verified') return paint('green', event);
  return event.endsWith('-failed') ? paint('red', event) : event;
}

/** `+85 ms` from detection on. */
function offsetOf({ at }: Pick<StoryEntry, 'at'>, detectedMs: number): string {
  const ms = epochMsOf(at) - detectedMs;
  return Number.isNaN(ms) ? '' : `${ms < 0 ? '' : '+'}${printDuration(ms)}`;
}

/** What an entry of the journal says, in words. */
function tellEntry({ event, moveIndex, data }: StoryEntry, plan: Plan): string {
  const step = `step ${moveIndex + 1}, ${plan.steps[moveIndex]?.move ?? 'unknown'}`;
  switch (event) {
    case 'opened':
      return 'the plan was kept and its target taken';
    case 'approved':
      return `by ${text(data, 'by')}`;
    case 'rejected':
    case 'cancelled':
      return `by ${text(data, 'by')}: ${text(data, 'reason')}`;
    case 'denied':
      return `${step} is not begun: ${text(data, 'guard')}: ${text(data, 'reason')}`;
    case 'intent':
      return `about to begin ${step}`;
    case 'applied':
      return `${step}${tellOutput(data)}`;
    case 'apply-failed':
    case 'undo-failed':
      return `${step}: ${text(data, 'reason')}`;
    case 'verified':
      return `${step}: requests were good for ${printDuration(Number(data['soakMs']))}`;
    case 'verify-failed':
      return `${step}: the requests were ${text(data, 'result')}`;
    case 'undo-intent':
      return `about to undo ${step}`;
    case 'undone':
      return `${step}: all is as it was before`;
    case 'kept':
      return `${step}: it cannot be taken back and stays`;
    case 'called':
      return data['delivered'] === true ? 'a person was called' : 'a person is needed, and was not reached';
    case 'ended':
      return `${text(data, 'outcome')}: ${text(data, 'reason')}`;
  }
}

/** What a move gave back, but for its name, which was said. */
function tellOutput(data: JsonObject): string {
  const facts = Object.entries(data).filter(([name]) => name !== 'move');
  const told = facts.map(([name, value]) => `${name} ${tellValue(value)}`);
  return told.length > 0 ? `: ${told.join(', ')}` : '';
}

function tellValue(value: JsonObject[string]): string {
  if (typeof value === 'string') return value;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return JSON.stringify(value);
  return Object.entries(value)
    .map(([name, part]) => `${name} ${tellValue(part)}`)
    .join(', ');
}

function text(data: JsonObject, name: string): string {
  const value = data[name];
  return typeof value === 'string' ? value : '(not on record)';
}

function renderEnd(
  { outcome, closedAt, detectedAt }: IncidentAnswer['incident'],
  repairs: readonly StoryRepair[],
  { paint, time }: Telling,
): string {
  const ended = repairs.map(
    ({ id, outcome, reason }) => `${id} ${outcome ?? 'is under way'}${reason ? `: ${reason}` : ''}`,
  );
  const after = closedAt === null ? '' : printDuration(epochMsOf(closedAt) - epochMsOf(detectedAt));
  const end =
    closedAt === null ? 'still open' : `${outcome ?? 'closed'} at ${time(closedAt)}, ${after} after it was seen`;
  return [...ended, outcome === null ? end : end.replace(outcome, paintWord(paint, outcome))].join('\n');
}
