/** A reading that may be missing. Missing is `null`, so that states and inputs survive JSON. */
export type Reading = number | null;

/** The readings that are there, in ascending order. */
export function ordered(values: readonly Reading[]): number[] {
  return values.filter((value): value is number => value !== null && Number.isFinite(value)).sort((a, b) => a - b);
}

/** The value below which the share `q` of `sorted` lies, interpolated; undefined for none: no data is not zero. */
export function quantileOf(sorted: readonly number[], q: number): number | undefined {
  if (sorted.length === 0) return undefined;
  const at = Math.min(1, Math.max(0, q)) * (sorted.length - 1);
  const low = Math.floor(at);
  const below = sorted[low]!;
  const above = sorted[Math.min(low + 1, sorted.length - 1)]!;
  return below + (at - low) * (above - below);
}

/** The middle value; undefined for none. */
export function medianOf(values: readonly Reading[]): number | undefined {
  return quantileOf(ordered(values), 0.5);
}

/** Standard deviation of a normal distribution with the same quartiles: a few wild values do not move it. */
export function robustDeviation(sorted: readonly number[]): number {
  if (sorted.length === 0) return 0;
  return (quantileOf(sorted, 0.75)! - quantileOf(sorted, 0.25)!) / 1.349;
}
