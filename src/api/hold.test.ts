import { expect, test } from 'vitest';
import { refOf, requestsAt, triesAt } from '../../test/sim/readings.ts';
import { run } from '../detect/detector.ts';
import { objectiveDetector } from '../detect/objective.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import { versionDetector } from '../detect/version.ts';
import { doubtedRelease, spentBudget } from './hold.ts';

const PROMISED = { availability: 0.99, latencyMs: 500, periodMs: 60_000 };
const FREEZE = { availability: 'freeze', latency: 'tell' } as const;

function accountsAfter(failed: number, requests: number) {
  const detector = run(
    objectiveDetector(
      () => PROMISED,
      () => detectionNumbers(),
    ),
  );
  const each = 240;
  for (let i = 0; i < each; i++) {
    detector.feed(requestsAt(1_000_000 + i * 250, 'shop', (requests - failed) / each, failed / each));
  }
  return [...detector.tell(1_000_000 + each * 250)];
}

test('a spent availability budget keeps back releases of that workload, where the policy says so', () => {
  const spent = accountsAfter(240, 4_800);
  expect(spentBudget(spent, 'records', FREEZE)).toBe(
    'the availability budget of tenant shop for 1 min, which is spent (spec.errorBudget.availability of the Policy)',
  );
  expect(spentBudget(spent, 'other', FREEZE)).toBeUndefined();
  expect(spentBudget(spent, 'records', { availability: 'tell', latency: 'freeze' })).toBeUndefined();
});

test('so does that of a class of routes of the workload, by its name', () => {
  const accounts = accountsAfter(240, 4_800).map((each) => ({ ...each, series: `${each.series} exports` }));
  expect(spentBudget(accounts, 'records', FREEZE)).toContain(
    'the availability budget of tenant shop (exports) for 1 min',
  );
  expect(spentBudget(accounts, 'record', FREEZE)).toBeUndefined();
});

test('a budget that is not spent, or of a handful of requests, keeps nothing back', () => {
  expect(spentBudget(accountsAfter(24, 4_800), 'records', FREEZE)).toBeUndefined();
  expect(spentBudget(accountsAfter(1, 5), 'records', FREEZE)).toBeUndefined();
});

/** A version that serves for half a minute, and a canary of the next that answers three requests, of which so many fail. */
function canaryAfter(failed: number, failedBefore = 0) {
  const detector = run(versionDetector(() => detectionNumbers()));
  const [old, young] = [refOf('records-1', 'records', 1), refOf('records-2', 'records', 2)];
  for (let at = 1_000_000; at < 1_030_000; at += 500) detector.feed(triesAt(at, 10 - failedBefore, failedBefore, old));
  detector.feed(triesAt(1_030_000, 3 - failed, failed, young));
  return () => [...detector.tell(1_030_000)];
}

const CANARY = { name: 'records', phase: 'canary', targetVersion: 2 } as const;

test('a canary whose first requests fail is given to nobody else, however few they are, and not trusted', () => {
  const why = '100 % of 3 requests to records@2 fail, 0 % did at version 1';
  expect(doubtedRelease(canaryAfter(3), CANARY)).toBe(why);
  expect(doubtedRelease(canaryAfter(3), { ...CANARY, phase: 'soaking' })).toBe(why);
});

test('nothing is held back by one failure, by what both versions do, or of what is not on its way', () => {
  expect(doubtedRelease(canaryAfter(1), CANARY)).toBeUndefined();
  expect(doubtedRelease(canaryAfter(3, 10), CANARY)).toBeUndefined();
  expect(doubtedRelease(canaryAfter(3), { ...CANARY, phase: 'steady' })).toBeUndefined();
  expect(doubtedRelease(canaryAfter(3), { ...CANARY, targetVersion: 1 })).toBeUndefined();
});
