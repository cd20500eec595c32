/** Ranges of issuers: the first digits, and how many digits a number of it has (ISO/IEC 7812-1, as schemes publish them). */
const RANGES: readonly (readonly [from: number, to: number, digits: number, lengths: readonly number[]])[] = [
  [4, 4, 1, [13, 16, 19]],
  [51, 55, 2, [16]],
  [2221, 2720, 4, [16]],
  [34, 34, 2, [15]],
  [37, 37, 2, [15]],
  [6011, 6011, 4, [16, 19]],
  [644, 659, 3, [16, 19]],
  [3528, 3589, 4, [16, 19]],
  [300, 305, 3, [14]],
  [36, 36, 2, [14]],
  [38, 39, 2, [14]],
  [62, 62, 2, [16, 17, 18, 19]],
];

/** Digits alone, or in groups by one space or dash; not part of a longer number, of a fraction, or of a word. */
const CANDIDATE = /(?<![\w.\-/])\d(?:[ -]?\d){12,18}(?![\w\-/]|\.\d)/g;

/**
 * How many full card numbers a text holds: of a length and range that an issuer uses, with a valid check digit (Luhn). A
 * number of one digit over and over is nobody's. Numbers alone are counted; none is kept or returned.
 */
export function countCardNumbers(text: string): number {
  let count = 0;
  for (const [candidate] of text.matchAll(CANDIDATE)) {
    const digits = candidate.replaceAll(/[ -]/g, '');
    if (isInRange(digits) && hasCheckDigit(digits) && new Set(digits).size > 1) count += 1;
  }
  return count;
}

function isInRange(digits: string): boolean {
  return RANGES.some(([from, to, length, lengths]) => {
    const head = Number(digits.slice(0, length));
    return head >= from && head <= to && lengths.includes(digits.length);
  });
}

/** ISO/IEC 7812-1, annex B. */
function hasCheckDigit(digits: string): boolean {
  let sum = 0;
  for (const [index, digit] of [...digits].reverse().entries()) {
    const doubled = index % 2 === 1 ? Number(digit) * 2 : Number(digit);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
