import { expect, test } from 'vitest';
import { policySchema } from './policy.ts';

function parse(spec: object, name = 'default') {
  return policySchema.safeParse({ apiVersion: 'kintsugi.dev/v1alpha1', kind: 'Policy', metadata: { name }, spec });
}
const problems = (spec: object, name?: string) =>
  parse(spec, name).error?.issues.map(({ path, message }) => `${path.join('/')}: ${message}`);

test('there is one policy, and its name is default', () => {
  expect(problems({})).toBeUndefined();
  expect(problems({}, 'other')).toEqual(['metadata/name: must be `default`: there is one policy']);
});

test('thresholds are known by name and stay inside their bounds', () => {
  expect(problems({ thresholds: { 'panic.shareMin': 0.6, 'attempts.repairsMax': 3 } })).toBeUndefined();
  expect(problems({ thresholds: { 'panic.shareMin': 0.01 } })?.[0]).toMatch('spec/thresholds/panic.shareMin');
  expect(problems({ thresholds: { 'panic.share': 0.5 } })?.[0]).toMatch('Unrecognized key: "panic.share"');
});
