import { createCipheriv, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { appearanceOf, bytesOf } from './ciphertext.ts';

const random = seededRandom(23);
const text = (n: number) =>
  `Patient ${n} came with a cough on ${n % 28}.${n % 12}., was sent home with tea and came back.`;
const texts = Array.from({ length: 200 }, (_, n) => Buffer.from(text(n)));
const key = randomBytes(32);

/** As a field is sealed: a header, a nonce, the text, a tag. */
function sealed(plain: Uint8Array, header = Buffer.from('v1')): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([header, nonce, body, cipher.getAuthTag()]);
}

test('sealed fields pass in every encoding that columns use', () => {
  const values = texts.map((each) => sealed(each));
  expect(appearanceOf(values)).toBe('ciphertext');
  for (const encode of [
    (each: Buffer) => each.toString('base64'),
    (each: Buffer) => each.toString('hex'),
    (each: Buffer) => `vault:v1:${each.toString('base64')}`,
    (each: Buffer) => each.toString('base64url'),
  ]) {
    expect(appearanceOf(values.map((each) => bytesOf(encode(each))))).toBe('ciphertext');
  }
});

test('sealed fields pass whatever they hold, however short', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 120, maxLength: 200 }),
      (plains) => {
        expect(appearanceOf(plains.map((each) => sealed(each)))).toBe('ciphertext');
      },
    ),
    { numRuns: 100 },
  );
});

test.each([
  ['text', texts],
  ['text in base64', texts.map((each) => bytesOf(each.toString('base64')))],
  [
    'digits',
    Array.from({ length: 300 }, () => Buffer.from(String(Math.floor(random.next() * 1e16)).padStart(16, '4'))),
  ],
  ['JSON', texts.map((each) => Buffer.from(JSON.stringify({ body: each.toString() })))],
  ['compressed text', texts.map((each) => gzipSync(each))],
  ['one field that was forgotten', [...texts.slice(0, 50).map((each) => sealed(each)), Buffer.from('open')]],
  [
    'one text among many sealed ones',
    [...texts.map((each) => sealed(each)), Buffer.from('Jörg Müller, geboren in Köln')],
  ],
  ['text under one byte, which is no cipher', texts.map((each) => each.map((byte) => byte ^ 0x5a))],
])('%s does not pass', (_, values) => {
  expect(appearanceOf(values)).toBe('plaintext');
});

test('of too few bytes nothing is said', () => {
  expect(appearanceOf([])).toBeNull();
  expect(appearanceOf([sealed(texts[0]!)])).toBeNull();
});
