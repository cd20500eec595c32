/** What several rounds gave for one figure. `null` is "not within the time that was watched" and counts as longest. */
export interface Spread {
  readonly median: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

/** The value below which the share `q` of `values` lies (nearest rank); undefined for none: no data is not zero. */
export function quantile(values: readonly number[], q: number): number | undefined {
  const ordered = [...values].sort((a, b) => a - b);
  return ordered[Math.max(0, Math.ceil(q * ordered.length) - 1)];
}

/** Median, least and most of at least one value. An even number of values has the upper of its two middle ones. */
export function spreadOf(values: readonly (number | null)[]): Spread {
  const ordered = values.map((value) => value ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  const at = (index: number) => {
    const value = ordered[index];
    return value === undefined || value === Number.POSITIVE_INFINITY ? null : value;
  };
  return { median: at(Math.floor(ordered.length / 2)), min: at(0), max: at(ordered.length - 1) };
}
