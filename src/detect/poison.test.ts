import { expect, test } from 'vitest';
import { claimsAfter, standingAfter } from '../../test/sim/claims.ts';
import { inflightAt, probeAt, refOf } from '../../test/sim/readings.ts';
import type { Sample } from '../observe/sample.ts';
import { poisonDetector } from './poison.ts';

const died = (at: number, instance: string, ...keys: string[]): Sample => inflightAt(at, refOf(instance), keys);

test('what was in progress in two instances when they died is accused, by its fingerprint', () => {
  const deaths = [died(1, 'a', 'shop /x 1', 'bank /y 2'), died(9, 'b', 'shop /x 1', 'bank /y 3')];
  const [claim, ...more] = claimsAfter(poisonDetector, deaths);
  expect(more).toEqual([]);
  expect(claim).toMatchObject({
    name: 'poison',
    subject: { kind: 'requests', tenant: 'shop', route: '/x', fingerprint: '1', workload: 'records' },
    evidence: { deaths: 2, instances: ['a', 'b'] },
  });
});

test('one death, or one instance that two gateways tell of, accuses nobody', () => {
  expect(standingAfter(poisonDetector, [died(1, 'a', 'shop /x 1')])).toEqual([]);
  expect(standingAfter(poisonDetector, [died(1, 'a', 'shop /x 1'), died(2, 'a', 'shop /x 1')])).toEqual([]);
});

test('a route is accused when no single fingerprint explains the deaths, and a tenant never', () => {
  const route = [died(1, 'a', 'shop /x 1'), died(9, 'b', 'shop /x 2')];
  expect(claimsAfter(poisonDetector, route)[0]?.subject).toMatchObject({ route: '/x', fingerprint: null });
  const tenant = [died(1, 'a', 'shop /x 1'), died(9, 'b', 'shop /y 2')];
  expect(standingAfter(poisonDetector, tenant)).toEqual([]);
});

test('many equal suspects are no finding before there are more deaths', () => {
  const busy = ['shop /x 1', 'bank /y 2', 'court /z 3'];
  expect(standingAfter(poisonDetector, [died(1, 'a', ...busy), died(9, 'b', ...busy)])).toEqual([]);
  const third = [died(1, 'a', ...busy), died(9, 'b', ...busy), died(20, 'c', 'shop /x 1', 'zoo /q 8')];
  expect(standingAfter(poisonDetector, third)).toEqual(['poison shop /x 1']);
});

test('deaths without it do not excuse it, unless they are many', () => {
  const deaths = [died(1, 'a', 'shop /x 1'), died(9, 'b', 'shop /x 1'), died(20, 'c', 'shop /x 1')];
  expect(standingAfter(poisonDetector, [...deaths, died(30, 'd', 'bank /y 2')])).toEqual(['poison shop /x 1']);
  const others = [1, 2, 3].map((i) => died(30 + i, `d${i}`, `bank /y ${i}`));
  expect(standingAfter(poisonDetector, [...others, ...deaths.slice(0, 2)])).not.toContain('poison shop /x 1');
});

test('deaths that are long past are forgotten, and the claim goes when nobody dies any more', () => {
  expect(standingAfter(poisonDetector, [died(1, 'a', 'shop /x 1'), died(700_000, 'b', 'shop /x 1')])).toEqual([]);
  const deaths = [died(1, 'a', 'shop /x 1'), died(9, 'b', 'shop /x 1')];
  expect(standingAfter(poisonDetector, [...deaths, probeAt(60_000, true)])).toHaveLength(1);
  expect(standingAfter(poisonDetector, [...deaths, probeAt(130_000, true)])).toEqual([]);
});
