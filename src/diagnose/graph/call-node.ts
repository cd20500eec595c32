import type { Reading } from '../../detect/forecast/order-statistics.ts';
import type { Part } from './blast.ts';

/** What can be wrong with the calls to a node. */
export type Metric = 'failures' | 'latency';

/**
 * Readings of one node, one entry per interval of equal length. All series of one window have the same length; `null` is
 * a reading that is missing. They are readings of the calls that the node received.
 */
export interface Readings {
  readonly requests: readonly Reading[];
  /** Share of the requests that failed, 0 to 1. */
  readonly failedShare: readonly Reading[];
  readonly latencyMs: readonly Reading[];
  /** Quantiles of the latency, for those that are measured: `{ quantile: 0.99, ms: [...] }`. */
  readonly tailsMs: readonly { readonly quantile: number; readonly ms: readonly Reading[] }[];
}

/** One node of the call graph: a workload, a store, a queue, somebody else's API. */
export interface CallNode {
  readonly name: string;
  /** Names of the nodes that it calls. */
  readonly calls: readonly string[];
  /** Normal operation, before the trouble; may be long ago and may be empty. */
  readonly baseline: Readings;
  /** The window of the trouble. The more of its start is still untroubled, the better stale baselines are forgiven. */
  readonly present: Readings;
  /** The same window by instance, version, zone, tenant and route, as far as that is measured. */
  readonly parts?: readonly Part[];
  /** When this node was changed last (version, configuration, scale), if it is known. */
  readonly changedAt?: number;
}

/** What is to be explained: one metric of one node. */
export interface Trouble {
  readonly node: string;
  readonly metric: Metric;
  /** Start of each interval of the present window, in milliseconds; all nodes share it. */
  readonly times: readonly number[];
}
