import { type Assessment, awareAtOf, type Choice, drillOf, isClosed, type Step } from './breach.ts';
import { type BreachClock, clocksOf } from './clocks.ts';

/** Which clocks a word is about: all that are open when both are left out. */
export interface Scope {
  readonly tenant?: string | undefined;
  /** Id of the control that asks for the notice. */
  readonly notice?: string | undefined;
}

/** What people can say of a loss. Times are ms since 1970. */
export type Word =
  | { readonly kind: 'aware'; readonly awareAt: number; readonly isReal: boolean }
  | { readonly kind: 'classified' }
  | {
      readonly kind: 'decided';
      readonly scope: Scope;
      readonly choice: Choice;
      readonly reason: string;
      readonly key: string;
      readonly envelope: string;
    }
  | { readonly kind: 'sent'; readonly scope: Scope; readonly sentAt: number }
  | { readonly kind: 'closed'; readonly reason: string };

/** The step that a word of `by` makes, or why it does not fit: one sentence for people. Nothing is decided here. */
export function stepOf(
  word: Word,
  assessment: Assessment,
  by: string,
  at: number,
): Step | { readonly refused: string } {
  const { id } = assessment;
  if (isClosed(assessment)) return { refused: `${id} is closed` };
  const drill = drillOf(assessment);
  const isExcepted = word.kind === 'closed' || (word.kind === 'aware' && word.isReal);
  if (drill !== null && !isExcepted)
    return {
      refused: `${id} came of drill ${drill}, which starts no clock; if it was real: \`breach aware ${id} --real\``,
    };
  switch (word.kind) {
    case 'aware':
      if (word.awareAt > at) return { refused: 'nobody is aware in the future' };
      return { ...word, at, by };
    case 'classified':
      return { kind: 'classified', at, by };
    case 'decided':
      return decided(word, assessment, by, at);
    case 'sent':
      return sent(word, assessment, by, at);
    case 'closed':
      return closed(word.reason, assessment, by, at);
  }
}

type WordOf<Kind extends Word['kind']> = Extract<Word, { kind: Kind }>;
type Answer = Step | { readonly refused: string };

function decided({ scope, ...word }: WordOf<'decided'>, assessment: Assessment, by: string, at: number): Answer {
  const open = openIn(scope, assessment, at);
  if (open.length === 0) return { refused: nothingOpen(scope, assessment, at) };
  return { ...word, clocks: open.map(({ key }) => key), at, by };
}

function sent({ scope, sentAt }: WordOf<'sent'>, assessment: Assessment, by: string, at: number): Answer {
  if (sentAt > at || sentAt < assessment.detectedAt)
    return { refused: 'a notice is sent after the detection and before now' };
  const open = openIn(scope, assessment, at);
  const toSend = open.filter(({ isToBeSent }) => isToBeSent);
  if (open.length === 0) return { refused: nothingOpen(scope, assessment, at) };
  if (toSend.length === 0)
    return { refused: `nobody has decided that it is sent; first: \`breach decide ${assessment.id} notify\`` };
  if (toSend.length > 1)
    return { refused: `say which with --notice and --tenant: ${toSend.map(({ key }) => key).join('; ')}` };
  return { kind: 'sent', clocks: toSend.map(({ key }) => key), sentAt, at, by };
}

/** What somebody is aware of is not closed over the head of those who are to be told. */
function closed(reason: string, assessment: Assessment, by: string, at: number): Answer {
  const isAware = awareAtOf(assessment, at) !== null && drillOf(assessment) === null;
  const owed = openIn({}, assessment, at).filter(
    ({ state, isToBeSent }) => isToBeSent || (isAware && state !== 'waiting'),
  );
  if (owed.length === 0) return { kind: 'closed', reason, at, by };
  const keys = owed.map(({ key }) => key).join('; ');
  return { refused: `notices are neither sent nor decided against: ${keys}` };
}

function openIn({ tenant, notice }: Scope, assessment: Assessment, now: number): readonly BreachClock[] {
  const over = new Set(['sent', 'sent-late', 'no-notice', 'off']);
  return clocksOf(assessment, now).filter(
    ({ duty, state }) =>
      duty !== null &&
      !over.has(state) &&
      (tenant === undefined || tenant === duty.tenant) &&
      (notice === undefined || notice === duty.control),
  );
}

function nothingOpen(scope: Scope, assessment: Assessment, now: number): string {
  const keys = openIn({}, assessment, now).map(({ key }) => key);
  if (keys.length > 0) return `no notice of that name is open; there are: ${keys.join('; ')}`;
  return `${assessment.id} asks for no notice any more${scope.notice === undefined ? '' : ` (nor ${scope.notice})`}; close it`;
}
