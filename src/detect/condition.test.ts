import { expect, test } from 'vitest';
import { claimsAfter, standingAfter } from '../../test/sim/claims.ts';
import { conditionAt } from '../../test/sim/readings.ts';
import type { Sample } from '../observe/sample.ts';
import { conditionDetector } from './condition.ts';

const clock = 'clock eu-1';
const skewed = (at: number, holds = true, vantage = 'prober'): Sample =>
  conditionAt(at, clock, 'skewed', holds, { vantage, reason: `it is off`, detail: { skewMs: 90_000 } });

test('one reading may be wrong; the second in a row is believed, since the first', () => {
  expect(standingAfter(conditionDetector, [skewed(1_000)])).toEqual([]);
  const [claim] = claimsAfter(conditionDetector, [skewed(1_000), skewed(6_000)]);
  expect(claim).toMatchObject({
    name: 'asset-skewed',
    subject: { kind: 'asset', name: clock },
    since: 1_000,
    at: 6_000,
  });
  expect(claim).toMatchObject({ reason: 'it is off', evidence: { skewMs: 90_000 } });
});

test('one reading of each of two vantages is believed at once', () => {
  const [claim] = claimsAfter(conditionDetector, [skewed(1_000), skewed(1_100, true, 'gateway-1')]);
  expect(claim?.vantages).toEqual(['prober', 'gateway-1']);
});

test('it goes as it came, a little later: what it did to others is felt so long', () => {
  const seen = [skewed(1_000), skewed(6_000)];
  expect(standingAfter(conditionDetector, [...seen, skewed(11_000, false)])).toHaveLength(1);
  const denied = [skewed(11_000, false), skewed(16_000, false)];
  expect(standingAfter(conditionDetector, [...seen, ...denied])).toHaveLength(1);
  expect(standingAfter(conditionDetector, [...seen, ...denied, skewed(27_000, false)])).toEqual([]);
  expect(standingAfter(conditionDetector, [...seen, skewed(11_000, false), skewed(16_000)])).toHaveLength(1);
  expect(standingAfter(conditionDetector, [skewed(1_000), skewed(6_000, false), skewed(11_000)])).toEqual([]);
});

test('conditions of one asset are claims of their own, and readings that are far apart are not in a row', () => {
  const two = [skewed(1), skewed(2), conditionAt(3, clock, 'missing'), conditionAt(4, clock, 'missing')];
  expect(standingAfter(conditionDetector, two)).toEqual([`asset-skewed ${clock}`, `asset-missing ${clock}`]);
  expect(standingAfter(conditionDetector, [skewed(1), skewed(3_600_000)])).toEqual([]);
});

test('a claim stays for as long as readings may be apart, and no longer', () => {
  const at = (everyMs: number) =>
    claimsAfter(conditionDetector, [skewed(0), skewed(everyMs), skewed(2 * everyMs)])[0]?.staysMs;
  expect(at(1_000)).toBe(30_000);
  expect(at(60_000)).toBe(240_000);
});

test('whoever denies it is named', () => {
  const heard = [skewed(1, false, 'keeper'), skewed(2), skewed(3)];
  expect(claimsAfter(conditionDetector, [skewed(0), ...heard])[0]?.evidence).toMatchObject({ deniedBy: ['keeper'] });
});
