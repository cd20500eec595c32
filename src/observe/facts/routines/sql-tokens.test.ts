import fc from 'fast-check';
import { expect, test } from 'vitest';
import { statementsOf, tokensOf } from './sql-tokens.ts';

const texts = (sql: string) => tokensOf(sql).map(({ text }) => text);

test('comments say nothing, also within each other, and strings and quoted names are one token', () => {
  expect(texts(`select 'it''s -- no', "A ""b""" /* a /* b */ from c */ -- d\n from x`)).toEqual([
    'select',
    `it's -- no`,
    ',',
    'A "b"',
    'from',
    'x',
  ]);
  expect(texts(`return $q$select 'a' from b$q$ || e'it\\'s' || $1::text`)).toEqual([
    'return',
    `select 'a' from b`,
    '||',
    `it\\'s`,
    '||',
    '$1',
    '::',
    'text',
  ]);
});

test('any text ends, and its statements hold its tokens', () => {
  const unit = fc.constantFrom('a', "'", '"', '$', '/', '*', '-', '\n', '(', ')', ';', '\\', ' ', '\0');
  fc.assert(
    fc.property(fc.string({ unit }), (text) => {
      const tokens = tokensOf(text);
      const ends = tokens.filter(({ kind, text }) => kind === 'mark' && text === ';').length;
      expect(statementsOf(tokens).flat().length).toBe(tokens.length - ends);
    }),
  );
});
