import { z } from 'zod';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s` to milliseconds. A minus sign is for what is already past: a certificate that is valid for `-1h`. */
export const duration = z
  .string()
  .regex(/^-?\d+(\.\d+)?(ms|s|m|h|d)$/, 'must be a duration like 250ms, 90s, 5m, 2h or 30d')
  .transform((text) => Number.parseFloat(text) * UNITS[text.replace(/^-?[\d.]+/, '')]!);

export const name = z.string().min(1);
export const share = z.number().min(0).max(1);

/** The value of a setting: always a text to the fleet, whatever YAML makes of it; null is a setting that is absent. */
export const value = z
  .union([z.string(), z.number(), z.boolean(), z.null()])
  .transform((it) => (it === null ? null : String(it)))
  .describe('null: absent');

/** Facts about an asset that have no field of their own. */
export const detail = z.record(z.string(), z.json());
