import { expect, test } from 'vitest';
import { AT } from '../../test/sim/fleet-views.ts';
import { diagnosisOf } from '../../test/sim/plans.ts';
import { sceneFleet } from '../../test/sim/scenes.ts';
import type { Cause } from '../resources/playbook.ts';
import { isRunningOut, spentContainments } from './containment.ts';
import type { Incident } from './memory.ts';

const incident = (id: string, cause: Cause): Incident => ({
  id,
  key: id,
  state: 'open',
  outcome: null,
  openedAt: '',
  closedAt: null,
  body: { diagnosis: diagnosisOf(cause, { kind: 'workload', name: 'records' }), detectedAt: '', refusal: null },
});
const holding = (id: string, of: string, minutes = 30) => ({ id, incident: of, until: AT + minutes * 60_000 });
const fleetWith = (...containments: readonly ReturnType<typeof holding>[]) => sceneFleet({ containments });

test('what held an incident is let go once that is over, and not before', () => {
  const fleet = fleetWith(holding('limit-1', 'inc_1'), holding('limit-2', 'inc_2'));
  const spent = (...open: readonly Incident[]) => spentContainments(fleet, open).map(({ id }) => id);
  expect(spent(incident('inc_1', 'compliance'), incident('inc_2', 'compliance'))).toEqual([]);
  expect(spent(incident('inc_2', 'compliance'))).toEqual(['limit-1']);
  expect(spent()).toEqual(['limit-1', 'limit-2']);
  expect(spentContainments(sceneFleet(), [])).toEqual([]);
});

test('what held for its time alone is let go after it, whatever is open: then it holds nothing any more', () => {
  const over = { ...holding('limit-1', 'inc_1', -1), hasEnded: true };
  const open = [incident('inc_1', 'compliance'), incident('inc_2', 'isolation')];
  expect(spentContainments(fleetWith(over, holding('limit-2', 'inc_2', -90)), open).map(({ id }) => id)).toEqual([
    'limit-1',
  ]);
});

test('nothing is let go while something leaks: the incident may go on as another one', () => {
  expect(spentContainments(fleetWith(holding('limit-1', 'inc_1')), [incident('inc_9', 'isolation')])).toEqual([]);
});

test('what holds is about to end when all of it is, and an incident that nothing holds is left alone', () => {
  const held = incident('inc_1', 'isolation');
  expect(isRunningOut(held, fleetWith(holding('limit-1', 'inc_1', 11)))).toBe(true);
  expect(isRunningOut(held, fleetWith(holding('limit-1', 'inc_1', 11), holding('limit-2', 'inc_1', 30)))).toBe(false);
  expect(isRunningOut(held, fleetWith(holding('limit-1', 'inc_2', 11)))).toBe(false);
  expect(isRunningOut(incident('inc_1', 'compliance'), fleetWith(holding('limit-1', 'inc_1', 11)))).toBe(false);
});
