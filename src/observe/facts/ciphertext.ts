/** Bytes below which a sample says too little. */
const BYTES_MIN = 2_048;
/** A nonce and a tag, or one block: no cipher that is in use gives less. */
const VALUE_BYTES_MIN = 16;
/** Bits of a byte by which a sample may stay below what chance gives: headers, and chance itself. */
const ENTROPY_SLACK = 0.25;
/** What compressed and other dense plain data begin with: gzip, zstd, zip, PNG, JPEG, PDF. */
const DENSE_PLAIN = ['1f8b', '28b52ffd', '504b0304', '89504e47', 'ffd8ff', '25504446'];

/** What a sample of stored values looks like; `null` when it is too small to tell. */
export type Appearance = 'ciphertext' | 'plaintext' | null;

/**
 * Whether values look like ciphertext: none shorter than a cipher gives, none that is text or says that it is something else,
 * so that one that was forgotten is found, and bytes of all spread as by chance once what all of them begin with is cut off. Ciphertext always passes; dense plain data of an unknown
 * format may pass too, and what is encoded in something other than hexadecimal or base64 does not.
 */
export function appearanceOf(values: readonly Uint8Array[]): Appearance {
  if (values.length === 0) return null;
  if (values.some((value) => value.length < VALUE_BYTES_MIN || isDensePlain(value) || isText(value)))
    return 'plaintext';
  const header = values.length > 1 ? commonPrefixLength(values) : 0;
  const counts = new Uint32Array(256);
  let total = 0;
  for (const value of values) {
    for (const byte of value.subarray(header)) counts[byte]! += 1;
    total += value.length - header;
  }
  if (total < BYTES_MIN) return null;
  return entropyOf(counts, total) >= expectedEntropy(total) - ENTROPY_SLACK ? 'ciphertext' : 'plaintext';
}

/** A text column holds bytes in hexadecimal or base64, with or without a prefix such as `v1:` or `vault:v1:`. */
export function bytesOf(value: string | Uint8Array): Uint8Array {
  if (typeof value !== 'string') return value;
  const body = value.replace(/^(?:[\w-]{1,20}[:.]){1,3}/, '').replace(/^\\x/, '');
  if (/^(?:[0-9a-f]{2})+$/i.test(body)) return Buffer.from(body, 'hex');
  if (/^[A-Za-z0-9+/_-]+={0,2}$/.test(body) && body.length % 4 !== 1) return Buffer.from(body, 'base64');
  return Buffer.from(value);
}

function isDensePlain(value: Uint8Array): boolean {
  const start = Buffer.from(value.subarray(0, 4)).toString('hex');
  return DENSE_PLAIN.some((magic) => start.startsWith(magic));
}

/** Bytes of chance read as text once in ten million values. */
const UTF8_BYTES_MIN = 20;
const utf8 = new TextDecoder('utf-8', { fatal: true });

function isText(value: Uint8Array): boolean {
  if (value.every((byte) => byte >= 0x20 && byte < 0x7f)) return true;
  if (value.length < UTF8_BYTES_MIN) return false;
  try {
    return !/[\p{Cc}\p{Cn}\p{Co}]/u.test(utf8.decode(value).replace(/[\t\r\n]/g, ''));
  } catch {
    return false;
  }
}

function commonPrefixLength(values: readonly Uint8Array[]): number {
  const [first] = values;
  let length = 0;
  while (length < first!.length && values.every((value) => value[length] === first![length])) length += 1;
  return length;
}

/** Shannon's, in bits of a byte. */
function entropyOf(counts: Uint32Array, total: number): number {
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / total) * Math.log2(count / total);
  return bits;
}

/** Of so many bytes drawn evenly (Miller and Madow's correction). */
function expectedEntropy(total: number): number {
  return 8 - 255 / (2 * total * Math.LN2);
}
