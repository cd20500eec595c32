import { expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { marksIn, markOf, traceHeaders, traceOf } from './caller-mark.ts';

const random = seededRandom(1);
const given = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function headersOf(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1]!]] : [])));
}

test('who forwards traceparent as it is, and whose library writes a span of its own, are both known again', () => {
  const sent = headersOf(traceHeaders(traceOf({ traceparent: given }, random), 'records-1', random));
  expect(sent['traceparent']).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
  expect(marksIn({ traceparent: sent['traceparent']! })).toEqual([markOf('records-1')]);
  const own = { traceparent: given, tracestate: sent['tracestate']! };
  expect(marksIn(own)[0]).toBe(markOf('records-1'));
});

test('what others keep in tracestate stays, and a mark of before goes', () => {
  const trace = traceOf({ traceparent: given, tracestate: 'acme=1, kintsugi=00000000,x@y=2' }, random);
  const { tracestate } = headersOf(traceHeaders(trace, 'records-1', random));
  expect(tracestate).toBe(`kintsugi=${markOf('records-1')},acme=1,x@y=2`);
});

test('without a valid trace there is a new one, and nonsense marks nobody', () => {
  for (const traceparent of ['', 'nonsense', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`]) {
    const { id, others } = traceOf({ traceparent, tracestate: 'acme=1' }, random);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(id).not.toMatch(/^0+$/);
    expect(others).toBe('');
  }
  expect(marksIn({})).toEqual([]);
  expect(marksIn({ traceparent: 'x', tracestate: `kintsugi=${'a'.repeat(600)}` })).toEqual([]);
});
