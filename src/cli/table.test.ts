import { expect, test } from 'vitest';
import { createPaint } from './paint.ts';
import { clip, renderTable, widthOf } from './table.ts';

test('columns are aligned by what is seen of styled cells', () => {
  const paint = createPaint(true, {});
  const table = renderTable(
    [{ title: 'name' }, { title: 'count', align: 'right' }, { title: 'state' }],
    [
      ['a', '7', paint('green', 'ready')],
      ['longer', paint('red', '120'), ''],
    ],
  );
  const lines = table.split('\n');
  expect(lines[0]).toBe('NAME    COUNT  STATE');
  expect(lines.slice(1, 3).map((line) => widthOf(line.split('7')[0] ?? ''))[0]).toBe(12);
  expect(lines[2]).toMatch(/^longer {4}\S+120\S+$/);
});

test('colours are for terminals without NO_COLOR alone', () => {
  expect(createPaint(true, {})('red', 'x')).not.toBe('x');
  expect(createPaint(true, { NO_COLOR: '' })('red', 'x')).not.toBe('x');
  expect(createPaint(true, { NO_COLOR: '1' })('red', 'x')).toBe('x');
  expect(createPaint(false, {})('red', 'x')).toBe('x');
});

test('a text is cut to the width with an ellipsis, and left alone when it fits', () => {
  expect(clip('abcdef', 6)).toBe('abcdef');
  expect(clip('abcdef', 4)).toBe('abc…');
});
