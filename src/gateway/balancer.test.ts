import { afterEach, expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { pickInstance } from './balancer.ts';
import { Fleet } from './fleet.ts';
import type { Instance } from './instance.ts';
import { RoutingTable } from './routing-table.ts';
import type { Snapshot } from './snapshot.ts';

let fleet = new Fleet();
afterEach(async () => {
  await fleet.close();
  fleet = new Fleet();
});

function instances(...regions: string[]): Instance[] {
  const entries: Snapshot['instances'] = regions.map((region, n) => {
    return { id: `ins_${n}`, workload: 'web', version: 1, region, host: '127.0.0.1', port: 9, state: 'ready' };
  });
  const head = { format: 1, revision: 1, epoch: 1, writtenAt: '', tenants: [], routes: [] } as const;
  fleet.apply(new RoutingTable({ ...head, tenants: [], routes: [], mitigations: [], instances: entries }), 0);
  return [...fleet.all()];
}

function picked(regions: string[], tried: Instance[] = [], nowMs = 0): Set<string | undefined> {
  const random = seededRandom(7);
  const wanted = { tenant: 'acme', workload: 'web', regions, tried: new Set(tried) };
  return new Set(Array.from({ length: 200 }, () => pickInstance(fleet, wanted, random, nowMs)?.entry.id));
}

test('only permitted regions are used, the first with a good instance', () => {
  const [de] = instances('de', 'us', 'fr');
  expect(picked(['de', 'fr'])).toEqual(new Set(['ins_0']));
  de?.ejection.note('acme', 'unreachable', 0);
  expect(picked(['de', 'fr'])).toEqual(new Set(['ins_2']));
  expect(picked(['de'])).toEqual(new Set(['ins_0']));
  expect(picked(['jp'])).toEqual(new Set([undefined]));
});

test('of two instances the less loaded is taken', () => {
  const [a] = instances('de', 'de');
  if (a) a.inflight = 3;
  expect(picked(['de'])).toEqual(new Set(['ins_1']));
});

test('when more than half are ejected, ejection is ignored', () => {
  const all = instances('de', 'de', 'de', 'de');
  all[0]?.ejection.note('acme', 'unreachable', 0);
  all[1]?.ejection.note('acme', 'unreachable', 0);
  expect(picked(['de'])).toEqual(new Set(['ins_2', 'ins_3']));
  all[2]?.ejection.note('acme', 'unreachable', 0);
  expect(picked(['de']).size).toBe(4);
});

test('one that was tried is taken again only when there is no other', () => {
  const all = instances('de', 'de');
  expect(picked(['de'], all.slice(0, 1))).toEqual(new Set(['ins_1']));
  expect(picked(['de'], all).size).toBe(2);
});

test('an instance that is silent while its sibling answers is avoided; when all are silent none is', () => {
  const [a, b] = instances('de', 'de') as [Instance, Instance];
  a.waiting.add({ startedMs: 0 });
  expect(picked(['de'], [], 600).size).toBe(2);
  b.lastAnswerMs = 300;
  expect(picked(['de'], [], 600)).toEqual(new Set(['ins_1']));
  a.lastAnswerMs = 550;
  expect(picked(['de'], [], 600).size).toBe(2);
});
