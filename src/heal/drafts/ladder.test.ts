import { expect, test } from 'vitest';
import { AT } from '../../../test/sim/fleet-views.ts';
import { sceneFleet, sceneOf, settingView, symptomOf } from '../../../test/sim/scenes.ts';
import type { SymptomName } from '../../detect/symptom.ts';
import { BUILTIN_PLAYBOOKS } from '../playbooks.ts';
import { draftLadder } from './ladder.ts';

/** How long the revert of a setting is verified for that was written so long before the first symptom. */
function soakOf(name: SymptomName, beforeMs: number): number | undefined {
  const since = AT - 1_000;
  const change = { value: '1', at: since - beforeMs, by: 'person bo', soakedAt: null };
  const was = { value: '10', at: since - 10_000_000, by: 'person ada', soakedAt: since - 9_000_000 };
  const fleet = sceneFleet({ settings: [settingView('records/POOL', { history: [was, change] })] });
  const instance = { kind: 'instance', name: 'records-0', workload: 'records', version: 1 } as const;
  const evidence = [{ ...symptomOf(name, instance), since }];
  const scene = sceneOf('configuration', { kind: 'setting', name: 'records/POOL' }, fleet, { evidence });
  const playbook = BUILTIN_PLAYBOOKS.find(({ metadata }) => metadata.name === 'revert');
  const [rung] = playbook ? draftLadder(scene, playbook, {}) : [];
  const [step] = rung?.steps ?? [];
  expect(step?.verifyWithinMs).toBeGreaterThanOrEqual(2 * (step?.soakMs ?? 0));
  return step?.soakMs;
}

test('a revert after deaths is verified for as long as the dead had lived under the value, up to five minutes', () => {
  expect(soakOf('exited', 30_000)).toBe(30_000);
  expect(soakOf('crash-loop', 1_000)).toBe(5_000);
  expect(soakOf('exited', 3_600_000)).toBe(300_000);
});

test('what shows at once is verified no longer than its cause takes', () => {
  expect(soakOf('workload-errors', 30_000)).toBe(5_000);
});
