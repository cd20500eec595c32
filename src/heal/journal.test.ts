import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planOf, stepOf } from '../../test/sim/plans.ts';
import {
  approvalsNeeded,
  approversOf,
  type JournalEntry,
  type JournalEvent,
  type ResumePoint,
  resumePoint,
} from './journal.ts';

type Line = readonly [event: JournalEvent, moveIndex?: number, data?: JournalEntry['data']];

function journalOf(lines: readonly Line[]): readonly JournalEntry[] {
  return lines.map(([event, moveIndex = 0, data = {}], i) => ({
    seq: i + 1,
    at: '2026-01-01T00:00:00.000Z',
    moveIndex,
    event,
    data,
  }));
}

/** Two rungs: the first of two steps, the second of one. */
const plan = planOf({ steps: [stepOf(), stepOf(), stepOf({ rung: 1 })] });
const approved = planOf({ ...plan, needsApproval: true });
const final = planOf({ ...approved, steps: [stepOf(), stepOf({}, { reversible: false })] });

function after(lines: readonly Line[], of = plan): ResumePoint {
  return resumePoint(journalOf([['opened'], ...lines]), of);
}

const done: readonly Line[] = [['intent'], ['applied'], ['intent', 1], ['applied', 1]];
const vain: readonly Line[] = [...done, ['verify-failed', 1]];
const undone: readonly Line[] = [...vain, ['undo-intent', 1], ['undone', 1], ['undo-intent'], ['undone']];

test('one person under two spellings is no second one', () => {
  const by = (name: string): Line => ['approved', 0, { by: name }];
  expect(approversOf(journalOf([by('anna'), by(' Anna'), by('ANNA'), by('ben')]))).toEqual(['anna', 'ben']);
  expect(after([by('anna'), by('Anna ')], final)).toEqual({ at: 'wait' });
  expect(after([by('anna'), by('ben')], final)).toEqual({ at: 'begin', moveIndex: 0 });
});

test('steps of one rung are made in order and verified after the last of them', () => {
  expect(resumePoint([], plan)).toEqual({ at: 'begin', moveIndex: 0 });
  expect(after([])).toEqual({ at: 'begin', moveIndex: 0 });
  expect(after([['intent']])).toEqual({ at: 'apply', moveIndex: 0 });
  expect(after(done.slice(0, 2))).toEqual({ at: 'begin', moveIndex: 1 });
  expect(after(done)).toEqual({ at: 'verify', moveIndex: 1 });
  expect(after([...done, ['verified', 1, { soakMs: 5 }]])).toMatchObject({ at: 'end', outcome: 'healed' });
});

test('a rung that failed is undone from its last begun step to its first, and then the next one is climbed', () => {
  expect(after(vain)).toEqual({ at: 'begin-undo', moveIndex: 1 });
  expect(after([...vain, ['undo-intent', 1]])).toEqual({ at: 'undo', moveIndex: 1 });
  expect(after([...vain, ['undo-intent', 1], ['undone', 1]])).toEqual({ at: 'begin-undo', moveIndex: 0 });
  expect(after(undone)).toEqual({ at: 'begin', moveIndex: 2 });
  expect(after([['intent'], ['apply-failed']])).toEqual({ at: 'begin-undo', moveIndex: 0 });
  const last: readonly Line[] = [...undone, ['intent', 2], ['apply-failed', 2], ['undo-intent', 2], ['undone', 2]];
  expect(after(last)).toEqual({ at: 'end', outcome: 'unwound', reason: 'no rung of the ladder held' });
});

test('what cannot be taken back is kept, and that is said', () => {
  const steps = [stepOf(), stepOf({ move: 'terminate' }, { reversible: false })];
  const of = planOf({ steps });
  expect(after(vain, of)).toEqual({ at: 'keep', moveIndex: 1 });
  expect(after([...vain, ['kept', 1]], of)).toEqual({ at: 'begin-undo', moveIndex: 0 });
  const reason = 'no rung of the ladder held; terminate cannot be taken back and stayed';
  expect(after([...vain, ['kept', 1], ['undo-intent'], ['undone']], of)).toEqual({
    at: 'end',
    outcome: 'unwound',
    reason,
  });
});

