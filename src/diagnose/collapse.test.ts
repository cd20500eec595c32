import { describe, expect, test } from 'vitest';
import { fleetView, tenantView, workloadView } from '../../test/sim/fleet-views.ts';
import { BEGAN, found, instanceNamed, seen, workloadNamed } from '../../test/sim/symptoms.ts';

const fleet = fleetView([workloadView('records')], [tenantView('shop')]);

/** The workload takes that many times as long as usual, in the median. */
const slow = (times: number, where = 'median') =>
  seen('workload-slow', workloadNamed('records'), { ms: 20 * times, usualMs: 20, where });
const errors = (counts: Readonly<Record<string, number>>) =>
  seen('instance-errors', instanceNamed('records-0'), { failedShare: 0.9, siblingsFailedShare: 0, errors: counts });
const slower = (siblingsMedianMs: number) =>
  seen('instance-slow', instanceNamed('records-0'), { medianMs: 2_000, siblingsMedianMs });

const accused = ['instance-degraded: records-0'];

describe('who stands out while the whole workload cannot keep up', () => {
  test('is not sick when its requests run out of time and find its queue full', () => {
    expect(found(fleet, errors({ timeout: 60, exhausted: 30, 'server-error': 10 }), slow(40))).not.toEqual(accused);
    expect(found(fleet, errors({ timeout: 60, exhausted: 30, 'server-error': 10 }))).toEqual(accused);
  });

  test('is sick when its requests fail of something else', () => {
    expect(found(fleet, errors({ timeout: 30, 'server-error': 70 }), slow(40))).toEqual(accused);
    expect(found(fleet, errors({}), slow(40))).toEqual(accused);
  });

  test('is not sick for being slowest among siblings that are slow themselves', () => {
    expect(found(fleet, slower(300), slow(40))).not.toEqual(accused);
    expect(found(fleet, slower(30), slow(40))).toEqual(accused);
  });

  test('is not sick either when the others get well first, and is when it was sick before them', () => {
    const before = { ...slow(3), since: BEGAN - 60_000 };
    const after = { ...slow(3), since: BEGAN + 1_000 };
    expect(found(fleet, errors({ timeout: 100 }), before)).not.toEqual(accused);
    expect(found(fleet, errors({ timeout: 100 }), after)).toEqual(accused);
  });

  test('is sick when only the slowest requests of the workload are slow', () => {
    expect(found(fleet, errors({ timeout: 100 }), slow(40, 'slowest tenth'))).toEqual(accused);
  });
});

test('what an instance failed with before it was left out does not say that the workload is overloaded now', () => {
  const whole = (counts: Readonly<Record<string, number>>) =>
    seen('workload-errors', workloadNamed('records'), {
      failedShare: 0.4,
      errors: counts,
      instancesFailing: 3,
      instancesSeen: 3,
    });
  const old = ['records-0', 'records-1'].map((id) =>
    seen('instance-errors', instanceNamed(id), { failedShare: 1, errors: { exhausted: 900 } }),
  );
  expect(found(fleet, whole({ timeout: 90, exhausted: 30 }), ...old)).toContain('overload: records');
  expect(found(fleet, whole({ timeout: 120, exhausted: 3 }), ...old)).not.toContain('overload: records');
});
