import { expect, test } from 'vitest';
import { requestsAt } from '../../test/sim/readings.ts';
import { run } from '../detect/detector.ts';
import { objectiveDetector } from '../detect/objective.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import { spentBudget } from './hold.ts';

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

test('a budget that is not spent, or of a handful of requests, keeps nothing back', () => {
  expect(spentBudget(accountsAfter(24, 4_800), 'records', FREEZE)).toBeUndefined();
  expect(spentBudget(accountsAfter(1, 5), 'records', FREEZE)).toBeUndefined();
});
