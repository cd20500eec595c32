const HOUR_MS = 3_600_000;
const UNIT_MS: Readonly<Record<string, number>> = { hours: HOUR_MS, days: 24 * HOUR_MS };

/** Milliseconds of a parameter that holds a time; undefined for one that does not. */
export function timeOf(value: unknown, unit: string): number | undefined {
  const unitMs = Object.hasOwn(UNIT_MS, unit) ? UNIT_MS[unit] : undefined;
  return typeof value === 'number' && unitMs !== undefined ? value * unitMs : undefined;
}
