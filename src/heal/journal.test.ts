import { expect, test } from 'vitest';
import { type JournalEntry, type JournalEvent, type ResumePoint, resumePoint } from './journal.ts';

function entry(event: JournalEvent, moveIndex = 0, data: JournalEntry['data'] = {}): JournalEntry {
  return { seq: 1, at: '2026-01-01T00:00:00.000Z', moveIndex, event, data };
}

const points: Readonly<Record<JournalEvent, ResumePoint>> = {
  opened: { at: 'apply', moveIndex: 0 },
  approved: { at: 'apply', moveIndex: 0 },
  intent: { at: 'apply', moveIndex: 2 },
  applied: { at: 'verify', moveIndex: 2 },
  'apply-failed': { at: 'undo', moveIndex: 2 },
  'verify-failed': { at: 'undo', moveIndex: 2 },
  'undo-intent': { at: 'undo', moveIndex: 2 },
  undone: { at: 'climb', moveIndex: 3 },
  'undo-failed': { at: 'stuck' },
  verified: { at: 'end' },
  ended: { at: 'over', outcome: 'unwound' },
};

test.each(Object.entries(points))('after %s it goes on at %o', (event, point) => {
  const journal = [entry('opened'), entry(event as JournalEvent, 2, { outcome: 'unwound' })];
  expect(resumePoint(journal, false)).toEqual(point);
});

test('only the last entry counts', () => {
  const journal = [entry('intent'), entry('apply-failed'), entry('undo-intent'), entry('undone'), entry('intent', 1)];
  expect(resumePoint(journal, false)).toEqual({ at: 'apply', moveIndex: 1 });
});

test('an empty journal is one that was just opened', () => {
  expect(resumePoint([], false)).toEqual({ at: 'apply', moveIndex: 0 });
  expect(resumePoint([], true)).toEqual({ at: 'wait' });
});

test('a plan that needs a person waits until one approved it, and for nothing after that', () => {
  expect(resumePoint([entry('opened')], true)).toEqual({ at: 'wait' });
  expect(resumePoint([entry('opened'), entry('approved')], true)).toEqual({ at: 'apply', moveIndex: 0 });
  expect(resumePoint([entry('opened'), entry('approved'), entry('applied')], true)).toMatchObject({ at: 'verify' });
});
