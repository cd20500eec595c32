import type { DeclaredWorkload } from './declared.ts';

/** What a service needs of which nothing is known yet. */
const INSTANCE_BYTES_MIN = 64 * 2 ** 20;
/** The machine has other work as well. */
const OURS_SHARE = 0.8;

/**
 * How many more instances of the largest kind the free memory of this machine takes: all regions are on it, so each has the
 * same room, and who fills one of them fills the others too.
 */
export function roomFor(
  workloads: readonly Pick<DeclaredWorkload, 'spec'>[],
  freeBytes: number,
  largestBytes: number,
): Readonly<Record<string, number>> {
  const room = Math.floor((OURS_SHARE * freeBytes) / Math.max(INSTANCE_BYTES_MIN, largestBytes));
  const regions = new Set(workloads.flatMap(({ spec }) => Object.keys(spec.instances)));
  return Object.fromEntries([...regions].map((region) => [region, room]));
}
