import { countCardNumbers } from './card-number.ts';

/** What a value looks like, when it looks like one of a person. */
export type PersonalForm =
  | 'e-mail address'
  | 'IBAN'
  | 'phone number'
  | 'national number'
  | 'card number'
  | 'date of birth';

/** A value with the names under which it stands: of its column, and of the fields of JSON down to it. */
export interface NamedValue {
  readonly names: readonly string[];
  readonly text: string;
}

const EMAIL = /^[^\s@"<>()[\],;:\\/]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}$/i;
const PHONE = /^\+[1-9][\d ()./-]{6,20}\d$/;
const DATE = /^(?:18[89]|19\d|20[0-4])\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:T|$)/;
const BIRTH_NAME = /(?:^|[_-])dob(?:$|[_-])|birth|geburt|naissance|nacimiento/i;
/** United States, without areas and groups that are never given out; United Kingdom. */
const SSN = /^(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}$/;
const NINO = /^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]$/;
const CARD = /^\d[\d -]{11,22}\d$/;

/**
 * The form of a whole value; one that stands within a sentence has none. Numbers count by their check digits where they have
 * some, and dates by the name under which they stand.
 */
export function formOf({ names, text }: NamedValue): PersonalForm | undefined {
  const value = text.trim();
  if (value.length < 8 || value.length > 254) return undefined;
  if (EMAIL.test(value)) return 'e-mail address';
  if (isIban(value)) return 'IBAN';
  if (PHONE.test(value) && isPhoneLong(value)) return 'phone number';
  if (SSN.test(value) || NINO.test(value) || isDni(value) || isAhv(value)) return 'national number';
  if (CARD.test(value) && countCardNumbers(value) === 1) return 'card number';
  if (DATE.test(value) && names.some((name) => BIRTH_NAME.test(name))) return 'date of birth';
  return undefined;
}

/** ITU-T E.164. */
function isPhoneLong(value: string): boolean {
  const digits = value.replaceAll(/\D/g, '').length;
  return digits >= 8 && digits <= 15;
}

/** ISO 13616: the remainder by 97 is 1. */
function isIban(value: string): boolean {
  const compact = value.replaceAll(' ', '').toUpperCase();
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(compact)) return false;
  let remainder = 0;
  for (const character of compact.slice(4) + compact.slice(0, 4)) {
    for (const digit of String(Number.parseInt(character, 36))) remainder = (remainder * 10 + Number(digit)) % 97;
  }
  return remainder === 1;
}

/** Spain: a letter by the remainder of the number. */
function isDni(value: string): boolean {
  const [, digits, letter] = /^(\d{8})-?([A-Z])$/.exec(value) ?? [];
  return digits !== undefined && 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(digits) % 23] === letter;
}

/** Switzerland: an EAN-13 that begins with the country. */
function isAhv(value: string): boolean {
  if (!/^756\.\d{4}\.\d{4}\.\d{2}$/.test(value)) return false;
  const digits = [...value.replaceAll('.', '')].map(Number);
  const sum = digits.slice(0, 12).reduce((total, digit, index) => total + digit * (index % 2 === 0 ? 1 : 3), 0);
  return (10 - (sum % 10)) % 10 === digits[12];
}

const DEPTH_MAX = 8;
const LEAVES_MAX = 200;

/** The values within a text: those of its fields where it is JSON, else itself. */
export function valuesOf(column: string, text: string): readonly NamedValue[] {
  const own = { names: [column], text };
  if (!/^\s*[[{]/.test(text)) return [own];
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return [own];
  }
  const values: NamedValue[] = [];
  collect(json, [column], values);
  return values;
}

function collect(json: unknown, names: readonly string[], values: NamedValue[]): void {
  if (values.length >= LEAVES_MAX || names.length > DEPTH_MAX) return;
  if (typeof json === 'string' || typeof json === 'number') values.push({ names, text: String(json) });
  else if (Array.isArray(json)) for (const each of json) collect(each, names, values);
  else if (json !== null && typeof json === 'object')
    for (const [name, each] of Object.entries(json)) collect(each, [...names, name], values);
}
