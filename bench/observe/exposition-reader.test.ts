import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ExpositionReader } from './exposition-reader.ts';

const read = (reader: ExpositionReader, text: string) => {
  const found: [number, number][] = [];
  reader.read(Buffer.from(text, 'latin1'), (series, value) => found.push([series, value]));
  return found;
};

test('values are read as Number reads them, whatever their form', () => {
  const value = fc.oneof(
    fc.double({ noNaN: true }),
    fc.integer(),
    fc.constantFrom('0', '-0', '1e5', '0.1', '123456789012345678', '+Inf'),
  );
  fc.assert(
    fc.property(fc.array(value, { minLength: 1 }), (values) => {
      const text = values.map((each, i) => `name{i="${i}"} ${each}\n`).join('');
      expect(read(new ExpositionReader(), `# TYPE name gauge\n${text}`)).toEqual(
        values.map((each, i) => [i, Number(String(each))]),
      );
    }),
  );
});

test('a series keeps its number when others come, go or change places', () => {
  const reader = new ExpositionReader();
  expect(read(reader, 'a 1\nab 2\nabc 3\n')).toEqual([
    [0, 1],
    [1, 2],
    [2, 3],
  ]);
  expect(read(reader, 'ab 4\na 5\nnew{x="y z"} 6')).toEqual([
    [1, 4],
    [0, 5],
    [3, 6],
  ]);
  expect(read(reader, '# all\nabc 7\n# gone\nab 8\n')).toEqual([
    [2, 7],
    [1, 8],
  ]);
  expect(reader.size).toBe(4);
});
