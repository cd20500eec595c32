const NEWLINE = 0x0a;
const SPACE = 0x20;
const HASH = 0x23;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
/** So many digits are exact in a double; powers of ten up to this one are as well. */
const DIGITS_MAX = 15;
const POWERS = Array.from({ length: DIGITS_MAX + 1 }, (_, i) => 10 ** i);

/**
 * Reads the text format of Prometheus from bytes. Who serves it keeps the order of its series from one time to the next, so
 * a line is first held against the name that stood there last: then no text is made of it and nothing is looked up.
 */
export class ExpositionReader {
  readonly #numbers = new Map<string, number>();
  /** By line: the name that stood there last, and its number. */
  readonly #names: Uint8Array[] = [];
  readonly #series: number[] = [];

  /** Series that were seen so far; they are numbered as they come. */
  get size(): number {
    return this.#numbers.size;
  }

  /** Calls `each` with the number and the value of each line. */
  read(bytes: Buffer, each: (series: number, value: number) => void): void {
    let line = 0;
    for (let start = 0; start < bytes.length; ) {
      if (bytes[start] === HASH) {
        const end = bytes.indexOf(NEWLINE, start);
        start = end < 0 ? bytes.length : end + 1;
        continue;
      }
      const known = this.#names[line];
      const isKnown = known !== undefined && isAt(bytes, start, known);
      let space = isKnown ? start + known.length : 0;
      if (!isKnown) {
        const end = bytes.indexOf(NEWLINE, start);
        space = bytes.lastIndexOf(SPACE, end < 0 ? bytes.length - 1 : end);
        this.#learn(line, bytes, start, space);
      }
      const end = endOf(bytes, space + 1);
      each(this.#series[line]!, numberIn(bytes, space + 1, end));
      line += 1;
      start = end + 1;
    }
  }

  #learn(line: number, bytes: Buffer, start: number, end: number): void {
    const name = bytes.toString('latin1', start, end);
    const series = this.#numbers.get(name) ?? this.#numbers.size;
    this.#numbers.set(name, series);
    this.#names[line] = Uint8Array.prototype.slice.call(bytes, start, end);
    this.#series[line] = series;
  }
}

/** Whether this name stands here, whole. */
function isAt(bytes: Buffer, start: number, name: Uint8Array): boolean {
  const { length } = name;
  if (bytes[start + length] !== SPACE) return false;
  // The end differs first: the beginnings of names are alike.
  for (let i = length - 1; i >= 0; i--) if (bytes[start + i] !== name[i]) return false;
  return true;
}

function endOf(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at] !== NEWLINE) at += 1;
  return at;
}

/** Plain decimals by hand, which is exact for so many digits; everything else as ever. */
function numberIn(bytes: Buffer, start: number, end: number): number {
  const isNegative = bytes[start] === MINUS;
  let digits = 0;
  let decimals = -1;
  for (let at = isNegative ? start + 1 : start; at < end; at += 1) {
    const code = bytes[at]!;
    if (code === POINT && decimals < 0) decimals = 0;
    else if (code < ZERO || code > ZERO + 9 || end - start > DIGITS_MAX)
      return Number(bytes.toString('latin1', start, end));
    else {
      digits = 10 * digits + code - ZERO;
      if (decimals >= 0) decimals += 1;
    }
  }
  const size = decimals > 0 ? digits / POWERS[decimals]! : digits;
  return isNegative ? -size : size;
}
