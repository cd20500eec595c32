import { fromIso } from '../base/clock.ts';
import type { ControlStatus, Span } from './dossier.ts';
import { moment, type Share, STATUS_WORDS } from './report-block.ts';

/** One piece of a bar, in shares of its width. */
export interface Bar {
  readonly status: ControlStatus;
  readonly from: number;
  readonly to: number;
}

/** How many of each, side by side. */
export function sharesBars(parts: readonly Share[]): readonly Bar[] {
  const total = parts.reduce((sum, { count }) => sum + count, 0);
  let done = 0;
  return parts.flatMap(({ status, count }): readonly Bar[] => {
    const from = done / total;
    done += count;
    return count === 0 ? [] : [{ status, from, to: done / total }];
  });
}

/** How a control stood over a period. Violations last, so that nothing lies over what lasted a moment. */
export function timelineBars(spans: readonly Span[], from: string, to: string): readonly Bar[] {
  const [begin, end] = [fromIso(from), fromIso(to)];
  const place = (iso: string) => (end === begin ? 0 : (fromIso(iso) - begin) / (end - begin));
  return spans
    .toSorted((a, b) => Number(a.status === 'not-satisfied') - Number(b.status === 'not-satisfied'))
    .map((span) => ({ status: span.status, from: place(span.from), to: place(span.to) }));
}

/** What the bar says, for those who do not see it. */
export function sharesText(parts: readonly Share[]): string {
  return parts.map(({ status, count }) => `${count} ${STATUS_WORDS[status]}`).join(', ');
}

const SPANS_SAID = 8;

/** What the bar says, for those who do not see it; the table of violations has all of them. */
export function timelineText(spans: readonly Span[]): string {
  const said = spans.slice(0, SPANS_SAID).map(({ status, from }) => `${STATUS_WORDS[status]} from ${moment(from)}`);
  const more = spans.length > SPANS_SAID ? ` and ${spans.length - SPANS_SAID} more spans` : '';
  return `${said.join(', ')}${more}`;
}
