import { toIso } from '../base/clock.ts';
import type { ControlStatus, Span } from './dossier.ts';

/** A result that became another one. */
export interface TurnRecord {
  readonly at: number;
  readonly to: ControlStatus;
}

/**
 * The spans of one control over a period, without a gap. What was before the first turn that is on record is not known.
 * Turns may come in any order; what is outside of the period only says how it begins.
 */
export function spansOf(turns: readonly TurnRecord[], from: number, to: number): readonly Span[] {
  const ordered = turns.filter(({ at }) => at < to).toSorted((a, b) => a.at - b.at);
  const spans: { status: ControlStatus; from: number; to: number }[] = [];
  const put = (status: ControlStatus, at: number) => {
    const last = spans.at(-1);
    if (last?.status === status) return;
    if (last) last.to = at;
    if (last && last.from === last.to) spans.pop();
    spans.push({ status, from: at, to });
  };
  put(ordered.findLast(({ at }) => at <= from)?.to ?? 'unknown', from);
  for (const { at, to: status } of ordered) if (at > from) put(status, at);
  return spans.map((span) => ({ status: span.status, from: toIso(span.from), to: toIso(span.to) }));
}
