import { printDuration } from '../base/duration.ts';
import type { DraftClock, DraftMaterial } from '../evidence/breach-draft.ts';
import { epochMsOf } from './moment.ts';
import type { Paint } from './paint.ts';
import { clip, renderRows, renderTable } from './table.ts';

/** A loss in the list. */
export interface BreachLine {
  readonly id: string;
  readonly loss: string;
  readonly what: string;
  /** `to assess`, `aware`, `decided`, `overdue`, `closed` or `drill`. */
  readonly state: string;
  readonly tenants: readonly string[];
  readonly detectedAt: string;
  readonly awareAt: string | null;
  readonly endedAt: string | null;
  readonly drill: string | null;
  /** The clock that ends first of those that run. */
  readonly next: ClockAnswer | null;
}

export interface ClockAnswer extends DraftClock {
  readonly framework: string | null;
  readonly waitsFor: string | null;
  readonly startedAt: string | null;
  readonly remindAt: string | null;
  readonly limit: {
    readonly ms: number;
    readonly from: string;
    readonly status: string;
    readonly source: string;
  } | null;
  readonly isToBeSent: boolean;
  readonly sentAt: string | null;
}

export interface BreachAnswer extends BreachLine, Omit<DraftMaterial, keyof BreachLine | 'clocks' | 'steps'> {
  readonly classifiedAt: string | null;
  readonly incident: string | null;
  readonly clocks: readonly ClockAnswer[];
  readonly steps: readonly StepAnswer[];
}

interface StepAnswer {
  readonly kind: string;
  readonly at: string;
  readonly by: string | null;
  readonly what?: string;
  readonly clock?: string;
  readonly clocks?: readonly string[];
  readonly choice?: string;
  readonly reason?: string;
  readonly drill?: string;
  readonly of?: string;
  readonly delivered?: boolean;
  readonly tenants?: readonly string[];
}

interface Telling {
  readonly paint: Paint;
}

const WHAT_COLUMNS = 60;

/** The list for people, the most urgent word first. */
export function renderBreaches(breaches: readonly BreachLine[], { paint }: Telling, now: number): string {
  if (breaches.length === 0) return 'no loss has to be judged\n';
  const columns = [
    { title: 'assessment' },
    { title: 'state' },
    { title: 'loss' },
    { title: 'tenants' },
    { title: 'next' },
    { title: 'what' },
  ];
  const rows = breaches.map(({ id, state, loss, tenants, next, what }) => [
    id,
    paintState(paint, state),
    loss,
    tenants.length > 3 ? `${tenants.length} tenants` : tenants.join(', '),
    next === null ? '-' : `${nameOf(next)} ${dueIn(next, now)}`,
    clip(what, WHAT_COLUMNS),
  ]);
  return `${renderTable(columns, rows)}${HINT}`;
}

const HINT = '`kintsugi breach show ID` has every clock; nothing is sent by the machine\n';

/** One loss: what it is, what people have to say next, its clocks, and what was said. */
export function renderBreach(breach: BreachAnswer, { paint }: Telling, now: number): string {
  const { id, state, loss, what, detectedAt, awareAt, endedAt, incident, drill, clocks, steps } = breach;
  const facts = [
    ['loss', loss],
    ['what', what],
    ['tenants', breach.tenants.join(', ')],
    ['detected', detectedAt],
    ['aware', awareAt ?? `nobody said so: kintsugi breach aware ${id}`],
    ['over', endedAt ?? 'not yet: the sign still stands'],
    ...(incident === null ? [] : [['incident', incident]]),
    ...(drill === null ? [] : [['drill', `${drill}: no clock runs`]]),
  ];
  const rows = clocks.map((clock) => [
    nameOf(clock),
    clock.tenant ?? '-',
    paintState(paint, clock.state),
    clock.waitsFor === null ? dueIn(clock, now) : `waits for ${clock.waitsFor}`,
    clock.limit === null ? '-' : `${printDuration(clock.limit.ms)} from ${clock.limit.from} (${clock.limit.status})`,
    clock.to ?? 'people here say what it is',
  ]);
  const columns = [
    { title: 'clock' },
    { title: 'tenant' },
    { title: 'state' },
    { title: 'due' },
    { title: 'limit' },
    { title: 'who is told' },
  ];
  const told = steps.map((step) => [step.at, step.by ?? 'kintsugi', step.kind, wordsOf(step)]);
  const story = told.length === 0 ? '' : `\n${renderRows(told)}`;
  return `${paint('bold', id)}  ${paintState(paint, state)}\n\n${renderRows(facts)}\n${renderTable(columns, rows)}${story}`;
}

function nameOf({ control }: ClockAnswer): string {
  return control ?? 'assess';
}

function dueIn({ dueAt, state, sentAt }: ClockAnswer, now: number): string {
  if (sentAt !== null) return `sent ${sentAt}`;
  if (dueAt === null || state === 'off' || state === 'no-notice') return '-';
  const ms = epochMsOf(dueAt) - now;
  return ms >= 0 ? `in ${printDuration(ms)}` : `${printDuration(-ms)} ago`;
}

function wordsOf({ what, clock, clocks, choice, reason, drill, of, delivered, tenants }: StepAnswer): string {
  const words = [
    choice,
    what,
    clock,
    clocks?.join('; '),
    drill,
    tenants?.join(', '),
    of === undefined ? undefined : `${of}: ${delivered ? 'delivered' : 'nobody to call (KINTSUGI_PAGE_WEBHOOK)'}`,
    reason,
  ];
  return words.filter((word) => word !== undefined && word !== '').join(': ');
}

function paintState(paint: Paint, state: string): string {
  if (state === 'overdue' || state === 'sent-late') return paint('red', state);
  if (state === 'to assess' || state === 'due-soon') return paint('yellow', state);
  return state === 'sent' || state === 'closed' || state === 'no-notice' ? paint('green', state) : state;
}
