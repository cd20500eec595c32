import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ControlStatus } from './dossier.ts';
import { spansOf } from './timeline.ts';

const STATUSES: readonly ControlStatus[] = ['satisfied', 'not-satisfied', 'unknown'];
const at = (second: number) => new Date(second * 1_000).toISOString();

test('a violation of a moment is a span of its own, and what was before the first record is not known', () => {
  const turns = [
    { at: 20_000, to: 'satisfied' },
    { at: 30_000, to: 'not-satisfied' },
    { at: 31_000, to: 'satisfied' },
  ] as const;
  expect(spansOf(turns, 10_000, 60_000)).toEqual([
    { status: 'unknown', from: at(10), to: at(20) },
    { status: 'satisfied', from: at(20), to: at(30) },
    { status: 'not-satisfied', from: at(30), to: at(31) },
    { status: 'satisfied', from: at(31), to: at(60) },
  ]);
  expect(spansOf(turns, 40_000, 60_000)).toEqual([{ status: 'satisfied', from: at(40), to: at(60) }]);
});

test('spans cover the period without a gap, and say at every moment what the last turn before it said', () => {
  const turn = fc.record({ at: fc.integer({ min: 0, max: 100 }), to: fc.constantFrom(...STATUSES) });
  fc.assert(
    fc.property(fc.uniqueArray(turn, { selector: (each) => each.at, maxLength: 12 }), (turns) => {
      const spans = spansOf(turns, 30, 70);
      expect(Date.parse(spans[0]!.from)).toBe(30);
      expect(Date.parse(spans.at(-1)!.to)).toBe(70);
      for (const [index, span] of spans.entries()) {
        expect(Date.parse(span.from)).toBeLessThan(Date.parse(span.to));
        if (index > 0) expect(span.from).toBe(spans[index - 1]!.to);
        if (index > 0) expect(span.status).not.toBe(spans[index - 1]!.status);
      }
      for (let moment = 30; moment < 70; moment += 1) {
        const last = turns
          .filter((each) => each.at <= moment)
          .toSorted((a, b) => a.at - b.at)
          .at(-1);
        const span = spans.find((each) => Date.parse(each.from) <= moment && moment < Date.parse(each.to));
        expect(span?.status).toBe(last?.to ?? 'unknown');
      }
    }),
  );
});
