/** What is observed: values that depend on the number of a series and of a tick alone, so that nobody has to keep them. */

/** Whose value jumps at the end, so that it can be seen that both sides look. */
const PLANTED = 10;
/** Beyond it a value is out of bounds, for both sides. */
export const BOUND = 1_000;
const JUMP = 5_000;
const TICKS_A_DAY = 8_640;

/** A level with its season and noise; of every fourth series a count that is mostly small. */
export function valueAt(series: number, tick: number): number {
  const noise = chanceOf(series, tick) + chanceOf(series, tick + 0.5) - 1;
  if (series % 4 === 3) return Math.floor(6 * chanceOf(series, tick) ** 3);
  const season = series % 4 === 1 ? 20 * Math.sin((2 * Math.PI * (tick + series)) / TICKS_A_DAY) : 0;
  return Math.round((100 + (series % 50) + season + 5 * noise) * 100) / 100;
}

/** What was told of a look: of those that jumped, and of the others. */
export interface Found {
  readonly series: number;
  readonly bound: number;
  readonly local: number;
  readonly othersLocal: number;
}

export function isPlanted(series: number, count: number): boolean {
  return series % Math.max(1, Math.floor(count / PLANTED)) === 0;
}

/** The values of a tick in the text format of Prometheus; `isJumping` plants what is to be found. */
export function exposition(count: number, tick: number, isJumping: boolean): string {
  const lines = ['# TYPE bench_value gauge\n'];
  for (let series = 0; series < count; series++) {
    const jump = isJumping && isPlanted(series, count) ? JUMP : 0;
    lines.push(`bench_value{series="${series}"} ${valueAt(series, tick) + jump}\n`);
  }
  return lines.join('');
}

/** Even in [0, 1); the same for the same numbers. */
function chanceOf(series: number, tick: number): number {
  let bits = Math.imul(series + 1, 0x9e3779b1) ^ Math.imul(Math.floor(tick * 2), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
  bits = Math.imul(bits ^ (bits >>> 12), 0x297a2d39);
  return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
}
