import { z } from 'zod';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const DAY_MS = UNITS['d']!;
const YEARS_10_MS = 3_650 * DAY_MS;

function milliseconds(text: string): number {
  return Number.parseFloat(text) * UNITS[text.replace(/^-?[\d.]+/, '')]!;
}

function written(pattern: RegExp, message: string, isFitting: (ms: number) => boolean, bounds: string) {
  return z
    .string()
    .regex(pattern, message)
    .refine((text) => !pattern.test(text) || isFitting(milliseconds(text)), bounds)
    .transform(milliseconds);
}

const LENGTH = /^\d+(\.\d+)?(ms|s|m|h|d)$/;
const LENGTH_WANTED = 'must be a duration like 250ms, 90s, 5m, 2h or 30d, without a sign';

/** `90s` to milliseconds; ten years at most. */
export const duration = written(LENGTH, LENGTH_WANTED, (ms) => ms <= YEARS_10_MS, 'must be 3650d at most');

/** The same for what is simulated moment by moment. */
export const run = written(
  LENGTH,
  LENGTH_WANTED,
  (ms) => ms > 0 && ms <= DAY_MS,
  'must be more than 0s and 24h at most',
);

/** How often something comes: never so often that time stands still. */
export const rhythm = written(LENGTH, LENGTH_WANTED, (ms) => ms >= 100 && ms <= YEARS_10_MS, 'must be 100ms at least');

/** A minus sign is for what is already past, or behind: a certificate that is valid for `-1h`. */
export const offset = written(
  /^-?\d+(\.\d+)?(ms|s|m|h|d)$/,
  'must be a duration like 250ms, 90s, 5m, 2h or 30d, or -1h for what is past',
  (ms) => Math.abs(ms) <= YEARS_10_MS,
  'must be 3650d at most',
);

/** Instances, versions, tries: what is simulated one by one. */
export const count = z.int().min(0).max(1_000);
/** Requests and the like in a second, all of which are played. */
export const perSecond = z.number().min(0).max(10_000);

export const name = z.string().min(1);
export const share = z.number().min(0).max(1);

/** The value of a setting: always a text to the fleet, whatever YAML makes of it; null is a setting that is absent. */
export const value = z
  .union([z.string(), z.number(), z.boolean(), z.null()])
  .transform((it) => (it === null ? null : String(it)))
  .describe('null: absent');

/** Facts about an asset that have no field of their own. */
export const detail = z.record(z.string(), z.json());
