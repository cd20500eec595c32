import { detectionNumbers } from '../resources/detection-number.ts';
import { expect, test } from 'vitest';
import { claimsAfter, standingAfter } from '../../test/sim/claims.ts';
import { exitAt, inflightAt, probeAt, refOf, requestsAt } from '../../test/sim/readings.ts';
import type { Sample } from '../observe/sample.ts';
import { poisonDetector as poisonBy } from './poison.ts';

const poisonDetector = poisonBy(() => detectionNumbers());

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

test('a route is accused when no single fingerprint explains the deaths and it is seldom in progress; a tenant never', () => {
  const traffic = [requestsAt(0, 'shop', 20), requestsAt(0, 'bank', 980)];
  const route = [died(1, 'a', 'shop /x 1'), died(9_000, 'b', 'shop /x 2'), died(18_000, 'c', 'shop /x 3')];
  expect(claimsAfter(poisonDetector, [...traffic, ...route])[0]?.subject).toMatchObject({
    route: '/x',
    fingerprint: null,
  });
  expect(standingAfter(poisonDetector, [...traffic, ...route.slice(0, 2)])).toEqual([]);
  const atOnce = route.map((each) => ({ ...each, at: 1 }));
  expect(standingAfter(poisonDetector, [...traffic, ...atOnce])).toEqual([]);
  const tenant = [died(1, 'a', 'shop /x 1'), died(9_000, 'b', 'shop /y 2'), died(18_000, 'c', 'shop /z 3')];
  expect(standingAfter(poisonDetector, [...traffic, ...tenant])).toEqual([]);
});

test('a route that is nearly always in progress explains nothing, however many die', () => {
  const traffic = [requestsAt(0, 'shop', 600), requestsAt(0, 'bank', 400)];
  const deaths = Array.from({ length: 4 }, (_, i) => died(9_000 * i, `ins_${i}`, `shop /x ${i}`, `bank /x ${i}`));
  expect(standingAfter(poisonDetector, [...traffic, ...deaths])).toEqual([]);
});

test('deaths that nothing was in progress at speak against it, and those who are killed need to be more', () => {
  const idle = ['c', 'd'].map((id, i) => exitAt(20 + i, refOf(id)));
  const deaths = [died(1, 'a', 'shop /x 1'), died(9, 'b', 'shop /x 1')];
  expect(standingAfter(poisonDetector, [...idle, ...deaths])).toEqual([]);
  const killed = ['a', 'b', 'c'].flatMap((id, i) => [
    exitAt(i, refOf(id), { code: null, signal: 'SIGKILL' }),
    died(i, id, 'shop /x 1'),
  ]);
  expect(standingAfter(poisonDetector, killed.slice(0, 4))).toEqual([]);
  expect(standingAfter(poisonDetector, killed)).toEqual(['poison shop /x 1']);
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
