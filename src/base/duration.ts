const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `85 ms`, `2.1 s`, `3 min 20 s`, `4 h 5 min`, `2 d 3 h`. A dash for what is not known. */
export function printDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return '-';
  if (ms < 0) return `-${printDuration(-ms)}`;
  if (Math.round(ms) < SECOND_MS) return `${Math.round(ms)} ms`;
  if (ms < MINUTE_MS - 50) return `${(ms / SECOND_MS).toFixed(1)} s`;
  if (ms < HOUR_MS) return pair(ms, MINUTE_MS, 'min', SECOND_MS, 's');
  if (ms < DAY_MS) return pair(ms, HOUR_MS, 'h', MINUTE_MS, 'min');
  return pair(ms, DAY_MS, 'd', HOUR_MS, 'h');
}

function pair(ms: number, bigMs: number, bigUnit: string, smallMs: number, smallUnit: string): string {
  const smalls = Math.round(ms / smallMs);
  const perBig = bigMs / smallMs;
  const rest = smalls % perBig;
  return `${Math.floor(smalls / perBig)} ${bigUnit}${rest > 0 ? ` ${rest} ${smallUnit}` : ''}`;
}

const UNITS: Readonly<Record<string, number>> = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };

/** Milliseconds of `90s`, `30m`, `2h` or `1d`; undefined for anything else, nothing and zero included. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = /^(\d{1,6}(?:\.\d{1,3})?)([smhd])$/.exec(text.trim()) ?? [];
  const ms = Number(amount) * (UNITS[unit ?? ''] ?? Number.NaN);
  return ms > 0 ? ms : undefined;
}
