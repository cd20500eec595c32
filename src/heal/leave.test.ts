import { expect, test } from 'vitest';
import { policySchema } from '../resources/policy.ts';
import { leaveOf } from './leave.ts';

const DAY_MS = 86_400_000;
const declared = (spec: object) =>
  policySchema.parse({ apiVersion: 'kintsugi.dev/v1alpha1', kind: 'Policy', metadata: { name: 'default' }, spec });

test('without a policy the fleet is one in development: no drills, nothing that destroys', () => {
  expect(leaveOf(undefined)).toEqual(leaveOf(declared({})));
  expect(leaveOf(undefined)).toMatchObject({ autonomyMax: 'auto', drillAgeMaxMs: null, destructive: [] });
});

test('production asks for drills within 30 days, unless the policy says another age or none', () => {
  expect(leaveOf(declared({ environment: 'production' })).drillAgeMaxMs).toBe(30 * DAY_MS);
  expect(leaveOf(declared({ environment: 'production', drills: { ageDaysMax: 7 } })).drillAgeMaxMs).toBe(7 * DAY_MS);
  expect(leaveOf(declared({ environment: 'production', drills: { ageDaysMax: null } })).drillAgeMaxMs).toBeNull();
  expect(leaveOf(declared({ drills: { ageDaysMax: 90 } })).drillAgeMaxMs).toBe(90 * DAY_MS);
});
