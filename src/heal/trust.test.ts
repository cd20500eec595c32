import { describe, expect, test } from 'vitest';
import { policyOf } from '../../test/sim/plans.ts';
import { BUILTIN_PLAYBOOKS } from './playbooks.ts';
import { levelOf, type TrackRecord, trustFrom } from './trust.ts';

const playbook = BUILTIN_PLAYBOOKS[0]!;
const { name } = playbook.metadata;
const budget = { harmMax: 100, harmWindowMs: 1_000 };
const nothing: TrackRecord = { harms: [], drills: [], pardons: [] };
const harmed = (...harms: readonly (readonly [at: number, failed: number])[]) =>
  harms.map(([at, failed]) => ({ playbook: name, at, failed }));
const levelFrom = (record: Partial<TrackRecord>, now: number) =>
  levelOf(playbook, trustFrom({ ...nothing, ...record }, budget, now), policyOf({ harmMax: 100 })).level;

describe('autonomy', () => {
  test('is what was given while no harm was done', () => {
    expect(levelFrom({}, 0)).toBe('auto');
    expect(levelFrom({ harms: harmed([1, 100]) }, 2)).toBe('auto');
    expect(levelOf(playbook, {}, policyOf({ autonomyMax: 'propose' })).level).toBe('propose');
    expect(levelOf(undefined, {}, policyOf()).level).toBe('observe');
  });

  test('is lost at once with the repair that spends the harm budget, and time alone does not bring it back', () => {
    const harms = harmed([1, 60], [2, 41]);
    expect(levelFrom({ harms }, 1)).toBe('auto');
    expect(levelFrom({ harms }, 2)).toBe('approve');
    expect(levelFrom({ harms }, 1_000_000)).toBe('approve');
  });

  test('comes back when a person says so, until the next harm', () => {
    const harms = harmed([1, 101], [50, 101]);
    const pardons = [{ playbook: name, at: 10 }];
    expect(levelFrom({ harms, pardons }, 20)).toBe('auto');
    expect(levelFrom({ harms, pardons }, 50)).toBe('approve');
  });

  test('harm that is far apart is not one budget', () => {
    expect(levelFrom({ harms: harmed([1, 60], [2_000, 60]) }, 2_000)).toBe('auto');
  });
});

test('a drill that failed takes away the one that had passed', () => {
  const drills = [
    { playbook: name, at: 1, passed: true },
    { playbook: name, at: 5, passed: false },
  ];
  expect(trustFrom({ ...nothing, drills }, budget, 4)[name]?.drilledAt).toBe(1);
  expect(trustFrom({ ...nothing, drills }, budget, 6)[name]?.drilledAt).toBeNull();
});