test('what was started anew to see a setting is undone after the setting, so that it sees the old one', () => {
  const of = planOf({ steps: [stepOf({ move: 'resize' }), stepOf({ input: { rereads: 'records/POOL' } })] });
  expect(after(vain, of)).toEqual({ at: 'begin-undo', moveIndex: 0 });
  expect(after([...vain, ['undo-intent'], ['undone']], of)).toEqual({ at: 'begin-undo', moveIndex: 1 });
});

test('after an undo that failed a person is called, and nothing else is done', () => {
  const stuck: readonly Line[] = [...vain, ['undo-intent', 1], ['undo-failed', 1]];
  expect(after(stuck)).toEqual({ at: 'call', moveIndex: 1 });
  expect(after([...stuck, ['called', 1, { delivered: true }]])).toMatchObject({ at: 'end', outcome: 'stuck' });
});

const cancelled: Line = ['cancelled', 0, { by: 'anna', reason: 'wrong' }];

test('a step in flight is finished when a person cancels, nothing new is begun, and the rung is undone', () => {
  expect(after([cancelled])).toEqual({ at: 'end', outcome: 'refused', reason: 'cancelled by anna: wrong' });
  expect(after([['intent'], cancelled])).toEqual({ at: 'apply', moveIndex: 0 });
  expect(after([['intent'], cancelled, ['applied']])).toEqual({ at: 'begin-undo', moveIndex: 0 });
  expect(after([...done, cancelled])).toEqual({ at: 'begin-undo', moveIndex: 1 });
  expect(after([...undone, cancelled])).toMatchObject({
    at: 'end',
    outcome: 'unwound',
    reason: 'cancelled by anna: wrong',
  });
  const tooLate: readonly Line[] = [...done, ['verified', 1], cancelled];
  expect(after(tooLate)).toMatchObject({ at: 'end', outcome: 'healed' });
});

test("a guard's no before a step has the same effect", () => {
  const denied: Line = ['denied', 1, { guard: 'stop', reason: 'stopped by anna' }];
  expect(after([denied])).toEqual({ at: 'end', outcome: 'refused', reason: 'stop: stopped by anna' });
  expect(after([['intent'], ['applied'], denied])).toEqual({ at: 'begin-undo', moveIndex: 0 });
  expect(after([['intent'], ['applied'], denied, ['undo-intent'], ['undone']])).toMatchObject({ outcome: 'unwound' });
});

test('a plan that needs people waits for as many different ones as it needs', () => {
  const by = (name: string): Line => ['approved', 0, { by: name }];
  expect(after([], approved)).toEqual({ at: 'wait' });
  expect(after([by('anna')], approved)).toEqual({ at: 'begin', moveIndex: 0 });
  expect([plan, approved, final].map(approvalsNeeded)).toEqual([0, 1, 2]);
  expect(after([by('anna'), by('anna')], final)).toEqual({ at: 'wait' });
  expect(after([by('anna'), by('ben')], final)).toEqual({ at: 'begin', moveIndex: 0 });
  expect(after([by('anna'), ['rejected', 0, { by: 'ben' }]], final)).toMatchObject({ at: 'end', outcome: 'refused' });
});

test('what has ended stays over', () => {
  expect(after([...done, ['ended', 0, { outcome: 'unwound' }]])).toEqual({ at: 'over', outcome: 'unwound' });
});

const EVENTS: readonly JournalEvent[] = [
  'opened',
  'approved',
  'rejected',
  'cancelled',
  'denied',
  'intent',
  'applied',
  'apply-failed',
  'verified',
  'verify-failed',
  'undo-intent',
  'undone',
  'undo-failed',
  'kept',
  'called',
  'ended',
];

test('every journal has a point to go on from, whatever stands in it', () => {
  const line = fc.tuple(fc.constantFrom(...EVENTS), fc.nat({ max: 3 }));
  const plans = fc.constantFrom(plan, approved, final, planOf({ steps: [] }));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), plans, (lines, of) => {
      const point = resumePoint(journalOf(lines), of);
      if ('moveIndex' in point && point.at !== 'call') expect(of.steps[point.moveIndex]).toBeDefined();
      if (point.at === 'end') expect(point.reason).not.toBe('');
    }),
  );
});
