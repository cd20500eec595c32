import { countCardNumbers } from './card-number.ts';
import type { NamedValue } from './value-form.ts';

/** Names that mean a card's code and nothing else, and that of an encrypted PIN (ISO 9564). */
const CODE_NAME =
  /(?:^|[_-])(?:cvv2?|cvc2?|cav2|cvn2?)(?:$|[_-])|card[_-]?(?:security|verification)[_-]?(?:code|value|number)/i;
const PIN_BLOCK_NAME = /(?:^|[_-])(?:encrypted[_-]?)?pin[_-]?block(?:$|[_-])|pinBlock/;
const CODE = /^\d{3,4}$/;
const PIN_BLOCK = /^[0-9a-f]{16}$/i;
/** Tracks 1 and 2 of a magnetic stripe (ISO/IEC 7813): number, separator, expiry, service code. */
const TRACK_1 = /%?B(\d{12,19})\^[^^\n]{2,26}\^\d{7}/g;
const TRACK_2 = /;?(\d{12,19})[=D]\d{7}\d*/g;

/**
 * How many card codes, tracks and PIN blocks a value holds. Tracks are known by their form and a number that is valid; codes
 * and PIN blocks only by the name under which they stand, since three digits alone are anything.
 */
export function countCardSecrets({ names, text }: NamedValue): number {
  const name = names.at(-1) ?? '';
  const value = text.trim();
  if (CODE_NAME.test(splitWords(name)) && CODE.test(value)) return 1;
  if (PIN_BLOCK_NAME.test(splitWords(name)) && PIN_BLOCK.test(value)) return 1;
  return countTracks(text, TRACK_1) + countTracks(text, TRACK_2);
}

function countTracks(text: string, form: RegExp): number {
  return [...text.matchAll(form)].filter(([, number = '']) => countCardNumbers(number) === 1).length;
}

/** `cardCvv` stands for `card_cvv`. */
function splitWords(name: string): string {
  return name.replaceAll(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
}
