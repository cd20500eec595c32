const BLOCKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII = ['_', '.', '-', '=', '+', '*', '%', '#'];

export interface ChartOptions {
  readonly width: number;
  /** Characters that every terminal has. */
  readonly ascii: boolean;
}

/**
 * A line of values, oldest first, one character each; where there are more than fit, the highest of its neighbours stands
 * for them, so that no peak is lost. Values that are no number are left blank.
 */
export function renderChart(values: readonly number[], { width, ascii }: ChartOptions): string {
  const levels = ascii ? ASCII : BLOCKS;
  const shown = thinned(values, width);
  const known = shown.filter((value) => Number.isFinite(value));
  const low = Math.min(...known);
  const high = Math.max(...known);
  return shown
    .map((value) => {
      if (!Number.isFinite(value)) return ' ';
      // A line that never moves lies in the middle: it is neither low nor high.
      const share = high > low ? (value - low) / (high - low) : 0.5;
      return levels[Math.min(levels.length - 1, Math.floor(share * levels.length))]!;
    })
    .join('');
}

function thinned(values: readonly number[], width: number): readonly number[] {
  if (values.length <= width) return values;
  return Array.from({ length: width }, (_, i) => {
    const from = Math.floor((i * values.length) / width);
    const until = Math.floor(((i + 1) * values.length) / width);
    const known = values.slice(from, until).filter((value) => Number.isFinite(value));
    return known.length > 0 ? Math.max(...known) : Number.NaN;
  });
}

/** Three digits, and no more than are meant: `1,240`, `0.0012`. */
export function printValue(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1_000) return Math.round(value).toLocaleString('en-US');
  if (size >= 100) return String(Math.round(value));
  if (size < 0.0001) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}
