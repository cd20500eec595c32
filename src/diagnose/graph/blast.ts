/** The dimensions by which trouble can be confined, narrowest first: ties are decided in this order. */
export const DIMENSIONS = ['instance', 'version', 'route', 'tenant', 'zone'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** Counts of one part of a node's traffic. `bad` is failed requests, or the sum of the latencies in milliseconds. */
export interface Part {
  readonly dimension: Dimension;
  readonly name: string;
  readonly requests: number;
  readonly bad: number;
  readonly baselineRequests: number;
  readonly baselineBad: number;
}

/** Which part of a node the trouble is confined to. */
export type Blast =
  | {
      readonly kind: 'one';
      readonly dimension: Dimension;
      readonly name: string;
      /** Its share of what got worse, and of the requests. */
      readonly harmShare: number;
      readonly requestShare: number;
    }
  | { readonly kind: 'everything' }
  | { readonly kind: 'unknown' };

/** One part is to blame when it holds nearly all of the harm and that is not because it has nearly all of the traffic. */
const HARM_SHARE_MIN = 0.8;
const REQUEST_SHARE_MAX = 0.75;

/**
 * Looks for the one instance, version, route, tenant or zone that the trouble is confined to. A dimension with a single
 * part says nothing. `unknown` when no dimension has parts to compare, or nothing got worse.
 */
export function blastOf(parts: readonly Part[]): Blast {
  const found = DIMENSIONS.map((dimension) => worstOf(parts.filter((part) => part.dimension === dimension)));
  const told = found.filter((worst) => worst !== undefined);
  const confined = told
    .filter(({ harmShare, requestShare }) => harmShare >= HARM_SHARE_MIN && requestShare <= REQUEST_SHARE_MAX)
    .sort((a, b) => b.harmShare - b.requestShare - (a.harmShare - a.requestShare));
  if (confined[0] !== undefined) return { kind: 'one', ...confined[0] };
  return told.length > 0 ? { kind: 'everything' } : { kind: 'unknown' };
}

/** The part of one dimension that got worst; undefined when there is nothing to compare. */
function worstOf(parts: readonly Part[]) {
  const serving = parts.filter((part) => part.requests > 0);
  const requests = serving.reduce((sum, part) => sum + part.requests, 0);
  const total = serving.reduce((sum, part) => sum + part.baselineRequests, 0);
  const rateBefore = total > 0 ? serving.reduce((sum, part) => sum + part.baselineBad, 0) / total : 0;
  const harms = serving.map((part) => {
    // A part that is new (a version, an instance) has no past of its own: the past of all parts stands in for it.
    const before = part.baselineRequests > 0 ? part.baselineBad / part.baselineRequests : rateBefore;
    return Math.max(0, part.bad - before * part.requests);
  });
  const harm = harms.reduce((sum, each) => sum + each, 0);
  if (serving.length < 2 || harm <= 0) return undefined;
  const at = harms.indexOf(Math.max(...harms));
  const { dimension, name, requests: own } = serving[at]!;
  return { dimension, name, harmShare: harms[at]! / harm, requestShare: own / requests };
}
