import { entryOf } from './entry.ts';
import { addSpan, emptyTally, latestOf, type Span, type Tally } from './tally.ts';

/** One of several that do the same: a tenant of a workload, an instance, a caller. Changed in place; plain JSON. */
export interface Part {
  readonly tally: Tally;
  isFailing: boolean;
  /** Some failed, of too few to say anything: it is neither among those that fail nor among those that do not. */
  isUnsure: boolean;
  seenAt: number;
}

export type Parts = Record<string, Part>;

const GRAIN = { bucketMs: 1_000, keepMs: 15_000 };
const LEAST = { ms: 5_000, count: 8 };
const FAILING_SHARE = 0.05;
const WELL_SHARE = 0.02;
/** How many of them evidence names. */
const NAMED_MAX = 20;

function startPart(): Part {
  return { tally: emptyTally(), isFailing: false, isUnsure: false, seenAt: 0 };
}

/** Adds a span to one part and notes whether it fails now. */
export function addToPart(parts: Parts, name: string, span: Span): Part {
  const part = entryOf(parts, name, startPart);
  part.seenAt = span.at;
  const { at, spanMs, vantage, ok, failed, errors } = span;
  addSpan(part.tally, GRAIN, { at, spanMs, vantage, ok, failed, ...(errors ? { errors } : {}) });
  if (failed === 0 && !part.isFailing && !part.isUnsure) return part;
  const share = latestOf(part.tally, at, LEAST)?.failedShare;
  part.isUnsure = share === undefined && (failed > 0 || part.isUnsure);
  if (share !== undefined) part.isFailing = share >= (part.isFailing ? WELL_SHARE : FAILING_SHARE);
  return part;
}

/** Who fails and how many were seen since `from`. */
export function failingOf(parts: Parts, from: number): { readonly names: string[]; failing: number; seen: number } {
  const names: string[] = [];
  let failing = 0;
  let seen = 0;
  for (const name in parts) {
    const part = parts[name]!;
    if (part.seenAt <= from || (part.isUnsure && !part.isFailing)) continue;
    seen++;
    if (!part.isFailing) continue;
    failing++;
    if (names.length < NAMED_MAX) names.push(name);
  }
  return { names, failing, seen };
}
